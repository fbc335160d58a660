"""Events from draft to published and back: what a coordinator does with one in a form.

Cancelling and moving are in `event_changes`. Nothing is ever deleted: readers keep its link.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain import content
from mailer.domain.changes import event_changes
from mailer.domain.content import (
    Attendance,
    ItemKey,
    ItemKind,
    Registration,
    Spoken,
    Status,
    Visibility,
)
from mailer.domain.errors import Invalid
from mailer.domain.when import Confidence, Precision, When
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.events import Event, EventSession, SpokenLanguage, as_values, get_event
from mailer.storage.projects import get_project
from mailer.usecases import publishing
from mailer.usecases.editing import (
    Wordings,
    check_link,
    check_revision,
    check_wordings,
    copy_texts,
    find_title,
    free_slug,
    one_line,
    save_wordings,
)
from mailer.usecases.venues import VenueEdit, get_venue
from mailer.usecases.venues import create as add_venue

MOST_SESSIONS = 50
MOST_PEOPLE = 100_000


@dataclass(frozen=True, slots=True)
class SessionEdit:
    """One sitting as the form has it; `id` is that of the row it was read from, if any.

    A `new_venue` is added to the places and taken instead of `venue_id`.
    """

    when: When
    venue_id: int | None = None
    new_venue: VenueEdit | None = None
    room: str = ""
    spoken: tuple[Spoken, ...] = ()
    status: Status = Status.SCHEDULED
    id: int | None = None


@dataclass(frozen=True, slots=True)
class EventEdit:
    """All of an event that a form sets. A session that is missing here is taken out of it."""

    wordings: Wordings
    sessions: Sequence[SessionEdit]
    attendance: Attendance = Attendance.IN_PERSON
    online_url: str = ""
    registration: Registration = Registration.NONE
    registration_url: str = ""
    is_free: bool = True
    has_refreshments: bool = False
    is_tentative: bool = False
    capacity: int | None = None
    contact: str = ""
    topics: tuple[str, ...] = ()
    project_id: int | None = None


def create(
    session: Session, edit: EventEdit, *, who: str, now: datetime, publish: bool = False
) -> Event:
    """A new draft, published at once when asked. Raises Invalid, and Refused by `publish`."""
    _check(session, edit)
    edit = _with_venues(session, edit, who, now)
    title = edit.wordings.source("title")
    event = Event(slug=free_slug(session, Event.slug, title, "event"), created_at=now)
    event.changed_at = now
    session.add(event)
    _fill(event, edit)
    session.flush()
    save_wordings(session, key_of(event), edit.wordings, now)
    audit.record_item(session, who, "event created", now, key_of(event))
    if publish:
        _publish(session, event, who, now)
    return event


def change(
    session: Session,
    event_id: int,
    edit: EventEdit,
    *,
    revision: int,
    who: str,
    now: datetime,
    publish: bool = False,
) -> tuple[str, ...]:
    """Save the form that was opened at `revision`; the material facts that changed, by name.

    Raises Refused when somebody saved in between, Invalid for what cannot be kept. The address
    follows the title until the event is first published, then it stays.
    """
    event = get_event(session, event_id)
    check_revision(revision, event.revision)
    _check(session, edit)
    if event.visibility is Visibility.PUBLISHED and event.status is not Status.POSTPONED:
        check_dates([one.when for one in edit.sessions])
    edit = _with_venues(session, edit, who, now)
    before = value_of(session, event)
    _fill(event, edit)
    save_wordings(session, key_of(event), edit.wordings, now)
    if event.visibility is Visibility.DRAFT:
        title = edit.wordings.source("title")
        event.slug = free_slug(session, Event.slug, title, "event", own=event.slug)
    changed = count_edit(session, event, before, now)
    audit.record_item(session, who, "event changed", now, key_of(event), changed=list(changed))
    if publish:
        _publish(session, event, who, now)
    return changed


def publish(session: Session, event_id: int, *, who: str, now: datetime) -> None:
    """Show it to readers and offer it to the next digest. A repeat changes nothing.

    Raises Refused while it has no title or a date that nobody vouches for.
    """
    _publish(session, get_event(session, event_id), who, now)


def withdraw(session: Session, event_id: int, *, who: str, now: datetime) -> None:
    """Take it off the pages and out of coming digests, without a word to readers."""
    event = get_event(session, event_id)
    publishing.withdraw(session, event, key_of(event), who, now)


def duplicate(session: Session, event_id: int, *, who: str, now: datetime) -> Event:
    """A new draft with the same words, places and languages, and every date to be given anew."""
    old = get_event(session, event_id)
    title = find_title(session, key_of(old))
    event = Event(
        slug=free_slug(session, Event.slug, title, "event"),
        attendance=old.attendance,
        online_url=old.online_url,
        registration=old.registration,
        registration_url=old.registration_url,
        is_free=old.is_free,
        has_refreshments=old.has_refreshments,
        capacity=old.capacity,
        contact=old.contact,
        topics=old.topics,
        project_id=old.project_id,
        created_at=now,
        changed_at=now,
        sessions=[_copy_session(row) for row in old.sessions],
    )
    session.add(event)
    session.flush()
    copy_texts(session, key_of(old), key_of(event), now)
    audit.record_item(session, who, "event created", now, key_of(event), copy_of=old.id)
    return event


def value_of(session: Session, event: Event) -> content.Event:
    """The event as the composer would read it now."""
    session.flush()
    return as_values(session, [event])[0]


def count_edit(
    session: Session, event: Event, before: content.Event, now: datetime
) -> tuple[str, ...]:
    """Count an edit that has been made: once for the form, once more for what readers act on."""
    changed = event_changes(before, value_of(session, event))
    event.revision += 1
    event.material_revision += int(bool(changed))
    event.changed_at = now
    return changed


def _publish(session: Session, event: Event, who: str, now: datetime) -> None:
    is_public = event.visibility is Visibility.PUBLISHED
    if not is_public and event.status is not Status.POSTPONED:
        check_dates([row.when for row in event.sessions])
    publishing.publish(session, event, key_of(event), who, now)


def check_dates(whens: Sequence[When]) -> None:
    """Raise Invalid for the first session whose date may not be shown to readers."""
    for place, when in enumerate(whens):
        field = f"sessions-{place}"
        if when.precision is Precision.UNKNOWN:
            raise Invalid(field, N_("Give a date before you publish. “About when” is enough."))
        if when.confidence is Confidence.DOUBTFUL:
            raise Invalid(field, N_("This date is marked as doubtful. Check it and save it again."))


def _check(session: Session, edit: EventEdit) -> None:
    check_wordings(edit.wordings)
    if not 1 <= len(edit.sessions) <= MOST_SESSIONS:
        raise Invalid("sessions", N_("An event has at least one session and at most 50."))
    if edit.capacity is not None and not 1 <= edit.capacity <= MOST_PEOPLE:
        raise Invalid("capacity", N_("Give a number of people of 1 or more, or leave it empty."))
    check_link("online_url", edit.online_url)
    check_link("registration_url", edit.registration_url)
    if edit.project_id is not None:
        get_project(session, edit.project_id)
    for row in edit.sessions:
        if row.venue_id is not None:
            get_venue(session, row.venue_id)


def _with_venues(session: Session, edit: EventEdit, who: str, now: datetime) -> EventEdit:
    """The edit with every new place added and chosen."""
    sessions = [
        replace(one, venue_id=add_venue(session, one.new_venue, who=who, now=now).id)
        if one.new_venue
        else one
        for one in edit.sessions
    ]
    return replace(edit, sessions=sessions)


def _fill(event: Event, edit: EventEdit) -> None:
    event.attendance = edit.attendance
    event.online_url = check_link("online_url", edit.online_url)
    event.registration = edit.registration
    event.registration_url = check_link("registration_url", edit.registration_url)
    event.is_free, event.has_refreshments = edit.is_free, edit.has_refreshments
    event.capacity = edit.capacity
    event.contact = one_line("contact", edit.contact, 200)
    event.topics, event.project_id = edit.topics, edit.project_id
    # Being uncertain is said in the form; the other states are news and have their own page.
    if event.status in (None, Status.SCHEDULED, Status.TENTATIVE):
        event.status = Status.TENTATIVE if edit.is_tentative else Status.SCHEDULED
    known = {row.id: row for row in event.sessions}
    event.sessions = [
        _fill_session(known.get(one.id or 0) or EventSession(), one, place)
        for place, one in enumerate(edit.sessions)
    ]


def _fill_session(row: EventSession, edit: SessionEdit, position: int) -> EventSession:
    row.position, row.when, row.status = position, edit.when, edit.status
    row.venue_id, row.room = edit.venue_id, one_line(f"sessions-{position}", edit.room, 100)
    known = {(one.lang, one.role): one for one in row.spoken}
    row.spoken = [
        known.get((one.lang, one.role)) or SpokenLanguage(lang=one.lang, role=one.role)
        for one in dict.fromkeys(edit.spoken)
    ]
    for place, spoken in enumerate(row.spoken):
        spoken.position = place
    return row


def _copy_session(row: EventSession) -> EventSession:
    spoken = tuple(Spoken(one.lang, one.role) for one in row.spoken)
    edit = SessionEdit(When.unknown(), row.venue_id, room=row.room, spoken=spoken)
    return _fill_session(EventSession(), edit, row.position)


def key_of(event: Event) -> ItemKey:
    return ItemKey(ItemKind.EVENT, event.id)
