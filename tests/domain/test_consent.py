"""What a sign-up leads to, for every state an address can be in."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.domain.consent import SignUpStep, SubscriberState, decide_sign_up

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
DAY = timedelta(days=1)
_S = SubscriberState


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (None, SignUpStep.CONFIRM),
        (_S.PENDING, SignUpStep.CONFIRM),
        (_S.UNSUBSCRIBED, SignUpStep.CONFIRM),
        (_S.CONFIRMED, SignUpStep.ALREADY),
        (_S.BOUNCED, SignUpStep.NOTHING),
        (_S.COMPLAINED, SignUpStep.NOTHING),
    ],
)
def test_sign_up_by_state(state: SubscriberState | None, step: SignUpStep) -> None:
    assert decide_sign_up(state, [], NOW, is_suppressed=False) == step


@pytest.mark.parametrize("state", [None, *SubscriberState])
def test_a_suppressed_address_gets_nothing(state: SubscriberState | None) -> None:
    assert decide_sign_up(state, [], NOW, is_suppressed=True) == SignUpStep.NOTHING


@pytest.mark.parametrize(
    ("ages", "step"),
    [
        ([DAY], SignUpStep.CONFIRM),
        ([DAY - timedelta(seconds=1)], SignUpStep.NOTHING),
        ([2 * DAY, DAY], SignUpStep.CONFIRM),
        ([3 * DAY, 2 * DAY, DAY], SignUpStep.NOTHING),
    ],
)
def test_a_stranger_cannot_flood_an_address(ages: list[timedelta], step: SignUpStep) -> None:
    mailed_at = [NOW - age for age in ages]

    assert decide_sign_up(_S.PENDING, mailed_at, NOW, is_suppressed=False) == step
