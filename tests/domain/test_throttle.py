"""The provider's limits and its warm-up: how many may leave, when the next one may."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import (
    Limits,
    Meter,
    book,
    count_days,
    count_room,
    find_opening,
    find_warm_up,
    give_back,
    list_rates,
    read_limits,
)

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
PER_MINUTE, PER_DAY = Rate(30, Unit.MINUTE), Rate(50, Unit.DAY)
BOTH = Limits("smtp", (PER_MINUTE, PER_DAY))
PLAN = Limits("smtp", warm_up=(50, 100, 500))
MANY = 10_000


def spend(limits: Limits, *leaving: tuple[timedelta, int]) -> Meter:
    """So many mails so long after NOW."""
    meter = Meter()
    for after, number in leaving:
        meter = book(limits, meter, number, NOW + after)
    return meter


def test_limits_are_read_as_configured() -> None:
    rates = {Unit.SECOND: 0, Unit.MINUTE: 30, Unit.HOUR: 0, Unit.DAY: 500}

    limits = read_limits("smtp", rates, [50, 100], {"gmail.com": "20/minute"})

    assert limits == Limits(
        "smtp",
        (Rate(30, Unit.MINUTE), Rate(500, Unit.DAY)),
        (50, 100),
        {"gmail.com": Rate(20, Unit.MINUTE)},
    )


@pytest.mark.parametrize(
    ("domains", "domain", "found"),
    [
        ({"a.org": PER_DAY}, "a.org", PER_DAY),
        ({"a.org": PER_DAY}, "b.org", None),
        ({"a.org": PER_DAY, "*": PER_MINUTE}, "a.org", PER_DAY),
        ({"a.org": PER_DAY, "*": PER_MINUTE}, "b.org", PER_MINUTE),
    ],
)
def test_a_star_is_every_other_domain(
    domains: dict[str, Rate], domain: str, found: Rate | None
) -> None:
    assert Limits(domains=domains).find_for(domain) == found


@pytest.mark.parametrize(
    ("leaving", "at", "wanted", "room"),
    [
        pytest.param([], 0, MANY, 27, id="the tightest limit, less what is kept"),
        pytest.param([], 0, 5, 5, id="no more than is wanted"),
        pytest.param([(0, 27)], 30, MANY, 0, id="used up"),
        pytest.param([(0, 27)], 60, MANY, 18, id="now the day is the tightest"),
        pytest.param([(0, 27), (60, 18)], 3600, MANY, 0, id="nothing more today"),
    ],
)
def test_room_is_what_every_limit_leaves(
    leaving: list[tuple[int, int]], at: int, wanted: int, room: int
) -> None:
    meter = spend(BOTH, *((seconds * SECOND, number) for seconds, number in leaving))

    assert count_room(BOTH, meter, wanted, NOW + at * SECOND) == room


def test_mail_that_is_waited_for_may_use_a_limit_up_and_never_pass_it() -> None:
    meter = spend(BOTH, (0 * SECOND, 27))

    rooms = [
        count_room(BOTH, meter, MANY, NOW, is_urgent=True),
        count_room(BOTH, book(BOTH, meter, 3, NOW), MANY, NOW, is_urgent=True),
    ]

    assert rooms == [3, 0]


def test_newsletters_wait_for_mail_that_is_waited_for() -> None:
    meter = spend(BOTH, (0 * SECOND, 30))

    assert find_opening(BOTH, meter, NOW) == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("leaving", "opens"),
    [
        pytest.param([], 0 * SECOND, id="nothing has left"),
        pytest.param([(0 * SECOND, 20)], 0 * SECOND, id="there is room"),
        pytest.param([(0 * SECOND, 20), (10 * SECOND, 7)], 60 * SECOND, id="with the oldest"),
        pytest.param(
            [(0 * SECOND, 27), (2 * HOUR, 18)], DAY, id="with the limit that takes longest"
        ),
    ],
)
def test_opening_is_when_the_next_one_may_leave(
    leaving: list[tuple[timedelta, int]], opens: timedelta
) -> None:
    meter = spend(BOTH, *leaving)
    now = NOW + max((after for after, _ in leaving), default=0 * SECOND)

    assert find_opening(BOTH, meter, now) == max(NOW + opens, now)


def test_a_warm_up_goes_on_with_its_next_day() -> None:
    meter = spend(PLAN, (0 * HOUR, 40), (HOUR, 5))

    assert find_opening(PLAN, meter, NOW + HOUR) == NOW + DAY


def test_what_was_given_back_may_be_used_again() -> None:
    meter = give_back(spend(BOTH, (0 * SECOND, 27)), 7)

    assert count_room(BOTH, meter, MANY, NOW) == 7


def test_nothing_is_written_down_where_nothing_limits() -> None:
    assert book(Limits("smtp"), Meter(), 7, NOW) == Meter()


def test_a_warm_up_allows_more_each_day() -> None:
    meter, allowed = Meter(), []
    for day in range(4):
        now = NOW + day * DAY
        rate = find_warm_up(PLAN, meter, now)
        allowed.append(rate.number if rate else None)
        meter = book(PLAN, meter, count_room(PLAN, meter, MANY, now), now)

    assert allowed == [50, 100, 500, None]
    assert list_rates(PLAN, meter, NOW + 3 * DAY) == []


@pytest.mark.parametrize(
    ("leaving", "at", "days"),
    [
        pytest.param([], DAY, 0, id="nothing has left yet"),
        pytest.param([(0 * DAY, 25)], DAY - SECOND, 0, id="the day is not over"),
        pytest.param([(0 * DAY, 25)], DAY, 1, id="half of it is enough"),
        pytest.param([(0 * DAY, 24)], DAY, 0, id="less is not"),
        pytest.param([(0 * DAY, 25)], 9 * DAY, 1, id="days without mail do not count"),
        pytest.param([(0 * DAY, 3), (9 * DAY, 3)], 10 * DAY, 0, id="nor do a few sign-ups"),
        pytest.param([(0 * DAY, 20), (2 * HOUR, 20)], DAY, 1, id="all of a day's mails count"),
    ],
)
def test_a_day_of_a_warm_up_is_done_when_half_of_it_left(
    leaving: list[tuple[timedelta, int]], at: timedelta, days: int
) -> None:
    assert count_days(PLAN.warm_up, spend(PLAN, *leaving), NOW + at) == days


def test_a_shorter_plan_ends_a_warm_up() -> None:
    meter = Meter(days=3, day_began_at=NOW, day_number=0)

    assert find_warm_up(Limits(warm_up=(50, 100)), meter, NOW) is None


LIMITS = st.builds(
    lambda rates, plan: Limits("smtp", tuple(Rate(n, unit) for unit, n in rates.items()), plan),
    st.dictionaries(st.sampled_from(Unit), st.integers(1, 40), max_size=4),
    st.lists(st.integers(1, 40), max_size=3).map(tuple),
)
STEPS = st.lists(
    st.tuples(st.floats(0, 200_000), st.integers(1, 30), st.booleans()), min_size=1, max_size=30
)


@given(limits=LIMITS, steps=STEPS)
def test_opening_is_the_first_moment_with_room(
    limits: Limits, steps: list[tuple[float, int, bool]]
) -> None:
    meter, now = Meter(), NOW
    for seconds, wanted, is_urgent in steps:
        now += seconds * SECOND
        number = count_room(limits, meter, wanted, now, is_urgent=is_urgent)
        meter = book(limits, meter, number, now) if number else meter

    opening = find_opening(limits, meter, now)

    assert count_room(limits, meter, 1, opening) == 1
    before = opening - timedelta(microseconds=1)
    assert opening == now or count_room(limits, meter, 1, before) == 0
