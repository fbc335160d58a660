"""Limits per recipient's domain: who leaves now, and how the others are spread over time."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from mailer.domain.domain_throttle import (
    LONGEST_PROMISE,
    DomainMeter,
    estimate_wait,
    find_domain,
    find_idle,
    split,
)
from mailer.domain.rate import Rate, Unit

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STEP = 63 * SECOND
TWENTY = Rate(20, Unit.MINUTE)


def after(*moments: datetime) -> list[tuple[float, int]]:
    """(seconds after NOW, how many), in order."""
    counted = Counter((moment - NOW).total_seconds() for moment in moments)
    return sorted(counted.items())


@pytest.mark.parametrize("address", ["a@Example.org", '"a@b"@example.org'])
def test_domain_is_what_follows_the_last_at(address: str) -> None:
    assert find_domain(address) == "example.org"


def test_what_fits_leaves_and_the_rest_is_spread_as_the_limit_takes_it() -> None:
    _meter, put_off = split(TWENTY, DomainMeter(Unit.MINUTE), 50, NOW)

    assert after(*put_off) == [(63, 20), (126, 10)]


def test_the_next_ones_come_after_those_that_were_promised_a_place() -> None:
    meter, _ = split(TWENTY, DomainMeter(Unit.MINUTE), 50, NOW)

    _meter, put_off = split(TWENTY, meter, 25, NOW + SECOND)

    assert after(*put_off) == [(126, 10), (189, 15)]


def test_who_was_promised_a_place_finds_it() -> None:
    meter, put_off = split(TWENTY, DomainMeter(Unit.MINUTE), 60, NOW)

    for moment in sorted(set(put_off)):
        meter, again = split(TWENTY, meter, 20, moment)

        assert again == []


def test_a_long_queue_is_asked_about_again_after_an_hour() -> None:
    _meter, put_off = split(TWENTY, DomainMeter(Unit.MINUTE), 5_000, NOW)

    places = int(LONGEST_PROMISE / STEP)
    assert Counter(put_off)[NOW + LONGEST_PROMISE] == 5_000 - 20 - 20 * places
    assert put_off == sorted(put_off)


def test_everybody_gets_through_and_a_limit_is_kept() -> None:
    """A queue as the engine works it off: what is due is asked about, in order."""
    meter, now, due = DomainMeter(Unit.MINUTE), NOW, [NOW] * 3_000
    left: list[datetime] = []
    while due:
        now = max(now, min(due))
        asked = sorted(moment for moment in due if moment <= now)[:500]
        meter, put_off = split(TWENTY, meter, len(asked), now)
        left += [now] * (len(asked) - len(put_off))
        due = [moment for moment in due if moment > now] + put_off
        due += [NOW] * (3_000 - len(left) - len(due))

    fullest = max(sum(end - MINUTE < at <= end for at in left) for end in set(left))
    assert (len(left), fullest) == (3_000, 20)
    assert left[-1] - NOW <= 1.1 * estimate_wait(TWENTY, 3_000)


def test_mail_that_is_waited_for_always_leaves_and_newsletters_wait_for_it() -> None:
    meter, _ = split(TWENTY, DomainMeter(Unit.MINUTE), 20, NOW)

    meter, urgent = split(TWENTY, meter, 5, NOW + SECOND, is_urgent=True)
    _meter, put_off = split(TWENTY, meter, 1, NOW + 60 * SECOND)

    assert urgent == []
    assert after(*put_off) == [(64, 1)]


def test_a_limit_that_became_another_one_begins_anew() -> None:
    meter, _ = split(TWENTY, DomainMeter(Unit.MINUTE), 20, NOW)

    meter, put_off = split(Rate(20, Unit.HOUR), meter, 20, NOW)

    assert (meter.unit, put_off) == (Unit.HOUR, [])


def test_idle_is_when_neither_mails_nor_promises_matter() -> None:
    meter, _ = split(TWENTY, DomainMeter(Unit.MINUTE), 10, NOW)
    longer, _ = split(TWENTY, meter, 50, NOW)

    assert find_idle(meter, NOW) == NOW + MINUTE
    assert find_idle(longer, NOW) == NOW + 2 * STEP


@pytest.mark.parametrize(("number", "minutes"), [(0, 0), (20, 0), (40, 1.05), (1_220, 63)])
def test_wait_grows_with_the_queue(number: int, minutes: float) -> None:
    assert estimate_wait(TWENTY, number) == minutes * MINUTE
