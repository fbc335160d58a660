"""Projects: what they are, how long they run, who is in them, and what they owe their funders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.content import ItemKey, ItemKind, ProjectStatus, Visibility
from mailer.domain.errors import Invalid
from mailer.domain.spelling import tidy
from mailer.domain.when import When
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.organisations import OrganisationLink, OrganisationRole
from mailer.storage.projects import Project, get_project
from mailer.usecases import publishing
from mailer.usecases.editing import (
    Wordings,
    check_link,
    check_revision,
    check_wordings,
    find_title,
    free_slug,
    one_line,
    save_wordings,
)
from mailer.usecases.organisations import get_or_add

MOST_PARTNERS = 60


@dataclass(frozen=True, slots=True)
class Partner:
    """An organisation by any of its names, and its part in the project."""

    name: str
    role: OrganisationRole
    long_name: str = ""


@dataclass(frozen=True, slots=True)
class ProjectEdit:
    """All of a project that a form sets. `period` is unknown rather than guessed."""

    wordings: Wordings
    period: When
    partners: Sequence[Partner] = ()
    and_others: bool = False
    status_override: ProjectStatus | None = None
    grant_no: str = ""
    url: str = ""
    topics: tuple[str, ...] = ()


def create(
    session: Session, edit: ProjectEdit, *, who: str, now: datetime, publish: bool = False
) -> Project:
    """A new draft, published at once when asked. Raises Invalid for what cannot be kept."""
    _check(edit)
    project = add_draft(session, edit, now)
    audit.record_item(session, who, "project created", now, key_of(project))
    if publish:
        publishing.publish(session, project, key_of(project), who, now)
    return project


def add_draft(session: Session, edit: ProjectEdit, now: datetime) -> Project:
    """The rows of a new draft, which may still lack a title; for `create` and for imports."""
    title = edit.wordings.source("title")
    slug = free_slug(session, Project.slug, title, "project")
    project = Project(slug=slug, created_at=now, changed_at=now)
    _fill(session, project, edit, now)
    session.add(project)
    session.flush()
    save_wordings(session, key_of(project), edit.wordings, now)
    return project


def change(
    session: Session,
    project_id: int,
    edit: ProjectEdit,
    *,
    revision: int,
    who: str,
    now: datetime,
    publish: bool = False,
) -> None:
    """Save the form that was opened at `revision`.

    Raises Refused when somebody saved in between, Invalid for what cannot be kept.
    """
    project = get_project(session, project_id)
    check_revision(revision, project.revision)
    _check(edit)
    _fill(session, project, edit, now)
    save_wordings(session, key_of(project), edit.wordings, now)
    follow_title(session, project)
    project.revision += 1
    audit.record_item(session, who, "project changed", now, key_of(project))
    if publish:
        publishing.publish(session, project, key_of(project), who, now)


def follow_title(session: Session, project: Project) -> None:
    """Make the address of a draft anew from its title; a published one keeps its address."""
    if project.visibility is Visibility.DRAFT:
        title = find_title(session, key_of(project))
        project.slug = free_slug(session, Project.slug, title, "project", own=project.slug)


def publish(session: Session, project_id: int, *, who: str, now: datetime) -> None:
    """Show it to readers. A repeat changes nothing. Raises Refused while it has no title."""
    project = get_project(session, project_id)
    publishing.publish(session, project, key_of(project), who, now)


def withdraw(session: Session, project_id: int, *, who: str, now: datetime) -> None:
    """Take it off the pages. Its events and updates stay, without its name."""
    project = get_project(session, project_id)
    publishing.withdraw(session, project, key_of(project), who, now)


def key_of(project: Project) -> ItemKey:
    return ItemKey(ItemKind.PROJECT, project.id)


def _check(edit: ProjectEdit) -> None:
    check_wordings(edit.wordings)
    check_link("url", edit.url)
    if len(edit.partners) > MOST_PARTNERS:
        raise Invalid("partners", N_("List at most 60 organisations."))


def _fill(session: Session, project: Project, edit: ProjectEdit, now: datetime) -> None:
    project.period, project.status_override = edit.period, edit.status_override
    project.grant_no = one_line("grant_no", edit.grant_no, 60)
    project.url, project.topics = check_link("url", edit.url), edit.topics
    project.and_others, project.changed_at = edit.and_others, now
    project.organisations = [
        OrganisationLink(
            organisation=get_or_add(session, partner.name, partner.long_name),
            role=partner.role,
            position=place,
        )
        for place, partner in enumerate(edit.partners)
        if tidy(partner.name)
    ]
