"""An event for search engines (schema.org, JSON-LD). Only certain dates: an approximate one has
no place in that vocabulary, and a wrong one would be repeated everywhere."""

from typing import Any
from zoneinfo import ZoneInfo

from mailer.domain.association import Association
from mailer.domain.content import Attendance, SpokenRole, Status
from mailer.storage.events import Event, EventSession
from mailer.web.public.event_facts import Teller, is_datable

SCHEMA = "https://schema.org/"

_STATUSES = {
    Status.CANCELLED: "EventCancelled",
    Status.POSTPONED: "EventPostponed",
    Status.RESCHEDULED: "EventRescheduled",
    Status.MOVED_ONLINE: "EventMovedOnline",
}
_ATTENDANCES = {
    Attendance.IN_PERSON: "OfflineEventAttendanceMode",
    Attendance.ONLINE: "OnlineEventAttendanceMode",
    Attendance.HYBRID: "MixedEventAttendanceMode",
}


def describe_sessions(
    event: Event, teller: Teller, organiser: Association, url: str
) -> list[dict[str, Any]]:
    """One schema.org Event for each session with a certain date; none when there is none."""
    rows = (row for row in event.sessions if is_datable(row))
    return [_describe(event, row, teller, organiser, url) for row in rows]


def _describe(
    event: Event, row: EventSession, teller: Teller, organiser: Association, url: str
) -> dict[str, Any]:
    status = _STATUSES.get(row.status) or _STATUSES.get(event.status) or "EventScheduled"
    found = {
        "@context": SCHEMA,
        "@type": "Event",
        "name": teller.pick_title(event).text,
        "description": teller.pick_summary(event).text,
        "startDate": _start(row),
        "endDate": _end(row),
        "eventStatus": SCHEMA + status,
        "eventAttendanceMode": SCHEMA + _ATTENDANCES[event.attendance],
        "location": _places(event, row, teller),
        "inLanguage": [one.lang for one in row.spoken if one.role is SpokenRole.MAIN],
        "isAccessibleForFree": event.is_free,
        "organizer": {"@type": "Organization", "name": organiser.name, "url": organiser.website},
        "url": url,
    }
    return {name: value for name, value in found.items() if value not in ("", [], None)}


def _start(row: EventSession) -> str:
    """The day, or the moment with its offset."""
    when = row.when
    if when.starts_at:
        return when.starts_at.replace(tzinfo=ZoneInfo(when.tz)).isoformat()
    return when.starts_on.isoformat() if when.starts_on else ""


def _end(row: EventSession) -> str:
    when = row.when
    if when.starts_at:
        end = when.ends_at
        return end.replace(tzinfo=ZoneInfo(when.tz)).isoformat() if end else ""
    return when.ends_on.isoformat() if when.ends_on else ""


def _places(event: Event, row: EventSession, teller: Teller) -> list[dict[str, str]]:
    places = []
    if event.attendance is not Attendance.ONLINE and row.venue_id:
        address = teller.write_address(row)
        places.append({"@type": "Place", "name": teller.pick_venue(row).text, "address": address})
    if event.attendance is not Attendance.IN_PERSON and event.online_url:
        places.append({"@type": "VirtualLocation", "url": event.online_url})
    return places
