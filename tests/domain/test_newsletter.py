"""Which state of a newsletter may follow which."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mailer.domain.errors import WrongState
from mailer.domain.newsletter import (
    LONGEST_LIFE,
    SHORTEST_LIFE,
    NewsletterState,
    check_edit,
    check_move,
    check_resume,
    check_retry,
    earliest_departure,
    last_departure,
)

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
GRACE = timedelta(minutes=2)
_S = NewsletterState
FINAL = (_S.CANCELLED, _S.SKIPPED_EMPTY)


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("wanted", NewsletterState)
def test_nothing_follows_the_end(state: NewsletterState, wanted: NewsletterState) -> None:
    with pytest.raises(WrongState):
        check_move(state, wanted)


def list_refused(check: Callable[[NewsletterState], None]) -> set[NewsletterState]:
    refused = set()
    for state in NewsletterState:
        try:
            check(state)
        except WrongState:
            refused.add(state)
    return refused


def test_what_was_sent_is_only_opened_again_for_another_try() -> None:
    follow = set(NewsletterState) - list_refused(lambda wanted: check_move(_S.SENT, wanted))

    assert follow == {_S.SENDING}
    assert set(NewsletterState) - list_refused(check_resume) == {_S.PAUSED}
    assert set(NewsletterState) - list_refused(check_retry) == {_S.SENT, _S.SENDING, _S.PAUSED}


@pytest.mark.parametrize("state", sorted(set(NewsletterState) - {*FINAL, _S.SENT}))
def test_everything_else_can_be_cancelled(state: NewsletterState) -> None:
    check_move(state, _S.CANCELLED)


@pytest.mark.parametrize("state", [_S.PREPARING, _S.SENDING, _S.PAUSED, _S.SENT])
def test_what_has_begun_to_leave_is_never_a_draft_again(state: NewsletterState) -> None:
    with pytest.raises(WrongState):
        check_move(state, _S.DRAFT)
    with pytest.raises(WrongState):
        check_edit(state)


@pytest.mark.parametrize(
    ("state", "check", "says"),
    [
        (
            _S.DRAFT,
            lambda state: check_move(state, _S.PAUSED),
            (
                "The newsletter is a draft, so it cannot be paused. "
                "Nothing of it leaves before somebody approves it."
            ),
        ),
        (
            _S.SCHEDULED,
            check_edit,
            (
                "The newsletter is approved, so it cannot be edited. "
                "Stop it first; then it is a draft again."
            ),
        ),
        (
            _S.SENDING,
            check_resume,
            "The newsletter is being sent, so it cannot be resumed. It can be paused or cancelled.",
        ),
        (
            _S.CANCELLED,
            check_retry,
            "The newsletter is cancelled, so it cannot be tried again. Make a new one.",
        ),
    ],
)
def test_what_is_refused_says_what_to_do_instead(
    state: NewsletterState, check: Callable[[NewsletterState], None], says: str
) -> None:
    with pytest.raises(WrongState) as caught:
        check(state)

    assert str(caught.value) == says


def test_what_nobody_approved_is_missed_and_may_be_taken_up_again_only_as_a_draft() -> None:
    check_move(_S.DRAFT, _S.MISSED)
    check_move(_S.MISSED, _S.DRAFT)

    with pytest.raises(WrongState):
        check_move(_S.MISSED, _S.SCHEDULED)


@pytest.mark.parametrize(
    ("planned", "ends"),
    [
        pytest.param(None, NOW + LONGEST_LIFE, id="nothing planned"),
        pytest.param(NOW + timedelta(days=3), NOW + timedelta(days=3), id="in time"),
        pytest.param(NOW + timedelta(minutes=1), NOW + SHORTEST_LIFE, id="late"),
        pytest.param(NOW - timedelta(days=3), NOW + SHORTEST_LIFE, id="too late"),
    ],
)
def test_a_late_beginning_leaves_time_for_every_mail(
    planned: datetime | None, ends: datetime
) -> None:
    assert last_departure(planned, NOW) == ends


@pytest.mark.parametrize(
    ("asked_for", "leaves"),
    [
        (None, NOW + GRACE),
        (NOW - timedelta(days=1), NOW + GRACE),
        (NOW + GRACE, NOW + GRACE),
        (NOW + timedelta(days=1), NOW + timedelta(days=1)),
    ],
)
def test_departure_leaves_time_to_stop(asked_for: datetime | None, leaves: datetime) -> None:
    assert earliest_departure(asked_for, NOW, GRACE) == leaves
