"""At most so many in any span: what counts, what is remembered, and what is given back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.rate import (
    GRAIN,
    LENGTHS,
    Burst,
    Bursts,
    Rate,
    Unit,
    add,
    count_used,
    read_rate,
    take_away,
)

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def leave(*moments: tuple[float, int], unit: Unit = Unit.MINUTE) -> Bursts:
    """So many mails at so many seconds after NOW."""
    bursts: Bursts = ()
    for seconds, number in moments:
        bursts = add(bursts, number, unit, NOW + seconds * SECOND)
    return bursts


@pytest.mark.parametrize(
    ("rate", "share"),
    [
        (Rate(30, Unit.SECOND), 30),
        (Rate(30, Unit.MINUTE), 27),
        (Rate(9, Unit.HOUR), 9),
        (Rate(300, Unit.DAY), 270),
    ],
)
def test_newsletters_leave_a_tenth_for_mail_that_is_waited_for(rate: Rate, share: int) -> None:
    assert rate.for_newsletters == share


def test_a_rate_is_read_as_it_is_configured() -> None:
    assert read_rate("20/minute") == Rate(20, Unit.MINUTE)


@pytest.mark.parametrize(("seconds", "used"), [(30, 25), (59.9, 25), (60, 5), (89.9, 5), (90, 0)])
def test_mails_count_for_the_whole_length_and_no_longer(seconds: float, used: int) -> None:
    bursts = leave((0, 20), (30, 5))

    at = NOW + seconds * SECOND

    assert count_used(bursts, Unit.MINUTE, at) == used


def test_mails_that_leave_together_are_one_burst_as_old_as_its_last() -> None:
    bursts = leave((0, 20), (2, 3), (4, 1))

    assert bursts == (
        Burst(NOW, NOW + 2 * SECOND, 23),
        Burst(NOW + 4 * SECOND, NOW + 4 * SECOND, 1),
    )


def test_what_counts_no_more_is_dropped() -> None:
    assert leave((0, 20), (61, 1)) == (Burst(NOW + 61 * SECOND, NOW + 61 * SECOND, 1),)


def test_a_clock_set_back_by_a_day_blocks_nothing() -> None:
    bursts = leave((0, 20))

    used = count_used(bursts, Unit.MINUTE, NOW - timedelta(days=1))

    assert used == 0


def test_a_clock_that_is_a_little_behind_still_counts() -> None:
    bursts = leave((0, 20))

    later = add(bursts, 1, Unit.MINUTE, NOW - SECOND)

    assert later == (Burst(NOW, NOW, 21),)


@pytest.mark.parametrize(
    ("number", "left"),
    [(0, [20, 5]), (3, [20, 2]), (5, [20]), (6, [19]), (25, []), (99, [])],
)
def test_what_did_not_leave_is_taken_from_the_newest(number: int, left: list[int]) -> None:
    bursts = leave((0, 20), (30, 5))

    kept = take_away(bursts, number)

    assert [burst.number for burst in kept] == left


STEPS = st.lists(st.tuples(st.floats(0, 1.5), st.integers(1, 40)), min_size=1, max_size=60)


@given(unit=st.sampled_from(Unit), limit=st.integers(1, 30), steps=STEPS)
def test_no_span_ever_sees_more_than_the_limit(
    unit: Unit, limit: int, steps: list[tuple[float, int]]
) -> None:
    """Whoever takes what is free whenever they like: at the end of one day and the beginning of
    the next, too. Steps are in lengths of the limit."""
    length, now = LENGTHS[unit], NOW
    bursts: Bursts = ()
    left: list[tuple[datetime, int]] = []
    for wait, wanted in steps:
        now += wait * length
        number = min(wanted, limit - count_used(bursts, unit, now))
        if number:
            bursts = add(bursts, number, unit, now)
            left.append((now, number))

    spans = [sum(number for at, number in left if end - length < at <= end) for end, _ in left]

    assert max(spans) <= limit
    assert len(bursts) <= GRAIN + 2


@given(steps=STEPS)
def test_what_is_remembered_of_a_mail_is_forgotten_after_a_twentieth_more(
    steps: list[tuple[float, int]],
) -> None:
    bursts, now = leave(), NOW
    for wait, number in steps:
        now += wait * MINUTE
        bursts = add(bursts, number, Unit.MINUTE, now)

    used = count_used(bursts, Unit.MINUTE, now + MINUTE * (GRAIN + 1) / GRAIN)

    assert used == 0
