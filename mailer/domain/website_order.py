"""What the order and the repetition of a timeline's dates give away about single rows.

A place in the list is a hint and never a date: nothing here moves or fills in a date.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from mailer.domain.datewords import MONTHS
from mailer.domain.spelling import fold
from mailer.domain.website_timeline import Doubt, ReadMilestone
from mailer.domain.website_titles import is_anniversary
from mailer.domain.when import When

_SHOWN = 10
_BEGINNINGS = frozenset(
    fold(word)
    for word in (
        *("first", "1st", "launch", "launched", "founding", "founded", "registration", "start"),
        *("started", "opening", "opened", "established", "první", "založení", "zahájení"),
        *("spuštění", "registrace", "перша", "перший", "перше", "запуск", "заснування"),
    )
)


def describe_order(rows: Sequence[ReadMilestone]) -> tuple[str, ...]:
    """A note about the whole list, when its dates run one way with exceptions."""
    breaks = sorted(_breaks(rows))
    if not breaks:
        return ()
    shown = "rows " if len(breaks) > 1 else "row "
    shown += ", ".join(map(str, breaks[:_SHOWN])) + (", …" if len(breaks) > _SHOWN else "")
    way = "newest first" if _is_newest_first(rows) else "oldest first"
    return (f"The timeline runs {way}, but not at {shown}: a place in it proves no date.",)


def check_order(rows: Sequence[ReadMilestone]) -> Iterator[Doubt]:
    """All doubts that the dates of other rows raise about a row."""
    yield from _check_repeats(rows)
    yield from _check_anniversaries(rows)


def _dated(rows: Sequence[ReadMilestone]) -> list[tuple[ReadMilestone, date]]:
    return [(row, row.when.starts_on) for row in rows if row.when.starts_on]


def _is_newest_first(rows: Sequence[ReadMilestone]) -> bool:
    steps = [(one, other) for (_, one), (_, other) in pairwise(_dated(rows))]
    return sum(one > other for one, other in steps) >= sum(one < other for one, other in steps)


def _breaks(rows: Sequence[ReadMilestone]) -> set[int]:
    """Positions of the rows that go against the way the list runs."""
    is_newest_first = _is_newest_first(rows)
    return {
        row.position
        for (_, above), (row, below) in pairwise(_dated(rows))
        if above != below and (above > below) != is_newest_first
    }


def _check_repeats(rows: Sequence[ReadMilestone]) -> Iterator[Doubt]:
    """A date that was already used further up, right after a row that is out of order.

    In a list that keeps its order equal dates are neighbours; a copy further down is often left
    over from making the row out of another one.
    """
    breaks = _breaks(rows)
    used: dict[str, int] = {}
    for (above, _), (row, _) in pairwise(_dated(rows)):
        used[fold(above.raw_date)] = above.position
        first = used.get(fold(row.raw_date))
        if above.position in breaks and first is not None and first != above.position:
            yield Doubt(
                row.position,
                f"The same date as row {first}, and row {above.position} between them is out of "
                "order: maybe it was left over.",
                is_doubtful=True,
            )


def _check_anniversaries(rows: Sequence[ReadMilestone]) -> Iterator[Doubt]:
    """An anniversary in a month in which nothing in the list began."""
    begun = _earliest_beginnings(rows)
    for row, starts_on in _dated(rows):
        if not is_anniversary(row.title):
            continue
        earlier = {month for month, first in begun.items() if first < starts_on}
        if earlier and earlier.isdisjoint(_months(row.when, starts_on)):
            names = ", ".join(MONTHS[month - 1] for month in sorted(earlier))
            sentence = f"No earlier row that began something fits this anniversary ({names})."
            yield Doubt(row.position, sentence, is_doubtful=True)


def _earliest_beginnings(rows: Sequence[ReadMilestone]) -> dict[int, date]:
    """For each month, 1 to 12, the earliest day on which something in the list may have begun."""
    earliest: dict[int, date] = {}
    for row, starts_on in _dated(rows):
        if is_anniversary(row.title) or _BEGINNINGS.isdisjoint(fold(row.title).split()):
            continue
        for month in _months(row.when, starts_on):
            earliest[month] = min(starts_on, earliest.get(month, starts_on))
    return earliest


def _months(when: When, starts_on: date) -> set[int]:
    """The months, 1 to 12, that a dated moment touches in any year."""
    return {(starts_on.month - 1 + step) % 12 + 1 for step in range(min(when.months_long, 12))}
