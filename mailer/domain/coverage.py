"""Which languages are ready for an issue: a table for the coordinator's coverage board.

It counts what any reader could get in a run, and looks at texts only. It chooses no language for
anybody: that is R10, in `texts`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mailer.domain.content import ItemKey, Snapshot
from mailer.domain.digest import Role, Run, SectionKind
from mailer.domain.eligibility import (
    NEWS_AGE,
    closing_order,
    date_order,
    deadline_role,
    finished_at,
    is_news,
    place_event,
)
from mailer.domain.texts import Texts, TextState

_NOTHING_TOLD: frozenset[Role] = frozenset()


class Cover(StrEnum):
    """How ready an item is in one language, from ready to absent: an item is as its worst text."""

    SOURCE = "source"
    REVIEWED = "reviewed"
    OUTDATED = "outdated"
    DRAFT = "draft"
    MACHINE = "machine"
    MISSING = "missing"


_FROM_BEST = tuple(Cover)
_SECTION_ORDER = tuple(SectionKind)


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One item; `covers` stand in the order of the table's languages."""

    key: ItemKey
    title: str
    covers: tuple[Cover, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    langs: tuple[str, ...]
    rows: tuple[CoverageRow, ...]


class _Carried(NamedTuple):
    key: ItemKey
    title: Texts
    note: Texts


def coverage(snapshot: Snapshot, run: Run, langs: Sequence[str]) -> Coverage:
    """What the run could carry to any reader, one row per item, one cell per language.

    A cell is that of the title and the summary together, by the worse of them; a summary that was
    never written counts for nothing. Limits are ignored: what overflows for one reader may reach
    another. Rows stand in the order of the letter: deadlines, events, updates, finished projects.
    """
    rows = (
        CoverageRow(
            item.key, item.title.source(), tuple(_cover_of_item(item, lang) for lang in langs)
        )
        for item in _carried(snapshot, run)
    )
    return Coverage(tuple(langs), tuple(rows))


def _cover_of_item(item: _Carried, lang: str) -> Cover:
    covers = [_cover(item.title, lang)]
    if item.note.source():
        covers.append(_cover(item.note, lang))
    return max(covers, key=_FROM_BEST.index)


def _cover(texts: Texts, lang: str) -> Cover:
    text = texts.by_lang.get(lang)
    if text is None or not text.text:
        return Cover.MISSING
    # Only a text fit to be mailed can be outdated: of a draft it is more useful to know that.
    if text.outdated and text.state is TextState.REVIEWED:
        return Cover.OUTDATED
    return Cover(text.state.value)


def _carried(snapshot: Snapshot, run: Run) -> Iterator[_Carried]:
    yield from _deadlines(snapshot, run.send_at)
    yield from _events(snapshot, run)
    yield from _news(snapshot, run.send_at)


def _deadlines(snapshot: Snapshot, now: datetime) -> Iterator[_Carried]:
    still_open = (d for d in snapshot.deadlines if deadline_role(d, _NOTHING_TOLD, now))
    for deadline in sorted(still_open, key=lambda d: (*closing_order(d.closes), d.id)):
        yield _Carried(deadline.key, deadline.title, deadline.summary)


def _events(snapshot: Snapshot, run: Run) -> Iterator[_Carried]:
    """A reader who was told nothing gets every event that anybody could get."""
    spots = ((place_event(event, _NOTHING_TOLD, run), event) for event in snapshot.events)
    placed = [
        (_SECTION_ORDER.index(spot.section), date_order(spot.sessions[0].when), event.id, event)
        for spot, event in spots
        if spot
    ]
    for *_, event in sorted(placed, key=lambda row: row[:3]):
        yield _Carried(event.key, event.title, event.summary)


def _news(snapshot: Snapshot, now: datetime) -> Iterator[_Carried]:
    fresh = (u for u in snapshot.updates if is_news(u, _NOTHING_TOLD, now, NEWS_AGE))
    for update in sorted(fresh, key=lambda u: (u.published_at, u.id), reverse=True):
        yield _Carried(update.key, update.title, update.teaser)
    finished = (p for p in snapshot.projects if finished_at(p, now, NEWS_AGE))
    for project in sorted(finished, key=lambda p: p.id):
        yield _Carried(project.key, project.title, project.summary)
