"""The list of events: what is wanted of it, and in which order and groups it is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.content import Event, Status, Visibility
from mailer.domain.eligibility import date_order
from mailer.message.dates import in_words
from mailer.message.vocabulary import spoken_lines
from mailer.storage.events import as_values, list_all
from mailer.storage.languages import list_content_languages
from mailer.web.admin.content_pages import Mark, is_finished, marks

COMING, PAST, WITHDRAWN = "coming", "past", "withdrawn"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to. `missing` is a language in which a text is not ready."""

    show: str = COMING
    topic: str = ""
    project: str = ""
    missing: str = ""

    @classmethod
    def from_query(cls, args: Mapping[str, str]) -> "Wanted":
        show = args.get("show", COMING)
        return cls(
            show=show if show in (COMING, PAST, WITHDRAWN) else COMING,
            topic=args.get("topic", ""),
            project=args.get("project", ""),
            missing=args.get("missing", ""),
        )

    def fits(self, event: Event) -> bool:
        if self.topic and self.topic not in event.topics:
            return False
        if self.project and self.project not in map(str, event.project_ids):
            return False
        return not self.missing or not is_finished((event.title, event.summary), self.missing)


@dataclass(frozen=True, slots=True)
class Row:
    """An event as the list shows it: `dates` in words, and a mark per language."""

    event: Event
    dates: tuple[str, ...]
    places: tuple[str, ...]
    spoken: tuple[str, ...]
    marks: list[Mark]


@dataclass(frozen=True, slots=True)
class Groups:
    """`undecided`: no day that can be relied on. `dated`: the others, soonest first."""

    undecided: list[Row]
    dated: list[Row]


def list_events(session: Session, wanted: Wanted, lang: str, now: datetime) -> Groups:
    """The events that are wanted. The same number of queries for one event and for many."""
    langs = list_content_languages(session)
    events = [
        event
        for event in as_values(session, list_all(session))
        if wanted.fits(event) and _belongs(event, wanted.show, now)
    ]
    undecided = [event for event in events if needs_decision(event)]
    dated = sorted(
        (event for event in events if not needs_decision(event)),
        key=lambda event: _next_start(event, now),
        reverse=wanted.show == PAST,
    )
    return Groups(_rows(undecided, langs, lang), _rows(dated, langs, lang))


def needs_decision(event: Event) -> bool:
    """Whether somebody has to find a date: none of its sessions has an exact one, or it waits
    for a new one. What is over or off needs none."""
    if event.status is Status.CANCELLED:
        return False
    is_exact = any(session.when.is_exact for session in event.sessions)
    return event.status is Status.POSTPONED or not is_exact


def _belongs(event: Event, show: str, now: datetime) -> bool:
    if event.visibility is Visibility.WITHDRAWN:
        return show == WITHDRAWN
    is_over = all(session.when.is_over(now) for session in event.sessions)
    return show == (PAST if is_over else COMING)


def _next_start(event: Event, now: datetime) -> tuple[datetime, bool]:
    """By the first session that is still to come; by the last one when all are over."""
    ahead = [one.when for one in event.sessions if not one.when.is_over(now)]
    whens = ahead or [one.when for one in event.sessions]
    return min(map(date_order, whens)) if ahead else max(map(date_order, whens))


def _rows(events: Iterable[Event], langs: tuple[str, ...], lang: str) -> list[Row]:
    return [_row(event, langs, lang) for event in events]


def _row(event: Event, langs: tuple[str, ...], lang: str) -> Row:
    venues = [session.venue for session in event.sessions if session.venue]
    spoken = dict.fromkeys(said for one in event.sessions for said in one.spoken)
    return Row(
        event=event,
        dates=tuple(in_words(session.when, lang, full=True) for session in event.sessions),
        places=tuple(dict.fromkeys(venue.name.pick((lang,), "en").text for venue in venues)),
        spoken=tuple(spoken_lines(tuple(spoken), lang)),
        marks=marks((event.title, event.summary), langs),
    )
