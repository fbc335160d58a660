"""An event as words for its page, in the language of the page. Facts come from columns, so they
are understood even where nobody has translated the description yet."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.content import Attendance, Spoken, Status
from mailer.domain.eligibility import is_printable
from mailer.domain.texts import Chosen, Texts
from mailer.domain.when import DEFAULT_TZ, Precision, When
from mailer.message import vocabulary
from mailer.message.dates import date_block, in_words, zone_words
from mailer.message.facts import Facts, said
from mailer.message.markdown import read_markdown
from mailer.message.sanitise import is_safe_link
from mailer.storage.events import Event, EventSession
from mailer.storage.languages import get_fallback
from mailer.storage.texts import Fields, load_texts
from mailer.storage.venues import Venue
from mailer.web.parts import words
from mailer.web.public.language import reading

MAP = "https://www.openstreetmap.org/search?"
OFF = frozenset({Status.CANCELLED, Status.POSTPONED})


def is_datable(row: EventSession) -> bool:
    """Whether a session can stand in a calendar: on a certain day, and not put off."""
    return row.when.is_exact and row.status is not Status.POSTPONED


class Teller:
    """Tells events in the language of one page; loads the words of all of them at once."""

    def __init__(self, session: Session, events: Sequence[Event], now: datetime) -> None:
        self._now, self._lang = now, words().lang
        self._fallback, self._wanted = get_fallback(session), reading()
        self._texts = load_texts(session, "event", (event.id for event in events))
        places = {row.venue_id for event in events for row in event.sessions if row.venue_id}
        self._venues = {
            venue.id: venue for venue in session.scalars(select(Venue).where(Venue.id.in_(places)))
        }
        self._names = load_texts(session, "venue", places)

    def summarise(self, event: Event) -> Facts:
        """What a list says of an event: its next session and how many more there are."""
        sessions = [row for row in event.sessions if not row.when.is_over(self._now)]
        following = sessions or list(event.sessions)
        return {
            "slug": event.slug,
            "title": self._say(event.id, "title"),
            "summary": self._say(event.id, "summary"),
            "badge": self._badge(event.status),
            "is_off": event.status in OFF,
            "sitting": self._sitting(following[0], event) if following else None,
            "more": max(0, len(following) - 1),
        }

    def describe(self, event: Event) -> Facts:
        """Everything that an event's page says of it."""
        is_off = event.status in OFF
        return {
            **self.summarise(event),
            "body": self._body(event.id),
            "sittings": [self._sitting(row, event) for row in event.sessions],
            "is_over": all(row.when.is_over(self._now) for row in event.sessions),
            "notes": self._notes(event),
            "button": None if is_off else self._button(event),
            "online_url": event.online_url if self._is_online(event) and not is_off else "",
            "contact": event.contact,
            "has_calendar": not is_off and any(is_datable(row) for row in event.sessions),
        }

    def pick_title(self, event: Event) -> Chosen:
        return self._pick(self._texts.get(event.id, {}), "title")

    def pick_summary(self, event: Event) -> Chosen:
        return self._pick(self._texts.get(event.id, {}), "summary")

    def pick_venue(self, row: EventSession) -> Chosen:
        return self._pick(self._names.get(row.venue_id or 0, {}), "name")

    def write_address(self, row: EventSession) -> str:
        """Street, room and city on one line."""
        venue = self._venues.get(row.venue_id or 0)
        city = f"{venue.postcode} {venue.city}".strip() if venue else ""
        return ", ".join(part for part in (venue.street if venue else "", row.room, city) if part)

    def _pick(self, fields: Fields, name: str) -> Chosen:
        return fields.get(name, Texts()).pick(self._wanted, self._fallback)

    def _say(self, event_id: int, name: str) -> Facts:
        return said(self._pick(self._texts.get(event_id, {}), name), self._lang)

    def _body(self, event_id: int) -> Facts:
        chosen = self._pick(self._texts.get(event_id, {}), "body")
        html = Markup(read_markdown(chosen.text).html)  # noqa: S704 - two sanitisers have seen it
        return {**said(chosen, self._lang), "html": html}

    def _sitting(self, row: EventSession, event: Event) -> Facts:
        when = row.when if is_printable(row.when) else When.unknown()
        venue = self._venues.get(row.venue_id or 0)
        address = self.write_address(row)
        leaf = date_block(when, self._lang)
        spoken = [Spoken(one.lang, one.role) for one in row.spoken]
        return {
            "leaf": leaf,
            "date": in_words(when, self._lang, tz=DEFAULT_TZ, full=True, now=self._now),
            "zone": zone_words(when.tz, self._lang) if when.precision is Precision.DATETIME else "",
            "iso": when.edtf if when.is_exact else "",
            "is_off": row.status in OFF or event.status in OFF,
            "badge": self._badge(row.status) if row.status is not event.status else "",
            "venue": said(self.pick_venue(row), self._lang) if venue else None,
            "address": address,
            "map_url": MAP + urlencode({"query": f"{venue.street}, {venue.city}"})
            if venue and venue.street
            else "",
            "access": venue.access_note if venue else "",
            "spoken": vocabulary.spoken_lines(spoken, self._lang),
        }

    def _badge(self, status: Status) -> str:
        label = vocabulary.STATUSES.get(status)
        return words().say(label) if label else ""

    def _notes(self, event: Event) -> list[str]:
        say = words().say
        attendance = vocabulary.ATTENDANCES.get(event.attendance)
        notes = [say(attendance)] if attendance else []
        notes.append(say("Free entry") if event.is_free else say("Entry fee"))
        if event.has_refreshments:
            notes.append(say("Food and drinks"))
        notes.append(say(vocabulary.REGISTRATIONS[event.registration]))
        if event.capacity:
            notes.append(say("Places: %(number)s", number=event.capacity))
        return notes

    def _button(self, event: Event) -> Facts | None:
        label = vocabulary.REGISTER.get(event.registration)
        if label and is_safe_link(event.registration_url):
            return {"label": words().say(label), "url": event.registration_url}
        return None

    def _is_online(self, event: Event) -> bool:
        return event.attendance is not Attendance.IN_PERSON and is_safe_link(event.online_url)
