"""When the mails of a newsletter will have left: by what the limits allow and by the pace that was
measured, whichever is slower; and who will have theirs too late.

Arithmetic over values: an honest guess, no promise. No clock, no table, no words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.domain import throttle
from mailer.domain.domain_throttle import estimate_wait
from mailer.domain.rate import Rate
from mailer.domain.throttle import Limits, Meter

MANY = 50
"""A limit that is used up more often than that is as good as an even flow."""

_AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is still to leave: so many mails; of them, roughly, those to each domain that has a
    limit; and the moment after which none of them leaves any more."""

    number: int
    by_domain: Mapping[str, int]
    until: datetime


@dataclass(frozen=True, slots=True)
class Departure:
    """Mails that leave evenly over a length of time."""

    begins_at: datetime
    lasts: timedelta
    number: int

    @property
    def ends_at(self) -> datetime:
        return self.begins_at + self.lasts

    def count_by(self, moment: datetime) -> int:
        """How many of them will have left by then."""
        if moment >= self.ends_at:
            return self.number
        if moment <= self.begins_at:
            return 0
        return int(self.number * (moment - self.begins_at) / self.lasts)


@dataclass(frozen=True, slots=True)
class Hold:
    """What makes it take so long: a limit of the provider, its warm-up, a limit of a recipient's
    domain, or, with neither, the pace at which mail is sent."""

    rate: Rate | None = None
    domain: str = ""
    is_warm_up: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """`ends_at`: when the last mail leaves. `left_over`: how many do not leave before it is too
    late for them. `departures` knows nothing of recipients' domains."""

    ends_at: datetime
    left_over: int
    hold: Hold
    departures: tuple[Departure, ...] = ()

    def count_by(self, moment: datetime) -> int:
        """How many will have left by then."""
        return sum(departure.count_by(moment) for departure in self.departures)


def foresee(
    backlog: Backlog, limits: Limits, meter: Meter, pace: float | None, now: datetime
) -> Forecast | None:
    """When what is due will have left; None when nothing is due or nobody can tell. `pace` is
    mails per second, None while it is not known."""
    if not backlog.number:
        return None
    alone = [
        *([_run(backlog, Limits(), meter, pace, now, Hold())] if pace else []),
        *(_run(backlog, one, meter, None, now, hold) for one, hold in _list_holds(limits)),
        *(
            _run_domain(domain, rate, number, backlog.until, now)
            for domain, number in backlog.by_domain.items()
            if (rate := limits.find_for(domain))
        ),
    ]
    if not alone:
        return None
    slowest = max(alone, key=lambda one: (one.left_over, one.ends_at))
    together = _run(backlog, limits, meter, pace, now, slowest.hold)
    return replace(
        together,
        ends_at=max(together.ends_at, slowest.ends_at),
        left_over=max(together.left_over, slowest.left_over),
    )


def _list_holds(limits: Limits) -> Iterator[tuple[Limits, Hold]]:
    """Each limit of the provider by itself."""
    for rate in limits.rates:
        yield Limits(rates=(rate,)), Hold(rate)
    if limits.warm_up:
        yield Limits(warm_up=limits.warm_up), Hold(is_warm_up=True)


def _run(
    backlog: Backlog, limits: Limits, meter: Meter, pace: float | None, now: datetime, hold: Hold
) -> Forecast:
    departures = tuple(_depart(backlog, limits, meter, pace, now))
    left_over = backlog.number - sum(one.number for one in departures)
    last = max((one.ends_at for one in departures), default=now)
    return Forecast(backlog.until if left_over else last, left_over, hold, departures)


def _run_domain(domain: str, rate: Rate, number: int, until: datetime, now: datetime) -> Forecast:
    ends_at = now + estimate_wait(rate, number)
    departure = Departure(now, ends_at - now, number)
    left_over = number - departure.count_by(until)
    return Forecast(min(ends_at, until), left_over, Hold(rate, domain))


def _depart(
    backlog: Backlog, limits: Limits, meter: Meter, pace: float | None, now: datetime
) -> Iterator[Departure]:
    """Play the sending through, a departure for each time that there is room."""
    number, moment = backlog.number, now
    limits, pace = _smooth(limits, number, pace)
    while number and moment < backlog.until:
        room = throttle.count_room(limits, meter, number, moment)
        if not room:
            moment = throttle.find_opening(limits, meter, moment)
            continue
        departure = _cut(Departure(moment, _spread(room, pace), room), backlog.until)
        yield departure
        meter = throttle.book(limits, meter, room, moment)
        number, moment = number - room, departure.ends_at


def _smooth(limits: Limits, number: int, pace: float | None) -> tuple[Limits, float | None]:
    """Limits that such a number uses up again and again become a pace."""
    even = [rate for rate in limits.rates if number > MANY * rate.for_newsletters]
    paces = [rate.for_newsletters / rate.length.total_seconds() for rate in even]
    rates = tuple(rate for rate in limits.rates if rate not in even)
    return replace(limits, rates=rates), min([*paces, *([pace] if pace else [])], default=None)


def _spread(number: int, pace: float | None) -> timedelta:
    return timedelta(seconds=number / pace) if pace else _AT_ONCE


def _cut(departure: Departure, until: datetime) -> Departure:
    """Only what leaves before it is too late."""
    if departure.ends_at <= until:
        return departure
    return Departure(departure.begins_at, until - departure.begins_at, departure.count_by(until))


def count_late(urgent: Sequence[tuple[datetime, int]], forecast: Forecast, ahead: int = 0) -> int:
    """How many readers get their letter after something in it is over: (when, how many readers),
    most urgent first, as they leave, `ahead` mails before the first of them."""
    late = 0
    for over_at, number in urgent:
        in_time = min(number, max(0, forecast.count_by(over_at) - ahead))
        late, ahead = late + number - in_time, ahead + number
    return late


def scale(sample: Counter[str], number: int) -> Counter[str]:
    """What a sample says about a whole of so many."""
    seen = sample.total()
    return Counter({name: found * number // seen for name, found in sample.items()})
