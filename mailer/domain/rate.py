"""At most so many mails in any span of a length: what a limit is, and what was used of it.

No such span sees more than the limit, wherever it begins. So it holds whether a provider counts
calendar days, in any time zone, or the last 24 hours; a bucket that is full at first and refilled
meanwhile would let twice as many through. It knows no clock and no table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

GRAIN = 20
"""Mails that leave within a twentieth of a limit's length are remembered as one burst, which is as
old as its last mail. So a few bursts say enough, and no mail is counted for too short a time."""

RESERVE = 10
"""One place in so many is kept for mail that somebody waits for: newsletters stop before a limit
is used up, and the operator's number still holds for both together."""


class Unit(StrEnum):
    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


LENGTHS: Mapping[Unit, timedelta] = {
    Unit.SECOND: timedelta(seconds=1),
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `number` mails in any span of that length."""

    number: int
    unit: Unit

    @property
    def length(self) -> timedelta:
        return LENGTHS[self.unit]

    @property
    def for_newsletters(self) -> int:
        """What is left of it for mail that nobody waits for. A second is no wait."""
        return self.number - (0 if self.unit == Unit.SECOND else self.number // RESERVE)


@dataclass(frozen=True, slots=True)
class Burst:
    """Mails that left between two moments."""

    began_at: datetime
    ended_at: datetime
    number: int


Bursts = tuple[Burst, ...]
"""Oldest first."""


def read_rate(written: str) -> Rate:
    """`20/minute`, as it is configured."""
    number, _, unit = written.partition("/")
    return Rate(int(number), Unit(unit))


def list_held(bursts: Bursts, unit: Unit, now: datetime) -> Bursts:
    """Those that still count. What seems to lie far ahead is from before the clock was set back."""
    length = LENGTHS[unit]
    return tuple(burst for burst in bursts if abs(now - burst.ended_at) < length)


def count_used(bursts: Bursts, unit: Unit, now: datetime) -> int:
    return sum(burst.number for burst in list_held(bursts, unit, now))


def add(bursts: Bursts, number: int, unit: Unit, now: datetime) -> Bursts:
    """So many mails leave now; what counts no more is dropped."""
    held = list_held(bursts, unit, now)
    if held and now - held[-1].began_at < LENGTHS[unit] / GRAIN:
        last = held[-1]
        ended_at = max(last.ended_at, now)
        return (*held[:-1], replace(last, ended_at=ended_at, number=last.number + number))
    return (*held, Burst(now, now, number))


def take_away(bursts: Bursts, number: int) -> Bursts:
    """So many did not leave after all: the newest."""
    kept: list[Burst] = []
    for burst in reversed(bursts):
        less = min(burst.number, number)
        number -= less
        if burst.number > less:
            kept.append(replace(burst, number=burst.number - less))
    return tuple(reversed(kept))
