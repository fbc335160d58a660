"""An event as a calendar file (RFC 5545). Only certain dates go in; a cancelled event stays in,
marked, so that it also disappears from calendars it was added to."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, vText
from icalendar import Event as Entry

from mailer.domain.content import Status
from mailer.message.sanitise import clean
from mailer.storage.events import Event, EventSession
from mailer.web.public.event_facts import Teller, is_datable

PRODUCT = "-//mailer//events//EN"

_STATES = {Status.CANCELLED: "CANCELLED", Status.TENTATIVE: "TENTATIVE"}


def write_calendar(event: Event, teller: Teller, url: str) -> bytes:
    """The file, or nothing at all when no session has a certain date.

    Ids stay the same and the sequence grows with every change that readers must know of, so a
    file fetched again moves the entry instead of adding a second one.
    """
    rows = [row for row in event.sessions if is_datable(row)]
    if not rows or event.status is Status.POSTPONED:
        return b""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    for row in rows:
        calendar.add_component(_write_entry(event, row, teller, url))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _write_entry(event: Event, row: EventSession, teller: Teller, url: str) -> Entry:
    entry = Entry()
    entry.add("uid", f"{event.uid}-{row.id}@{urlsplit(url).hostname}")
    entry.add("dtstamp", event.changed_at)
    entry.add("last-modified", event.changed_at)
    entry.add("sequence", event.material_revision)
    title = teller.pick_title(event)
    entry.add("summary", _text(title.text, title.lang))
    _add_dates(entry, row)
    entry.add("status", _STATES.get(row.status) or _STATES.get(event.status) or "CONFIRMED")
    summary = teller.pick_summary(event)
    if summary:
        entry.add("description", _text(f"{summary.text}\n\n{url}", summary.lang))
    place = [part for part in (teller.pick_venue(row).text, teller.write_address(row)) if part]
    if place:
        entry.add("location", clean(", ".join(place)))
    entry.add("url", url)
    return entry


def _add_dates(entry: Entry, row: EventSession) -> None:
    """The wall time with its zone; whole days end on the day after (RFC 5545, 3.6.1)."""
    when = row.when
    if when.starts_at:
        entry.add("dtstart", _in_zone(when.starts_at, when.tz))
        if when.ends_at:
            entry.add("dtend", _in_zone(when.ends_at, when.tz))
    elif when.starts_on and when.ends_on:
        entry.add("dtstart", when.starts_on)
        entry.add("dtend", when.ends_on + timedelta(days=1))


def _in_zone(wall: datetime, tz: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(tz))


def _text(text: str, lang: str) -> vText:
    return vText(clean(text), params={"LANGUAGE": lang})
