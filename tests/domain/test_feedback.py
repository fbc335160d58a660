"""What a refusal says about an address, in the words of real servers' codes; what comes back about
mail, in whatever order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from mailer.domain.delivery import DeliveryState
from mailer.domain.feedback import (
    FeedbackKind,
    after_feedback,
    is_dead_address,
    is_outlived,
    is_worn_out,
    may_give_up,
    must_wait,
)

S, K = DeliveryState, FeedbackKind
NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
BOUNCES = (K.SOFT_BOUNCE, K.HARD_BOUNCE, K.BLOCKED)


@pytest.mark.parametrize(
    ("phase", "code", "text", "is_dead"),
    [
        ("rcpt", 550, "5.1.1 User unknown", True),
        ("rcpt", 550, "5.1.10 null MX", True),
        ("rcpt", 553, "5.1.3 bad syntax", True),
        ("request", 550, "5.1.1 mailbox unavailable", True),
        ("rcpt", 550, "5.7.1 policy", False),
        ("rcpt", 552, "5.2.2 mailbox full", False),
        ("rcpt", 550, "5.1.15 something else", False),
        ("rcpt", 550, "15.1.1 no code", False),
        ("rcpt", 450, "4.1.1 try later", False),
        ("dot", 554, "5.1.1 in the wrong phase", False),
        ("rcpt", 550, "no such user", False),
    ],
)
def test_only_a_plain_statement_buries_an_address(
    phase: str, code: int, text: str, is_dead: bool
) -> None:
    assert is_dead_address(phase, code, text) == is_dead


@pytest.mark.parametrize("before", [S.UNKNOWN, S.ACCEPTED])
@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (K.DELIVERED, S.DELIVERED),
        (K.UNSUBSCRIBED, S.DELIVERED),
        (K.SOFT_BOUNCE, S.BOUNCED),
        (K.HARD_BOUNCE, S.BOUNCED),
        (K.BLOCKED, S.BOUNCED),
        (K.COMPLAINT, S.COMPLAINED),
    ],
)
def test_feedback_says_how_it_ended(
    before: DeliveryState, kind: FeedbackKind, after: DeliveryState
) -> None:
    assert after_feedback(before, kind) == after


@pytest.mark.parametrize(
    ("before", "after"), [(S.UNKNOWN, S.ACCEPTED), (S.ACCEPTED, None), (S.DELIVERED, None)]
)
def test_delay_proves_only_that_it_was_taken(
    before: DeliveryState, after: DeliveryState | None
) -> None:
    assert after_feedback(before, K.DELAYED) == after


@pytest.mark.parametrize(
    "order", list(permutations([K.DELIVERED, K.SOFT_BOUNCE, K.COMPLAINT, K.DELAYED]))
)
def test_the_end_is_the_same_in_any_order(order: tuple[FeedbackKind, ...]) -> None:
    state = S.ACCEPTED
    for kind in order:
        state = after_feedback(state, kind) or state

    assert state == S.COMPLAINED


@pytest.mark.parametrize("kind", [K.DELAYED, K.DELIVERED, K.UNSUBSCRIBED, *BOUNCES])
@pytest.mark.parametrize("state", [S.BOUNCED, S.COMPLAINED])
def test_nothing_goes_backwards(state: DeliveryState, kind: FeedbackKind) -> None:
    assert after_feedback(state, kind) is None


@pytest.mark.parametrize("kind", K)
@pytest.mark.parametrize("state", [S.REJECTED, S.SUPPRESSED, S.EXPIRED, S.CANCELLED, S.SKIPPED])
def test_what_never_left_stays_what_it_is(state: DeliveryState, kind: FeedbackKind) -> None:
    assert after_feedback(state, kind) is None


@pytest.mark.parametrize("state", [S.QUEUED, S.CLAIMED, S.DEFERRED])
def test_repeat_that_waits_is_resolved_by_its_first_copy(state: DeliveryState) -> None:
    assert after_feedback(state, K.DELIVERED, is_repeat=True) == S.DELIVERED
    assert after_feedback(state, K.DELIVERED, is_repeat=False) is None


@pytest.mark.parametrize("is_repeat", [False, True])
@pytest.mark.parametrize("state", S)
def test_feedback_waits_for_the_answer(state: DeliveryState, is_repeat: bool) -> None:
    unsent = state in (S.QUEUED, S.CLAIMED, S.DEFERRED) and not is_repeat

    assert must_wait(state, is_repeat=is_repeat) == (unsent or state == S.HANDING_OFF)


@pytest.mark.parametrize(
    ("state", "minutes", "is_over"),
    [
        (None, 59, False),
        (None, 60, True),
        (S.QUEUED, 59, False),
        (S.QUEUED, 60, True),
        (S.HANDING_OFF, 60_000, False),
    ],
)
def test_feedback_does_not_wait_for_ever(
    state: DeliveryState | None, minutes: int, is_over: bool
) -> None:
    assert may_give_up(state, timedelta(minutes=minutes)) == is_over


@pytest.mark.parametrize(
    ("days_ago", "delivered", "is_over"),
    [
        ([0], None, False),
        ([0] * 4, None, False),
        ([0] * 5, None, True),
        ([0, 7, 14, 21, 28], None, False),
        ([0, 7, 14, 21, 28, 35], None, True),
        ([30 * month for month in range(9)], None, False),
        ([30 * month for month in range(10)], None, True),
        ([60 * pair for pair in range(60)], None, False),
        ([120] * 9, None, False),
        ([120] * 10, None, True),
        ([0] * 5, 1, True),
        ([2] * 9, 1, False),
        ([2] * 9 + [0] * 4, 1, False),
    ],
)
def test_soft_bounces_fade_away(days_ago: list[int], delivered: int | None, is_over: bool) -> None:
    moments = [NOW - timedelta(days=days) for days in days_ago]
    delivered_at = None if delivered is None else NOW - timedelta(days=delivered)

    assert is_worn_out(moments, delivered_at, NOW) == is_over


@pytest.mark.parametrize(
    ("hours_later", "is_over"), [(None, False), (-1, False), (0, False), (1, True)]
)
def test_dead_address_lives_when_it_took_mail_later(hours_later: int | None, is_over: bool) -> None:
    arrived_at = None if hours_later is None else NOW + timedelta(hours=hours_later)

    assert is_outlived(NOW, arrived_at) == is_over
