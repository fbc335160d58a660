"""The sums of a newsletter as people ask for them, and at what pace it goes."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from mailer.domain.delivery import OPEN_STATES, Account, DeliveryState
from mailer.domain.progress import STATES, Group, Sample, group_counts, measure_pace, percent_done

S = DeliveryState
NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def test_every_state_is_in_exactly_one_group() -> None:
    found = Counter(state for states in STATES.values() for state in states)

    assert found == Counter(DeliveryState)


def test_what_is_open_waits_or_comes_later() -> None:
    assert STATES[Group.WAITING] | STATES[Group.LATER] == OPEN_STATES


def test_groups_leave_out_empty_ones_and_who_was_not_in_the_audience() -> None:
    account = Account(6, {S.ACCEPTED: 2, S.DELIVERED: 1, S.REJECTED: 2, S.QUEUED: 1, S.SKIPPED: 9})

    groups = group_counts(account)

    assert groups == {Group.ACCEPTED: 3, Group.BOUNCED: 2, Group.WAITING: 1}
    assert sum(groups.values()) == account.audience


@pytest.mark.parametrize(
    ("account", "percent"),
    [
        (Account(0, {}), 0),
        (Account(4, {S.QUEUED: 4}), 0),
        (Account(4, {S.QUEUED: 3, S.ACCEPTED: 1}), 25),
        (Account(300, {S.QUEUED: 1, S.ACCEPTED: 299}), 99),
        (Account(4, {S.ACCEPTED: 3, S.REJECTED: 1}), 100),
        (Account(4, {S.ACCEPTED: 3, S.UNKNOWN: 1}, waiting_unknown=1), 75),
    ],
)
def test_percent_is_full_only_when_nothing_is_left(account: Account, percent: int) -> None:
    assert percent_done(account) == percent


def sample(*settled: tuple[float, int]) -> list[Sample]:
    """(seconds after NOW, how many were done by then)."""
    return [Sample(NOW + timedelta(seconds=seconds), number) for seconds, number in settled]


@pytest.mark.parametrize(
    ("samples", "pace"),
    [
        pytest.param(sample(), None, id="nobody looked"),
        pytest.param(sample((0, 10)), None, id="one look tells nothing"),
        pytest.param(sample((0, 10), (4, 90)), None, id="too early to tell"),
        pytest.param(sample((0, 10), (10, 10)), None, id="nothing was done"),
        pytest.param(sample((0, 10), (10, 20), (20, 50)), 2.0, id="all of the time"),
        pytest.param(sample((0, 10), (10, 30), (20, 30)), 1.0, id="slow times count"),
        pytest.param(sample((0, 0), (10, 500), (900, 500), (910, 510)), 1.0, id="no pauses"),
        pytest.param(sample((0, 50), (10, 20)), None, id="failed mails are tried again"),
    ],
)
def test_pace_is_what_was_done_lately(samples: list[Sample], pace: float | None) -> None:
    assert measure_pace(samples) == pace


def test_pace_under_a_limit_is_that_of_the_times_in_which_mail_left() -> None:
    samples = sample((0, 0), (10, 20), (20, 20), (30, 20), (40, 30))

    assert measure_pace(samples, is_held_back=True) == 1.5
