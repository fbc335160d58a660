"""How many mails may leave through the provider now, and when the next one may: its limits and the
warm-up plan over what was used of them. Arithmetic over values: no clock, no table.

Limits per recipient's domain are kept in `domain_throttle`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer.domain.rate import (
    LENGTHS,
    Bursts,
    Rate,
    Unit,
    add,
    count_used,
    read_rate,
    take_away,
)

ANY_DOMAIN = "*"
A_DAY = LENGTHS[Unit.DAY]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator set for `provider`: `warm_up` is how many mails may leave on the first
    day of sending, the second and so on; `domains` has the recipients' domains, `*` any other."""

    provider: str = ""
    rates: tuple[Rate, ...] = ()
    warm_up: tuple[int, ...] = ()
    domains: Mapping[str, Rate] = field(default_factory=dict)

    @property
    def hold_provider(self) -> bool:
        return bool(self.rates or self.warm_up)

    def find_for(self, domain: str) -> Rate | None:
        return self.domains.get(domain) or self.domains.get(ANY_DOMAIN)


@dataclass(frozen=True, slots=True)
class Meter:
    """What was used of the provider's limits; and of a warm-up the days done, when the present
    one began and how many mails left in it."""

    bursts: Mapping[Unit, Bursts] = field(default_factory=dict)
    days: int = 0
    day_began_at: datetime | None = None
    day_number: int = 0


def read_limits(
    provider: str, rates: Mapping[Unit, int], warm_up: Sequence[int], domains: Mapping[str, str]
) -> Limits:
    """The limits as configured: 0 is none, and a domain's is written `20/minute`."""
    return Limits(
        provider,
        tuple(Rate(number, unit) for unit, number in rates.items() if number),
        tuple(warm_up),
        {domain: read_rate(written) for domain, written in domains.items()},
    )


def find_warm_up(limits: Limits, meter: Meter, now: datetime) -> Rate | None:
    """What the warm-up allows today; None when there is none or it is over."""
    days = count_days(limits.warm_up, meter, now)
    return Rate(limits.warm_up[days], Unit.DAY) if days < len(limits.warm_up) else None


def count_days(plan: Sequence[int], meter: Meter, now: datetime) -> int:
    """How many days of a warm-up are done.

    Days are 24 hours from a first mail on, and a day counts only if half of its mails left: three
    sign-ups in a quiet week prove nothing to the other side, and must not use the plan up.
    """
    if meter.day_began_at is None or meter.days >= len(plan):
        return meter.days
    is_over = now >= meter.day_began_at + A_DAY
    return meter.days + (is_over and 2 * meter.day_number >= plan[meter.days])


def list_rates(limits: Limits, meter: Meter, now: datetime) -> list[Rate]:
    """The provider's limits in force, the warm-up's among them."""
    warm_up = find_warm_up(limits, meter, now)
    return [*limits.rates, *([warm_up] if warm_up else [])]


def count_room(
    limits: Limits, meter: Meter, wanted: int, now: datetime, *, is_urgent: bool = False
) -> int:
    """How many of `wanted` mails may leave now."""
    rooms = (
        (rate.number if is_urgent else rate.for_newsletters)
        - count_used(meter.bursts.get(rate.unit, ()), rate.unit, now)
        for rate in list_rates(limits, meter, now)
    )
    return max(0, min((*rooms, wanted)))


def find_opening(limits: Limits, meter: Meter, now: datetime) -> datetime:
    """When the next newsletter mail may leave: now, or when enough of what left is old enough."""
    return next(
        moment for moment in _list_turns(meter, now) if count_room(limits, meter, 1, moment)
    )


def _list_turns(meter: Meter, now: datetime) -> Iterator[datetime]:
    """The moments at which there may be more room than before, in order; at the last one nothing
    that left counts any more."""
    yield now
    turns = {
        burst.ended_at + LENGTHS[unit] for unit, bursts in meter.bursts.items() for burst in bursts
    }
    if meter.day_began_at:
        turns.add(meter.day_began_at + A_DAY)
    yield from sorted(moment for moment in turns if moment > now)


def book(limits: Limits, meter: Meter, number: int, now: datetime) -> Meter:
    """So many mails leave now. Without a limit in force nothing changes."""
    units = {rate.unit for rate in list_rates(limits, meter, now)}
    if not units:
        return meter
    begun = _begin_day(limits.warm_up, meter, now)
    return replace(
        begun,
        bursts={unit: add(meter.bursts.get(unit, ()), number, unit, now) for unit in units},
        day_number=begun.day_number + number,
    )


def _begin_day(plan: Sequence[int], meter: Meter, now: datetime) -> Meter:
    began_at = meter.day_began_at
    if began_at and began_at <= now < began_at + A_DAY:
        return meter
    return replace(meter, days=count_days(plan, meter, now), day_began_at=now, day_number=0)


def give_back(meter: Meter, number: int) -> Meter:
    """So many mails did not leave after all."""
    return replace(
        meter,
        bursts={unit: take_away(bursts, number) for unit, bursts in meter.bursts.items()},
        day_number=max(0, meter.day_number - number),
    )
