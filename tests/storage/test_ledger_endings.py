"""What the ledger makes of a mail's end, on both databases: an answer, or none, a dead sender, a
change of mind."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState, Next
from mailer.domain.newsletter import NewsletterState
from mailer.storage import interventions, ledger, recovery
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from tests.letters import start_letter
from tests.people import add_people
from tests.storage.ledgers import LEASE, WAIT, claim, end_leases, may_leave, read_states


@pytest.fixture
def newsletter_id(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        add_people(session, 3, now)
    return start_letter(sessions, now)


def test_record_writes_the_fate_once(sessions: Sessions, newsletter_id: int, now: datetime) -> None:
    claimed = claim(sessions, now)[0]
    may_leave(sessions, claimed, now)

    written = []
    for state in (DeliveryState.ACCEPTED, DeliveryState.REJECTED):
        with sessions() as session:
            written.append(
                ledger.record(session, claimed, Next(state), now, outcome=state, code=250)
            )

    assert written == [True, False]
    assert read_states(sessions)[0] == "accepted"


@pytest.mark.parametrize(
    ("state", "attempts"), [(DeliveryState.ACCEPTED, 0), (DeliveryState.REJECTED, 1)]
)
def test_record_keeps_an_attempt_unless_accepted_at_once(
    sessions: Sessions, newsletter_id: int, now: datetime, state: DeliveryState, attempts: int
) -> None:
    claimed = claim(sessions, now)[0]
    may_leave(sessions, claimed, now)
    with sessions() as session:
        ledger.record(session, claimed, Next(state), now, outcome=state, code=550, text="no")

    with sessions() as session:
        assert len(session.scalars(select(Attempt)).all()) == attempts


def test_accept_writes_what_is_still_ours(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, second, _third = claim(sessions, now)
    for each in (first, second):
        may_leave(sessions, each, now)

    answers = [
        (first.id, first.generation, 250, "2.0.0 “ok”", "id-1"),
        (second.id, second.generation + 1, 250, "", ""),
    ]
    with sessions() as session:
        ledger.accept(session, "smtp", answers, now)
        ledger.accept(session, "again", answers, now + WAIT)

    with sessions() as session:
        row = session.get_one(Delivery, first.id)
        kept = (row.provider, row.last_code, row.last_text, row.provider_message_id, row.next_at)
        assert row.changed_at == now
    assert read_states(sessions) == ["accepted", "handing_off", "claimed"]
    assert kept == ("smtp", 250, "2.0.0 “ok”", "id-1", None)


def test_accept_believes_an_answer_that_came_after_we_were_given_up(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    may_leave(sessions, claimed, now)
    with sessions() as session:
        recovery.recover(session, now, WAIT, sole_sender=True)

    with sessions() as session:
        ledger.accept(session, "smtp", [(claimed.id, claimed.generation, 250, "", "")], now)
    with sessions() as session:
        recovery.requeue_unknown(session, now + WAIT)

    assert read_states(sessions)[0] == "accepted"


def test_settle_held_leaves_a_cancelled_row_alone(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    with sessions() as session:
        interventions.cancel_open(session, newsletter_id, now)
        ledger.settle_held(session, claimed.id, claimed.generation, now)

    assert read_states(sessions) == ["cancelled"] * 3


def test_settle_held_takes_back_a_verdict_that_was_not_used(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    may_leave(sessions, claimed, now)

    with sessions() as session:
        ledger.settle_held(session, claimed.id, claimed.generation, now)

    with sessions() as session:
        row = session.get_one(Delivery, claimed.id)
        assert (row.state.value, row.attempts) == ("queued", 0)


def test_recover_queues_claims_and_marks_hand_offs_unknown(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, *_ = claim(sessions, now)
    may_leave(sessions, first, now)

    with sessions() as session:
        recovery.recover(session, now, WAIT, sole_sender=True)

    assert read_states(sessions) == ["unknown", "queued", "queued"]


def test_recover_leaves_running_leases_of_others_alone(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claim(sessions, now)

    with sessions() as session:
        recovery.recover(session, now, WAIT)
    early = read_states(sessions)
    end_leases(sessions)
    with sessions() as session:
        recovery.recover(session, now, WAIT)

    assert (early, read_states(sessions)) == (["claimed"] * 3, ["queued"] * 3)


def test_recover_takes_over_from_who_is_known_to_be_dead(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    (first,), (second,) = claim(sessions, now, "a", 1), claim(sessions, now, "b", 1)
    for each in (first, second):
        may_leave(sessions, each, now)
    with sessions() as session:
        owners = recovery.list_owners(session)

    with sessions() as session:
        recovery.recover(session, now, WAIT, dead_owners=["b"])

    assert sorted(owners) == ["a", "b"]
    assert read_states(sessions) == ["handing_off", "unknown", "queued"]


@pytest.mark.parametrize(("wait", "state"), [(WAIT, "queued"), (None, "unknown")])
def test_recover_leaves_unknown_mail_to_a_person_when_told_so(
    sessions: Sessions,
    newsletter_id: int,
    now: datetime,
    wait: timedelta | None,
    state: str,
) -> None:
    may_leave(sessions, claim(sessions, now)[0], now)

    with sessions() as session:
        recovery.recover(session, now, wait, sole_sender=True)

    with sessions() as session:
        recovery.requeue_unknown(session, now + timedelta(days=1))

    assert read_states(sessions)[0] == state


def test_unknown_is_resent_once_and_never_a_third_time(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    moment, fates = now, []
    for _ in range(3):
        claimed = next((row for row in claim(sessions, moment) if row.id == 1), None)
        if claimed:
            may_leave(sessions, claimed, moment)
        with sessions() as session:
            recovery.recover(session, moment, WAIT, sole_sender=True)
        moment += WAIT
        with sessions() as session:
            recovery.requeue_unknown(session, moment)
        fates.append(read_states(sessions))

    assert fates == [["queued"] * 3, *([["unknown", "queued", "queued"]] * 2)]


def test_unknown_waits_before_it_is_resent(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first = claim(sessions, now)[0]
    may_leave(sessions, first, now)
    with sessions() as session:
        recovery.recover(session, now, WAIT, sole_sender=True)

    with sessions() as session:
        recovery.requeue_unknown(session, now)
    early = read_states(sessions)[0]
    with sessions() as session:
        recovery.requeue_unknown(session, now + WAIT)

    assert (early, read_states(sessions)[0]) == ("unknown", "queued")


def test_expire_ends_what_waits_too_long(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    with sessions() as session:
        recovery.expire(session, now + timedelta(days=6))

    assert read_states(sessions) == ["expired"] * 3


def test_mail_left_over_from_a_cancelled_newsletter_is_over(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    """They were in hand when it was cancelled, and came back unsent, or nobody knows how."""
    first, second, third = claim(sessions, now)
    for each in (first, second, third):
        may_leave(sessions, each, now)
    with sessions() as session:
        get_newsletter(session, newsletter_id).state = NewsletterState.CANCELLED
        interventions.cancel_open(session, newsletter_id, now)
    with sessions() as session:
        ledger.settle_held(session, first.id, first.generation, now)
        later = Next(DeliveryState.DEFERRED, now + WAIT)
        ledger.record(session, second, later, now, outcome="retry")
        recovery.recover(session, now, WAIT, sole_sender=True)

    with sessions() as session:
        recovery.cancel_left_over(session, now)
    with sessions() as session:
        recovery.requeue_unknown(session, now + WAIT)

    assert read_states(sessions) == ["cancelled", "cancelled", "unknown"]


def test_requeue_leaves_those_erased_alone(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed, *_ = claim(sessions, now)
    assert claimed.subscriber_id
    with sessions() as session:
        ledger.record(
            session, claimed, Next(DeliveryState.REJECTED), now, outcome="refused", code=550
        )
        interventions.forget(session, claimed.subscriber_id, now, keys_of=())

    with sessions() as session:
        requeued = interventions.requeue(
            session, newsletter_id, [DeliveryState.REJECTED], now + LEASE, now
        )

    assert requeued == 0


def test_forget_fences_off_an_answer_that_is_still_to_come(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed, *_ = claim(sessions, now)
    assert claimed.subscriber_id
    may_leave(sessions, claimed, now)
    with sessions() as session:
        interventions.forget(session, claimed.subscriber_id, now, keys_of=())

    with sessions() as session:
        later = Next(DeliveryState.DEFERRED, now)
        text = f"450 {claimed.address} is busy"
        written = ledger.record(session, claimed, later, now, outcome="retry", text=text)

    with sessions() as session:
        row = session.get_one(Delivery, claimed.id)
        kept = (row.state, row.address, row.last_text, session.scalars(select(Attempt)).all())
    assert (written, kept) == (False, (DeliveryState.UNKNOWN, "", "", []))


def test_forget_fences_off_what_is_still_to_be_said_about_mail_that_arrived(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed, *_ = claim(sessions, now)
    assert claimed.subscriber_id
    may_leave(sessions, claimed, now)
    with sessions() as session:
        ledger.record(session, claimed, Next(DeliveryState.ACCEPTED), now, outcome="accepted")
        interventions.forget(session, claimed.subscriber_id, now, keys_of=())

    with sessions() as session:
        row = session.get_one(Delivery, claimed.id)
        assert (row.state, row.generation) == (DeliveryState.ACCEPTED, claimed.generation + 1)


@pytest.mark.parametrize(
    "end",
    [
        lambda session, row, now: interventions.cancel_open(session, row.newsletter_id, now),
        lambda session, row, _: recovery.expire(session, row.expires_at),
        lambda session, row, now: interventions.forget(session, row.subscriber_id, now, keys_of=()),
    ],
    ids=["cancelled", "expired", "erased"],
)
def test_second_copy_that_is_called_off_leaves_the_first_one_unknown(
    sessions: Sessions, newsletter_id: int, now: datetime, end: Callable[..., object]
) -> None:
    first, *_ = claim(sessions, now, limit=1)
    may_leave(sessions, first, now)
    with sessions() as session:
        recovery.recover(session, now, WAIT, sole_sender=True)
        recovery.requeue_unknown(session, now + WAIT)

    with sessions() as session:
        end(session, session.get_one(Delivery, first.id), now)

    with sessions() as session:
        row = session.get_one(Delivery, first.id)
        assert (row.state, row.next_at) == (DeliveryState.UNKNOWN, None)


def test_second_copy_held_for_somebody_who_left_leaves_the_first_one_unknown(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, *_ = claim(sessions, now, limit=1)
    may_leave(sessions, first, now)
    with sessions() as session:
        recovery.recover(session, now, WAIT, sole_sender=True)
        recovery.requeue_unknown(session, now + WAIT)
        session.get_one(Subscriber, first.subscriber_id).state = SubscriberState.UNSUBSCRIBED
    again = next(each for each in claim(sessions, now + WAIT) if each.id == first.id)

    with sessions() as session:
        ledger.settle_held(session, again.id, again.generation, now + WAIT)

    assert read_states(sessions)[0] == "unknown"
