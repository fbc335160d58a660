"""The sums of a newsletter as people ask for them, and how long it will take."""

from collections import Counter
from datetime import timedelta

import pytest

from mailer.domain.delivery import OPEN_STATES, Account, DeliveryState
from mailer.domain.progress import STATES, Group, group_counts, percent_done, time_left

S = DeliveryState


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


@pytest.mark.parametrize(
    ("due", "settled", "minutes", "expected"),
    [
        pytest.param(100, 50, 5, timedelta(minutes=10), id="at the pace so far"),
        pytest.param(0, 50, 5, None, id="nothing is due"),
        pytest.param(100, 0, 5, None, id="nothing was done yet"),
        pytest.param(100, 50, 0.05, None, id="too early to tell"),
    ],
)
def test_time_left_follows_the_pace(
    due: int, settled: int, minutes: float, expected: timedelta | None
) -> None:
    # What was put off for half an hour does not count: its time is its own.
    account = Account(500, {S.QUEUED: due, S.DEFERRED: 7, S.ACCEPTED: settled})

    assert time_left(account, settled, timedelta(minutes=minutes)) == expected
