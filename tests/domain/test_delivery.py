"""What becomes of a mail, and when it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.domain.delivery import (
    OPEN_STATES,
    TRANSACTIONAL_ATTEMPTS,
    UNKNOWN_WAIT,
    Account,
    DeliveryKind,
    DeliveryState,
    Next,
    after_retry,
    after_unknown,
    backoff,
)

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
MAIL, LETTER = DeliveryKind.TRANSACTIONAL, DeliveryKind.NEWSLETTER


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 30), (1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (50, 480)]
)
def test_backoff_doubles_up_to_eight_hours(attempts: int, minutes: int) -> None:
    assert backoff(attempts) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(minutes=31), Next(DeliveryState.DEFERRED, NOW + timedelta(minutes=30))),
        (timedelta(minutes=30), Next(DeliveryState.EXPIRED)),
    ],
)
def test_a_mail_is_not_tried_after_its_time(left: timedelta, expected: Next) -> None:
    assert after_retry(1, NOW + left, NOW) == expected


@pytest.mark.parametrize(
    ("kind", "attempts", "is_second", "resends", "next_at"),
    [
        (LETTER, 1, False, True, NOW + UNKNOWN_WAIT),
        (LETTER, 2, True, True, None),
        (LETTER, 1, False, False, None),
        (MAIL, 1, False, True, NOW),
        (MAIL, 2, True, False, NOW),
        (MAIL, TRANSACTIONAL_ATTEMPTS, True, True, None),
    ],
)
def test_an_unknown_fate_is_resolved_once_for_letters_and_at_once_for_mail(
    kind: DeliveryKind, attempts: int, is_second: bool, resends: bool, next_at: datetime | None
) -> None:
    decided = after_unknown(kind, attempts, NOW, is_second=is_second, resends=resends)

    assert decided == Next(DeliveryState.UNKNOWN, next_at)


def test_account_adds_up_when_everybody_is_in_one_state() -> None:
    by_state = dict.fromkeys(DeliveryState, 1)

    exact = Account(len(DeliveryState) - 1, by_state)
    one_lost = Account(len(DeliveryState), by_state)

    assert (exact.adds_up, one_lost.adds_up) == (True, False)


@pytest.mark.parametrize("state", DeliveryState)
def test_account_counts_what_still_moves(state: DeliveryState) -> None:
    account = Account(1, {state: 1})

    assert account.open == int(state in OPEN_STATES)


def test_account_counts_unknown_mails_as_open_while_a_resend_is_due() -> None:
    account = Account(3, {DeliveryState.UNKNOWN: 3}, waiting_unknown=2)

    assert account.open == 2
