"""How far the sending of a newsletter has come: the numbers people ask for, and how long it takes.

Arithmetic over counts. It knows no table and puts nothing into words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from mailer.domain.delivery import Account, DeliveryState

_S = DeliveryState

RATE_WINDOW = timedelta(minutes=5)
"""The pace of the last minutes says more about the next ones than that of the whole sending."""

_SHORTEST_WINDOW = timedelta(seconds=5)
_BREAK = timedelta(minutes=1)
"""Between two samples of a sending that goes on there is less than that."""


class Group(StrEnum):
    """Delivery states as a report counts them. Every state is in exactly one group."""

    ACCEPTED = "accepted"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    WAITING = "waiting"
    LATER = "later"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


STATES: Mapping[Group, frozenset[DeliveryState]] = {
    Group.ACCEPTED: frozenset({_S.ACCEPTED, _S.DELIVERED}),
    Group.BOUNCED: frozenset({_S.BOUNCED, _S.REJECTED}),
    Group.COMPLAINED: frozenset({_S.COMPLAINED}),
    Group.WAITING: frozenset({_S.QUEUED, _S.CLAIMED, _S.HANDING_OFF}),
    Group.LATER: frozenset({_S.DEFERRED}),
    Group.UNKNOWN: frozenset({_S.UNKNOWN}),
    Group.SUPPRESSED: frozenset({_S.SUPPRESSED}),
    Group.EXPIRED: frozenset({_S.EXPIRED}),
    Group.CANCELLED: frozenset({_S.CANCELLED}),
    Group.SKIPPED: frozenset({_S.SKIPPED}),
}

RETRIED = (_S.REJECTED, _S.UNKNOWN, _S.EXPIRED)
"""What a coordinator may ask to be tried again."""


def group_counts(account: Account) -> dict[Group, int]:
    """The audience by group, in the order of a report; empty groups are left out, and so is who
    was not in the audience."""
    return {group: number for group, number in _count(account) if number}


def _count(account: Account) -> Iterator[tuple[Group, int]]:
    for group, states in STATES.items():
        if group is not Group.SKIPPED:
            yield group, account.count(*states)


def percent_done(account: Account) -> int:
    """How much of the audience is settled, 0 to 100; 100 only when nothing is left to happen."""
    return percent_settled(account.audience, account.open)


def percent_settled(audience: int, still_open: int) -> int:
    """The same, of so many mails of which so many are still open."""
    if not audience:
        return 0
    return min(100 * (audience - still_open) // audience, 99 if still_open else 100)


@dataclass(frozen=True, slots=True)
class Sample:
    """How many mails of a newsletter were done with at a moment."""

    at: datetime
    settled: int


def measure_pace(samples: Sequence[Sample], *, is_held_back: bool = False) -> float | None:
    """Mails per second over samples in order, since the last break: a pause is not slowness. None
    when that says nothing yet.

    `is_held_back`: where limits make it stop and go, the times in which it went are what counts.
    """
    spans = _list_spans(samples)
    if is_held_back:
        spans = [(length, done) for length, done in spans if done > 0]
    seconds = sum(length.total_seconds() for length, _ in spans)
    done = sum(done for _, done in spans)
    if done <= 0 or seconds < _SHORTEST_WINDOW.total_seconds():
        return None
    return done / seconds


def _list_spans(samples: Sequence[Sample]) -> list[tuple[timedelta, int]]:
    """Lengths between the samples since the last break, and what was done in each."""
    spans: list[tuple[timedelta, int]] = []
    for before, after in pairwise(samples):
        length = after.at - before.at
        spans = [] if length > _BREAK else [*spans, (length, after.settled - before.settled)]
    return spans
