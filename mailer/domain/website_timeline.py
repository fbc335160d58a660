"""Reads the timeline of a pasted page into milestones: a title, and the date in the slot after it.

Which lines are dates is told by the lines themselves, never by counting rows. What the rows say
about each other is for `website_order` and `website_titles`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mailer.domain.datemoments import ask_which_winter
from mailer.domain.dates import read_dates
from mailer.domain.datewords import is_all_date_words
from mailer.domain.when import Confidence, Precision, When

UNDATED = "Undated: the page gives no date."
_MAYBE_DATE = "Maybe this is the date of the row above: it stands where a date stands."
_DATES_FIRST = "On this page each date stands before its title."
_LONGEST_DATE = 80
_ORPHANS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ReadMilestone:
    """One row of a timeline, as written. `position` counts rows from 1 and proves no date.

    `needs_decision`: a note asks something that only a person can answer; others just remark.
    """

    position: int
    title: str
    raw_date: str
    when: When
    notes: tuple[str, ...] = ()
    needs_decision: bool = False

    @property
    def confidence(self) -> Confidence:
        return self.when.confidence


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something to look at in one row; `is_doubtful` also takes the trust out of its date, and a
    mere `is_remark` asks nobody to decide anything."""

    position: int
    sentence: str
    is_doubtful: bool = False
    is_remark: bool = False


@dataclass(slots=True)
class _Entry:
    """A title being read: `gap` is the number of empty lines above it."""

    title: str
    gap: int
    date: str = ""


def read_timeline(lines: Sequence[str]) -> tuple[tuple[ReadMilestone, ...], tuple[str, ...]]:
    """The rows of a timeline section, top to bottom, and notes about the whole of it.

    `lines` are tidied, empty ones included. Titles without a date are kept and say so.
    """
    filled = [line for line in lines if line]
    if not filled:
        return (), ()
    if _is_date(filled[0]) and not _is_date(filled[-1]):
        entries, orphans = _pair(reversed(lines))
        return tuple(_milestones(entries[::-1])), (_DATES_FIRST, *_describe_orphans(orphans))
    entries, orphans = _pair(lines)
    rows = apply_doubts(_milestones(entries), _unread_dates(entries))
    return tuple(rows), _describe_orphans(orphans)


def apply_doubts(rows: Sequence[ReadMilestone], doubts: Iterable[Doubt]) -> list[ReadMilestone]:
    """The rows with each doubt noted once, in the order given."""
    by_position = {row.position: row for row in rows}
    for doubt in doubts:
        row = by_position[doubt.position]
        when = replace(row.when, confidence=Confidence.DOUBTFUL) if doubt.is_doubtful else row.when
        by_position[doubt.position] = replace(
            row,
            when=when,
            notes=(*row.notes, doubt.sentence),
            needs_decision=row.needs_decision or not doubt.is_remark,
        )
    return list(by_position.values())


def _is_date(line: str) -> bool:
    return len(line) <= _LONGEST_DATE and is_all_date_words(line)


def _pair(lines: Iterable[str]) -> tuple[list[_Entry], list[str]]:
    """Titles with the date that follows each, and the dates that follow no title."""
    entries: list[_Entry] = []
    orphans: list[str] = []
    gap = 0
    for line in lines:
        if not line:
            gap += 1
            continue
        if not _is_date(line):
            entries.append(_Entry(line, gap))
        elif entries and not entries[-1].date:
            entries[-1].date = line
        else:
            orphans.append(line)
        gap = 0
    return entries, orphans


def _milestones(entries: Sequence[_Entry]) -> list[ReadMilestone]:
    return _place_winters([_milestone(at, entry) for at, entry in enumerate(entries, 1)])


def _milestone(position: int, entry: _Entry) -> ReadMilestone:
    if not entry.date:
        return ReadMilestone(position, entry.title, "", When.unknown(), (UNDATED,))
    reading = read_dates(entry.date)
    return ReadMilestone(
        position, entry.title, entry.date, reading.when, reading.notes, bool(reading.notes)
    )


def _unread_dates(entries: Sequence[_Entry]) -> Iterator[Doubt]:
    """Lines in a date's place that are no dates, on a page that keeps empty places empty."""
    undated = [
        (position, entry)
        for position, (above, entry) in enumerate(pairwise(entries), 2)
        if not above.date
    ]
    if any(entry.gap > 1 for _, entry in undated):
        for position, entry in undated:
            if entry.gap == 1 and not entry.date:
                yield Doubt(position, _MAYBE_DATE)


def _place_winters(rows: list[ReadMilestone]) -> list[ReadMilestone]:
    """Reads a winter as the one across two years where only that fits between its neighbours."""
    dated = [row for row in rows if row.when.starts_on]
    moved: dict[int, ReadMilestone] = {}
    for above, row, below in zip(dated, dated[1:], dated[2:], strict=False):
        if _is_open_winter(row) and not _fits(row.when, above.when, below.when):
            later = _as_long_winter(row)
            if _fits(later.when, above.when, below.when):
                moved[row.position] = later
    return [moved.get(row.position, row) for row in rows]


def _is_open_winter(row: ReadMilestone) -> bool:
    starts_on = row.when.starts_on
    is_winter = row.when.precision is Precision.SEASON and row.when.season == "winter"
    return is_winter and starts_on is not None and starts_on.month == 1


def _as_long_winter(row: ReadMilestone) -> ReadMilestone:
    year = row.when.starts_on.year if row.when.starts_on else 0
    was, now = ask_which_winter(year), ask_which_winter(year, "second")
    notes = tuple(now if note == was else note for note in row.notes)
    return replace(row, when=replace(When.across_winter(year), raw=row.raw_date), notes=notes)


def _fits(when: When, above: When, below: When) -> bool:
    low, high = sorted((above.sort_key, below.sort_key))
    return low <= when.sort_key <= high


def _describe_orphans(orphans: Sequence[str]) -> tuple[str, ...]:
    if not orphans:
        return ()
    shown = ", ".join(orphans[:_ORPHANS_SHOWN])
    return (f"Dates without a title, left out: {len(orphans)} ({shown}).",)
