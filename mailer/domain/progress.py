"""How far the sending of a newsletter has come: the numbers people ask for, and how long it takes.

Arithmetic over counts. It knows no table and puts nothing into words.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum

from mailer.domain.delivery import Account, DeliveryState

_S = DeliveryState

RATE_WINDOW = timedelta(minutes=5)
"""The pace of the last minutes says more about the next ones than that of the whole sending."""

_SHORTEST_WINDOW = timedelta(seconds=5)


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
    if not account.audience:
        return 0
    done = account.audience - account.open
    return min(100 * done // account.audience, 100 if not account.open else 99)


def time_left(account: Account, settled: int, window: timedelta) -> timedelta | None:
    """How long the mails that are due now will take at the pace of the last `window`, in which
    `settled` mails were done. None when there is no pace to go by or nothing is due."""
    due = account.count(*STATES[Group.WAITING])
    if not due or not settled or window < _SHORTEST_WINDOW:
        return None
    return due * window / settled
