"""What of an edit readers must hear of: a thing before and after, compared fact by fact.

A spelling in the summary is nobody's news; another hour is. It refuses to know who edited, or why.
"""

from datetime import date, datetime

from mailer.domain.content import Deadline, Event, Session
from mailer.domain.when import Precision, When

Place = tuple[str, str, str, str]
Time = tuple[Precision, date | None, date | None, datetime | None, datetime | None]


def event_changes(before: Event, after: Event) -> tuple[str, ...]:
    """The names of the facts that readers act on and that differ, in a fixed order.

    One of: title, time, place, attendance, online_url, status, registration. Titles count in the
    language they were first written in: a translation follows its source.
    """
    facts = zip(_event_facts(before), _event_facts(after), strict=True)
    return tuple(name for (name, old), (_, new) in facts if old != new)


def deadline_changes(before: Deadline, after: Deadline) -> tuple[str, ...]:
    """Likewise for a deadline. One of: title, time, kind, url."""
    facts = zip(_deadline_facts(before), _deadline_facts(after), strict=True)
    return tuple(name for (name, old), (_, new) in facts if old != new)


def _event_facts(event: Event) -> tuple[tuple[str, object], ...]:
    return (
        ("title", event.title.source()),
        ("time", [_time(session.when) for session in event.sessions]),
        ("place", [_place(session) for session in event.sessions]),
        ("attendance", event.attendance),
        ("online_url", event.online_url),
        ("status", [event.status, *(session.status for session in event.sessions)]),
        ("registration", (event.registration, event.registration_url)),
    )


def _deadline_facts(deadline: Deadline) -> tuple[tuple[str, object], ...]:
    return (
        ("title", deadline.title.source()),
        ("time", _time(deadline.closes)),
        ("kind", deadline.kind),
        ("url", deadline.url),
    )


def _time(when: When) -> Time:
    """The moment without how it was written down: only instants tell a repeated hour apart."""
    return when.precision, when.starts_on, when.ends_on, when.start_utc, when.end_utc


def _place(session: Session) -> Place:
    venue = session.venue
    if venue is None:
        return "", "", "", session.room
    return venue.name.source(), venue.street, venue.city, session.room
