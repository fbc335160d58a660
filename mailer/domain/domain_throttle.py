"""Which mails to one recipient's domain may leave now, and until when the others are put off.

They are spread over the time that the limit needs, so that a long queue for one domain neither
stands in the way of the others nor is asked about every second. No clock, no table.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.domain.rate import GRAIN, LENGTHS, Bursts, Rate, Unit, add, count_used, list_held

LONGEST_PROMISE = timedelta(hours=1)
"""How far ahead a place is promised; who finds none is asked again then. Promises to a newsletter
that is cancelled stand in the way of the next one for so long and no longer."""


@dataclass(frozen=True, slots=True)
class DomainMeter:
    """What was used of a domain's limit, the last moment that mails were put off to, and how many
    of them to that one."""

    unit: Unit
    bursts: Bursts = ()
    promised_at: datetime | None = None
    promised: int = 0


def find_domain(address: str) -> str:
    """Where mail to that address goes. Domains are stored in their ASCII form."""
    return address.rpartition("@")[2].lower()


def split(
    rate: Rate, meter: DomainMeter, number: int, now: datetime, *, is_urgent: bool = False
) -> tuple[DomainMeter, list[datetime]]:
    """Of `number` mails, in order: the first ones leave now, and for each of the others there is
    the moment it is put off to.

    Mail that somebody waits for is never put off; newsletters wait for it.
    """
    bursts = meter.bursts if meter.unit == rate.unit else ()
    room = max(0, rate.number - count_used(bursts, rate.unit, now))
    going = number if is_urgent else min(number, room)
    if going:
        bursts = add(bursts, going, rate.unit, now)
    booked = replace(meter, unit=rate.unit, bursts=bursts)
    return _promise(rate, booked, number - going, now)


def _promise(
    rate: Rate, meter: DomainMeter, number: int, now: datetime
) -> tuple[DomainMeter, list[datetime]]:
    """The next places that are promised to nobody, as many at a time as the limit takes."""
    if not number:
        return meter, []
    step = _step(rate)
    farthest = now + max(LONGEST_PROMISE, step)
    moment, promised = _go_on(meter, step, now)
    put_off = []
    for _ in range(number):
        if promised >= rate.number and moment <= farthest:
            moment, promised = moment + step, 0
        put_off.append(min(moment, farthest))
        promised += moment <= farthest
    return replace(meter, promised_at=moment, promised=promised), put_off


def _go_on(meter: DomainMeter, step: timedelta, now: datetime) -> tuple[datetime, int]:
    """Where promising goes on: not before what left has made room."""
    held = list_held(meter.bursts, meter.unit, now)
    first = held[-1].ended_at + step if held else now
    if meter.promised_at is None or meter.promised_at < first:
        return first, 0
    return meter.promised_at, meter.promised


def _step(rate: Rate) -> timedelta:
    """From one promised moment to the next: a little longer than the limit's length, so that who
    comes late does not stand in the way of those who come next."""
    return rate.length * (GRAIN + 1) / GRAIN


def estimate_wait(rate: Rate, number: int) -> timedelta:
    """How long so many mails take, roughly."""
    return _step(rate) * max(0, number - rate.number) / rate.number


def find_idle(meter: DomainMeter, now: datetime) -> datetime:
    """When nothing of it matters any more."""
    ends = [burst.ended_at + LENGTHS[meter.unit] for burst in meter.bursts]
    return max([now, *ends, *([meter.promised_at] if meter.promised_at else [])])
