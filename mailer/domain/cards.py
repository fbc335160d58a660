"""Makes an item into the card that one reader gets, text by text in their languages (rule R10).

It decides no more than the language: which items, in what role and order, is for others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer.domain.content import (
    Deadline,
    Event,
    Project,
    Session,
    Update,
    UpdateKind,
    Venue,
    Visibility,
)
from mailer.domain.digest import (
    Acknowledgement,
    DeadlineCard,
    EventCard,
    Place,
    Role,
    Sitting,
    UpdateCard,
)
from mailer.domain.texts import Chosen, Texts

SITTINGS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Desk:
    """What every card for one reader needs: languages, best first, and the projects by id."""

    languages: Sequence[str]
    fallback: str
    projects: Mapping[int, Project]

    def pick(self, texts: Texts) -> Chosen:
        return texts.pick(self.languages, self.fallback)

    def pick_note(self, texts: Texts, revision: int) -> Chosen:
        """Free text beside facts that may have moved.

        A translation from before the move may still name the old time or place, so it gives way
        to the next language (R10). At revision 1 no fact has moved: an outdated translation only
        missed a change of wording.
        """
        return self.pick(_without_outdated(texts) if revision > 1 else texts)

    def find_project(self, project_id: int | None) -> Project | None:
        """The project, if readers may hear of it."""
        project = None if project_id is None else self.projects.get(project_id)
        return project if project and project.visibility is Visibility.PUBLISHED else None

    def name_project(self, *project_ids: int | None) -> Chosen | None:
        """The title of the first of these that readers may hear of."""
        found = (self.find_project(project_id) for project_id in project_ids)
        return next((self.pick(project.title) for project in found if project), None)


def _without_outdated(texts: Texts) -> Texts:
    current = {lang: text for lang, text in texts.by_lang.items() if not text.outdated}
    return Texts(texts.source_lang, current)


def event_card(desk: Desk, event: Event, sessions: Sequence[Session], role: Role) -> EventCard:
    """The card of an event with the first few of `sessions`, which are those still to come.

    A course may have fifty evenings; in the letter they would push everything else out.
    """
    return EventCard(
        key=event.key,
        revision=event.revision,
        role=role,
        slug=event.slug,
        title=desk.pick(event.title),
        summary=desk.pick_note(event.summary, event.revision),
        sittings=tuple(_sitting(desk, session) for session in sessions[:SITTINGS_SHOWN]),
        status=event.status,
        attendance=event.attendance,
        online_url=event.online_url,
        registration=event.registration,
        registration_url=event.registration_url,
        is_free=event.is_free,
        has_refreshments=event.has_refreshments,
        project=desk.name_project(*event.project_ids),
        more_sittings=max(0, len(sessions) - SITTINGS_SHOWN),
    )


def _sitting(desk: Desk, session: Session) -> Sitting:
    place = _place(desk, session.venue, session.room) if session.venue else None
    return Sitting(session.when, place, session.spoken, session.status)


def _place(desk: Desk, venue: Venue, room: str) -> Place:
    return Place(desk.pick(venue.name), venue.street, venue.city, room)


def deadline_card(desk: Desk, deadline: Deadline, role: Role) -> DeadlineCard:
    return DeadlineCard(
        key=deadline.key,
        revision=deadline.revision,
        role=role,
        kind=deadline.kind,
        title=desk.pick(deadline.title),
        summary=desk.pick_note(deadline.summary, deadline.revision),
        closes=deadline.closes,
        url=deadline.url,
        project=desk.name_project(deadline.project_id),
    )


def update_card(desk: Desk, update: Update) -> UpdateCard:
    return UpdateCard(
        key=update.key,
        revision=update.revision,
        role=Role.NEW,
        kind=update.kind,
        title=desk.pick(update.title),
        teaser=desk.pick(update.teaser),
        url=update.url,
        published_at=update.published_at,
        project=desk.name_project(update.project_id),
    )


def finished_project_card(desk: Desk, project: Project, ended_at: datetime) -> UpdateCard:
    """The one card that says that a project has ended (R9): its key is the project's own.

    A project has no revision and is announced once whatever changes, so the card says 1.
    """
    return UpdateCard(
        key=project.key,
        revision=1,
        role=Role.NEW,
        kind=UpdateKind.RESULT,
        title=desk.pick(project.title),
        teaser=desk.pick(project.summary),
        url="",
        published_at=ended_at,
    )


def acknowledgement(desk: Desk, project: Project) -> Acknowledgement | None:
    """The line owed to a project's funder, or None when it owes none."""
    text = desk.pick(project.funder_ack)
    return Acknowledgement(desk.pick(project.title), text) if text else None
