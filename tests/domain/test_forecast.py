"""When the last mail will have left, what holds it back, and who gets theirs too late."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from mailer.domain.forecast import Backlog, Departure, Forecast, Hold, count_late, foresee, scale
from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import Limits, Meter, book

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
PER_SECOND, PER_MINUTE = Rate(10, Unit.SECOND), Rate(30, Unit.MINUTE)
PER_HOUR, PER_DAY = Rate(100, Unit.HOUR), Rate(1_000, Unit.DAY)
NO_LIMITS = Limits()
GMAIL = Limits(domains={"gmail.com": Rate(20, Unit.MINUTE)})


def look(
    number: int,
    limits: Limits = NO_LIMITS,
    pace: float | None = None,
    *,
    domains: dict[str, int] | None = None,
    used: int = 0,
) -> Forecast | None:
    """A forecast for a newsletter that lives five days; `used` mails left at the same moment."""
    meter = book(limits, Meter(), used, NOW) if used else Meter()
    backlog = Backlog(number, domains or {}, NOW + 5 * DAY)
    return foresee(backlog, limits, meter, pace, NOW)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(look(0, Limits(rates=(PER_MINUTE,)), 1.0), "nothing is due", id="nothing due"),
        pytest.param(look(100), "nobody knows the pace", id="no pace, no limit"),
    ],
)
def test_nothing_is_foretold_without_reason(found: Forecast | None, why: str) -> None:
    assert found is None, why


@pytest.mark.parametrize(
    ("number", "limits", "pace", "ends", "hold"),
    [
        pytest.param(600, Limits(), 2.0, 5 * MINUTE, Hold(), id="the pace"),
        pytest.param(
            6_000, Limits(rates=(PER_SECOND,)), 2.0, 50 * MINUTE, Hold(), id="slower than limits"
        ),
        pytest.param(
            6_000, Limits(rates=(PER_SECOND,)), 50.0, 10 * MINUTE, Hold(PER_SECOND), id="a second"
        ),
        pytest.param(
            60, Limits(rates=(PER_MINUTE,)), None, 2 * MINUTE, Hold(PER_MINUTE), id="27 a minute"
        ),
        pytest.param(
            2_700,
            Limits(rates=(PER_MINUTE,)),
            None,
            100 * MINUTE,
            Hold(PER_MINUTE),
            id="an even flow",
        ),
        pytest.param(
            250,
            Limits(rates=(PER_MINUTE, PER_HOUR)),
            None,
            2 * HOUR + 6 * MINUTE,
            Hold(PER_HOUR),
            id="hours, and minutes within the last",
        ),
        pytest.param(
            1_980,
            Limits(rates=(PER_MINUTE, PER_DAY)),
            None,
            2 * DAY + 400 * SECOND,
            Hold(PER_DAY),
            id="days, and minutes within the last",
        ),
        pytest.param(
            500,
            Limits(warm_up=(50, 100, 500)),
            None,
            2 * DAY,
            Hold(is_warm_up=True),
            id="a warm-up",
        ),
        pytest.param(
            1_000,
            Limits(warm_up=(50, 100, 500)),
            1.0,
            3 * DAY + 415 * SECOND,
            Hold(is_warm_up=True),
            id="after a warm-up, the pace",
        ),
    ],
)
def test_the_slowest_of_limits_and_pace_tells_the_end(
    number: int, limits: Limits, pace: float | None, ends: timedelta, hold: Hold
) -> None:
    found = look(number, limits, pace)

    assert found
    assert (found.ends_at, found.left_over, found.hold) == (NOW + ends, 0, hold)


def test_what_left_already_counts() -> None:
    found = look(100, Limits(rates=(PER_DAY,)), used=900)

    assert found
    assert (found.ends_at, found.hold) == (NOW + DAY, Hold(PER_DAY))


def test_a_domain_takes_its_time_while_the_others_are_done() -> None:
    found = look(2_000, GMAIL, 10.0, domains={"gmail.com": 1_220})

    assert found
    assert found.ends_at == NOW + 63 * MINUTE
    assert found.hold == Hold(Rate(20, Unit.MINUTE), "gmail.com")
    assert found.count_by(NOW + 200 * SECOND) == 2_000


def test_a_domain_without_a_limit_holds_nothing_back() -> None:
    found = look(100, GMAIL, 10.0, domains={"seznam.cz": 100})

    assert found
    assert (found.ends_at, found.hold) == (NOW + 10 * SECOND, Hold())


@pytest.mark.parametrize(
    ("limits", "pace", "domains", "left_over"),
    [
        pytest.param(Limits(rates=(PER_DAY,)), None, {}, 5_500, id="five times 900 of 10,000"),
        pytest.param(Limits(), 0.01, {}, 5_680, id="a pace that is no good"),
        pytest.param(GMAIL, None, {"gmail.com": 150_000}, 12_839, id="roughly, for a domain"),
    ],
)
def test_what_cannot_leave_in_time_is_left_over(
    limits: Limits, pace: float | None, domains: dict[str, int], left_over: int
) -> None:
    number = max([10_000, *domains.values()])

    found = look(number, limits, pace, domains=domains)

    assert found
    assert (found.ends_at, found.left_over) == (NOW + 5 * DAY, left_over)


def test_a_newsletter_that_is_too_old_sends_nothing() -> None:
    found = foresee(Backlog(10, {}, NOW), Limits(), Meter(), 1.0, NOW)

    assert found
    assert found.left_over == 10


@pytest.mark.parametrize(
    ("minutes", "number"), [(-1, 0), (0, 0), (10, 0), (15, 50), (20, 100), (21, 100)]
)
def test_a_departure_counts_evenly(minutes: int, number: int) -> None:
    departure = Departure(NOW + 10 * MINUTE, 10 * MINUTE, 100)

    assert departure.count_by(NOW + minutes * MINUTE) == number


@pytest.mark.parametrize(
    ("urgent", "ahead", "late"),
    [
        pytest.param([], 0, 0, id="nobody is in a hurry"),
        pytest.param([(10, 60), (30, 100)], 0, 0, id="all in time"),
        pytest.param([(10, 100)], 0, 40, id="60 leave in ten minutes"),
        pytest.param([(10, 100), (20, 100)], 0, 120, id="who is late holds the next ones up"),
        pytest.param([(10, 30)], 40, 10, id="another newsletter goes first"),
        pytest.param([(10, 30)], 100, 30, id="a large one goes first"),
        pytest.param([(-5, 30)], 0, 30, id="over already"),
    ],
)
def test_late_is_who_gets_it_after_something_in_it_is_over(
    urgent: list[tuple[int, int]], ahead: int, late: int
) -> None:
    forecast = look(1_000, pace=0.1)
    moments = [(NOW + minutes * MINUTE, number) for minutes, number in urgent]

    assert forecast
    assert count_late(moments, forecast, ahead) == late


def test_a_million_mails_are_foretold_at_a_glance() -> None:
    """The page asks every few seconds."""
    limits = Limits(rates=(PER_SECOND, PER_MINUTE, PER_HOUR, PER_DAY), warm_up=(50, 100) * 10)
    meter = Meter()
    for step in range(60):
        meter = book(limits, meter, 1, NOW - step * MINUTE)
    began = perf_counter()

    foresee(Backlog(1_000_000, {}, NOW + 5 * DAY), limits, meter, 100.0, NOW)

    assert perf_counter() - began < 0.25


@pytest.mark.parametrize(
    ("sample", "number", "whole"),
    [({"a": 3, "b": 1}, 8, {"a": 6, "b": 2}), ({"a": 2}, 2, {"a": 2}), ({}, 8, {})],
)
def test_a_sample_speaks_for_the_whole(
    sample: dict[str, int], number: int, whole: dict[str, int]
) -> None:
    assert scale(Counter(sample), number) == whole
