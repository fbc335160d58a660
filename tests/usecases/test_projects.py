"""Projects as a coordinator handles them, and the organisations in them."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy.orm import Session

from mailer.domain.content import ProjectStatus, Visibility
from mailer.domain.errors import Invalid, Refused
from mailer.domain.when import When
from mailer.storage.audit import list_about
from mailer.storage.organisations import OrganisationRole, list_organisations
from mailer.storage.projects import Project, as_values
from mailer.usecases import projects
from mailer.usecases.organisations import get_or_add, split_legal_form
from mailer.usecases.projects import Partner, ProjectEdit
from tests.usecases.edits import ANNA, words

PERIOD = When.on(date(2026, 5, 1), date(2026, 12, 31))
CITY = ProjectEdit(words("City for All", funder_ack="Paid by the City of Prague."), PERIOD)


def _partners(project: Project) -> list[tuple[str, str, OrganisationRole]]:
    return [
        (link.organisation.name, link.organisation.legal_form, link.role)
        for link in project.organisations
    ]


def test_create_keeps_who_is_in_it(session: Session, now: datetime) -> None:
    partners = (
        Partner("Prague City Hall", OrganisationRole.FUNDER),
        Partner("InBáze z. s.", OrganisationRole.PARTNER),
        Partner(" ", OrganisationRole.PARTNER),
    )

    project = projects.create(session, replace(CITY, partners=partners), who=ANNA, now=now)

    assert _partners(project) == [
        ("Prague City Hall", "", OrganisationRole.FUNDER),
        ("InBáze", "z.s.", OrganisationRole.PARTNER),
    ]
    value = as_values(session, [project])[0]
    assert (value.funder_ack.source(), value.status(now), value.visibility) == (
        "Paid by the City of Prague.",
        ProjectStatus.ACTIVE,
        Visibility.DRAFT,
    )


def test_change_replaces_the_partners(session: Session, now: datetime) -> None:
    partners = (Partner("AMIGA", OrganisationRole.PARTNER),)
    project = projects.create(session, replace(CITY, partners=partners), who=ANNA, now=now)
    edit = replace(CITY, partners=(Partner("Amiga", OrganisationRole.FUNDER),), and_others=True)

    projects.change(session, project.id, edit, revision=1, who=ANNA, now=now)

    session.flush()
    session.expire_all()
    assert _partners(project) == [("AMIGA", "", OrganisationRole.FUNDER)]
    assert (project.and_others, project.revision) == (True, 2)


def test_status_is_computed_unless_somebody_says_otherwise(session: Session, now: datetime) -> None:
    edit = replace(CITY, status_override=ProjectStatus.PAUSED)

    project = projects.create(session, edit, who=ANNA, now=now)

    assert as_values(session, [project])[0].status(now) is ProjectStatus.PAUSED


def test_publish_and_withdraw(session: Session, now: datetime) -> None:
    project = projects.create(session, CITY, who=ANNA, now=now)

    projects.publish(session, project.id, who=ANNA, now=now)
    projects.publish(session, project.id, who=ANNA, now=now)
    projects.withdraw(session, project.id, who=ANNA, now=now)

    session.flush()
    actions = [entry.action for entry in list_about(session, "project", project.id)]
    assert actions == ["project created", "project published", "project withdrawn"]
    assert project.visibility is Visibility.WITHDRAWN


def test_publish_refuses_a_project_without_a_title(session: Session, now: datetime) -> None:
    draft = projects.add_draft(session, ProjectEdit(words(""), When.unknown()), now)

    with pytest.raises(Refused, match="There is no title"):
        projects.publish(session, draft.id, who=ANNA, now=now)

    assert draft.slug == "project"


def test_change_of_a_stale_form_is_refused(session: Session, now: datetime) -> None:
    project = projects.create(session, CITY, who=ANNA, now=now)
    projects.change(session, project.id, CITY, revision=1, who=ANNA, now=now)

    with pytest.raises(Refused, match="Somebody else saved this"):
        projects.change(session, project.id, CITY, revision=1, who=ANNA, now=now)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"partners": (Partner("A", OrganisationRole.PARTNER),) * 61}, "partners"),
        ({"partners": (Partner("A" * 201, OrganisationRole.PARTNER),)}, "organisations"),
        ({"url": "//example.org"}, "url"),
        ({"grant_no": "1" * 61}, "grant_no"),
    ],
)
def test_create_refuses_what_cannot_be_kept(
    session: Session, now: datetime, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        projects.create(session, replace(CITY, **changes), who=ANNA, now=now)  # type: ignore[arg-type]

    assert caught.value.field == field


def test_organisation_is_one_under_all_its_spellings(session: Session) -> None:
    spellings = ["InBáze z.s.", "InBaze", "Inbaze", "INBÁZE, z. s."]

    found = {get_or_add(session, name).id for name in spellings}

    assert len(found) == 1


def test_organisation_is_known_by_its_long_name_too(session: Session) -> None:
    short = get_or_add(session, "EPIM", "European Philanthropic Initiative for Migration")

    long = get_or_add(session, "European philanthropic initiative for migration")
    other = get_or_add(session, "ICP")

    assert long.id == short.id
    assert [one.name for one in list_organisations(session)] == ["EPIM", "ICP"]
    assert other.id != short.id


@pytest.mark.parametrize(
    ("written", "split"),
    [
        ("MigAct z.s.", ("MigAct", "z.s.")),
        ("Česká spořitelna, a. s.", ("Česká spořitelna", "a.s.")),
        ("Mighty z.s. friends", ("Mighty z.s. friends", "")),
        ("AMIGA", ("AMIGA", "")),
    ],
)
def test_legal_form_is_split_off(written: str, split: tuple[str, str]) -> None:
    assert split_legal_form(written) == split
