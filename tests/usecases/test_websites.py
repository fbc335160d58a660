"""The first user's website, read into rows, and what a person decides about each."""

from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.domain.content import Visibility
from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.website import read_website
from mailer.domain.when import Confidence, Precision, When
from mailer.storage.imports import (
    Finding,
    FindingState,
    WebsiteImport,
    count_open_findings,
    list_imports,
)
from mailer.storage.organisations import list_organisations
from mailer.storage.projects import Milestone, Project, as_values, list_all
from mailer.storage.texts import load_texts
from mailer.usecases import setup
from mailer.usecases.findings import Choice, decide
from mailer.usecases.websites import ImportResult, import_website
from tests.usecases.edits import ANNA

SEED = (Path(__file__).parents[1] / "data" / "migact-website.txt").read_text(encoding="utf-8")
COUNTS = {"milestones": 20, "projects": 4, "clear": 10, "open": 14}


@pytest.fixture
def read(session: Session, now: datetime) -> ImportResult:
    setup.set_up(session, None, now)
    return import_website(session, SEED, "migact.org", ANNA, now)


def _finding(session: Session, kind: str, position: int) -> Finding:
    query = select(Finding).where(Finding.kind == kind, Finding.position == position)
    return session.scalars(query).one()


def _milestone(session: Session, position: int) -> Milestone:
    finding = _finding(session, "milestone", position)
    return session.get_one(Milestone, finding.milestone_id)


def _project(session: Session, position: int) -> Project:
    return session.get_one(Project, _finding(session, "project", position).project_id)


def _count(session: Session, table: type[object]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_import_keeps_every_row(session: Session, read: ImportResult) -> None:
    kept = [_count(session, table) for table in (WebsiteImport, Finding, Milestone, Project)]

    assert (read.counts, read.new) == (COUNTS, 24)
    assert read.notes == read_website(SEED).notes
    assert kept == [1, 24, 20, 4]
    assert count_open_findings(session) == 14
    assert list_imports(session)[0].language == "en-GB"


def test_import_shows_only_what_is_certain(session: Session, read: ImportResult) -> None:
    public = session.scalars(select(Milestone.position).where(Milestone.is_public))

    assert sorted(public) == [6, 7, 8, 10, 13, 16, 17, 18, 19, 20]


def test_import_keeps_a_doubtful_date_as_read(session: Session, read: ImportResult) -> None:
    when = _milestone(session, 14).when

    assert (when.raw, when.confidence, when.starts_on, when.ends_on) == (
        "April and May, 2023",
        Confidence.DOUBTFUL,
        date(2023, 4, 1),
        date(2023, 5, 31),
    )


def test_import_makes_projects_drafts(session: Session, read: ImportResult) -> None:
    made = [
        (one.title.source(), one.slug, one.period.starts_on, one.visibility)
        for one in as_values(session, list_all(session))
    ]

    assert made == [
        (
            "MigAct capacity building",
            "migact-capacity-building",
            date(2024, 6, 1),
            Visibility.DRAFT,
        ),
        (
            "City for All – Support for Civic Participation in an Intercultural Environment",
            "city-for-all-support-for-civic-participation-in-an",
            date(2024, 5, 1),
            Visibility.DRAFT,
        ),
        ("", "project-2", date(2022, 4, 1), Visibility.DRAFT),
        ("", "project", None, Visibility.DRAFT),
    ]


def test_import_joins_organisations_by_name(session: Session, read: ImportResult) -> None:
    names = [(one.name, one.legal_form) for one in list_organisations(session)]
    partners = [
        (link.organisation.name, link.role.value) for link in _project(session, 4).organisations
    ]

    assert names == [
        ("AMIGA", ""),
        ("DoFE", ""),
        ("EPIM", ""),
        ("Eurocities", ""),
        ("InBáze", "z.s."),
        ("Matertera", "z.s."),
        ("MigAct", ""),
        ("Prague City Hall", ""),
        ("Rehearsal for Reality", "z.s."),
    ]
    assert partners == [
        ("Matertera", "participant"),
        ("DoFE", "participant"),
        ("Rehearsal for Reality", "participant"),
        ("AMIGA", "participant"),
        ("InBáze", "implementer"),
    ]
    assert _project(session, 4).and_others is True


@pytest.mark.parametrize(
    "text", [SEED, SEED.replace("\n", "\r\n"), SEED + "\n\n"], ids=["same", "browser", "newlines"]
)
def test_import_of_the_same_text_changes_nothing(
    session: Session, now: datetime, read: ImportResult, text: str
) -> None:
    again = import_website(session, text, "migact.org", ANNA, now)

    assert (again.counts, again.new) == (COUNTS, 0)
    assert (_count(session, WebsiteImport), _count(session, Finding)) == (1, 24)


def test_import_of_an_edited_text_adds_only_new_rows(
    session: Session, now: datetime, read: ImportResult
) -> None:
    edited = SEED.replace("Our Timeline\n", "Our Timeline\n\nAutumn picnic\n\nOctober, 2024\n", 1)

    again = import_website(session, edited, "migact.org", ANNA, now)

    assert again.new == 1
    assert (_count(session, WebsiteImport), _count(session, Milestone)) == (2, 21)
    titles = [finding.reading["title"] for finding in list_imports(session)[0].findings]
    assert titles == ["Autumn picnic"]


@pytest.mark.parametrize(
    "text", ["PK\0\3", "", "Hello", "Our Timeline", "Our Timeline\n\n", "Contact\n\nMe"]
)
def test_import_refuses_what_says_nothing(session: Session, now: datetime, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        import_website(session, text, "file.txt", ANNA, now)

    assert caught.value.field == "text"
    assert _count(session, WebsiteImport) == 0


def test_import_of_two_rows_of_one_title_keeps_both(session: Session, now: datetime) -> None:
    text = "Our Timeline\n\nPicnic\n\nMay, 2023\n\nPicnic\n\nMay, 2022\n"

    first = import_website(session, text, "example.org", ANNA, now)
    third = text + "\nPicnic\n\nMay, 2021\n"
    second = import_website(session, third, "example.org", ANNA, now)

    assert (first.new, second.new) == (2, 1)


@pytest.mark.parametrize(
    ("position", "choice", "value", "when"),
    [
        (14, Choice.ACCEPT, "", When.months((2023, 4), (2023, 5))),
        (14, Choice.DATE, "June 2023", When.month(2023, 6)),
        (
            3,
            Choice.DATE,
            "6 May 2024, 17:30-20:00",
            When.at(datetime(2024, 5, 6, 17, 30), datetime(2024, 5, 6, 20, 0)),
        ),
        (3, Choice.UNDATED, "", When.unknown()),
        (15, Choice.DATE, "winter 2023/24", When.across_winter(2023)),
    ],
)
def test_decide_settles_a_date(
    session: Session,
    now: datetime,
    read: ImportResult,
    position: int,
    choice: Choice,
    value: str,
    when: When,
) -> None:
    finding = _finding(session, "milestone", position)

    decide(session, finding.id, choice, value, who=ANNA, now=now)

    milestone = _milestone(session, position)
    assert (milestone.is_public, finding.state, finding.decided_by) == (
        True,
        FindingState.DECIDED,
        ANNA,
    )
    assert (milestone.when.precision, milestone.when.starts_at, milestone.when.ends_on) == (
        when.precision,
        when.starts_at,
        when.ends_on,
    )
    is_known = when.precision is not Precision.UNKNOWN
    assert (milestone.when.confidence is Confidence.EXACT) is is_known


def test_decide_ignore_keeps_it_from_readers(
    session: Session, now: datetime, read: ImportResult
) -> None:
    certain = _finding(session, "milestone", 8)
    past = _finding(session, "project", 4)

    for finding in (certain, past):
        decide(session, finding.id, Choice.IGNORE, "", who=ANNA, now=now)

    assert _milestone(session, 8).is_public is False
    assert _project(session, 4).visibility is Visibility.WITHDRAWN
    assert [certain.state, past.state] == [FindingState.IGNORED] * 2


def test_decide_can_be_decided_again(session: Session, now: datetime, read: ImportResult) -> None:
    finding = _finding(session, "project", 1)

    decide(session, finding.id, Choice.IGNORE, "", who=ANNA, now=now)
    decide(session, finding.id, Choice.ACCEPT, "", who=ANNA, now=now)

    assert finding.state is FindingState.DECIDED
    assert _project(session, 1).visibility is Visibility.DRAFT


@pytest.mark.parametrize(
    ("position", "choice", "value", "title", "slug"),
    [
        (3, Choice.ACCEPT, "", "UNITES", "unites"),
        (3, Choice.TITLE, "UNITES in Prague", "UNITES in Prague", "unites-in-prague"),
        (4, Choice.TITLE, " InBáze platform ", "InBáze platform", "inbaze-platform"),
    ],
)
def test_decide_gives_a_project_its_lost_title(
    session: Session,
    now: datetime,
    read: ImportResult,
    position: int,
    choice: Choice,
    value: str,
    title: str,
    slug: str,
) -> None:
    decide(session, _finding(session, "project", position).id, choice, value, who=ANNA, now=now)

    project = as_values(session, [_project(session, position)])[0]
    assert (project.title.source(), project.slug) == (title, slug)
    assert project.visibility is Visibility.DRAFT


def test_decide_title_of_a_milestone_leaves_its_date_in_doubt(
    session: Session, now: datetime, read: ImportResult
) -> None:
    finding = _finding(session, "milestone", 14)

    decide(session, finding.id, Choice.TITLE, "First anniversary", who=ANNA, now=now)

    texts = load_texts(session, "milestone", [finding.milestone_id or 0])
    assert texts[finding.milestone_id or 0]["title"].source() == "First anniversary"
    assert (finding.state, _milestone(session, 14).is_public) == (FindingState.OPEN, False)


@pytest.mark.parametrize(
    ("kind", "position", "choice", "value", "mistake"),
    [
        ("milestone", 3, Choice.ACCEPT, "", Refused),
        ("milestone", 3, Choice.DATE, "soon", Invalid),
        ("milestone", 3, Choice.DATE, "Monday 7 May 2024", Invalid),
        ("milestone", 3, Choice.DATE, "", Invalid),
        ("project", 4, Choice.ACCEPT, "", Refused),
        ("project", 4, Choice.TITLE, " ", Invalid),
        ("project", 4, Choice.TITLE, "t" * 151, Invalid),
    ],
)
def test_decide_refuses_what_settles_nothing(
    session: Session,
    now: datetime,
    read: ImportResult,
    kind: str,
    position: int,
    choice: Choice,
    value: str,
    mistake: type[Exception],
) -> None:
    finding = _finding(session, kind, position)

    with pytest.raises(mistake):
        decide(session, finding.id, choice, value, who=ANNA, now=now)

    assert finding.state is FindingState.OPEN


def test_decide_about_nothing_is_not_found(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound):
        decide(session, 99, Choice.ACCEPT, "", who=ANNA, now=now)
