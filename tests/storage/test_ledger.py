"""The ledger's questions, on both databases: who may write, when, and what a repeat does."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState, Next, Priority
from mailer.domain.newsletter import NewsletterState
from mailer.storage import ledger
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Attempt, Claim, Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from tests.letters import start_letter
from tests.people import add_people

LEASE = timedelta(minutes=15)
WAIT = timedelta(minutes=15)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def newsletter_id(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        add_people(session, 3, now)
    return start_letter(sessions, now)


def claim(sessions: Sessions, now: datetime, owner: str = "a", limit: int = 10) -> list[Claim]:
    with sessions() as session:
        return ledger.claim_newsletter(session, owner, now, LEASE, limit)


def read_states(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return [row.state.value for row in session.scalars(select(Delivery).order_by(Delivery.id))]


def may_leave(sessions: Sessions, claimed: Claim, now: datetime) -> bool:
    with sessions() as session:
        passed = ledger.hand_off(session, [(claimed.id, claimed.generation)], now)
    return passed == {claimed.id}


def end_leases(sessions: Sessions) -> None:
    """By the database's clock, where it is the one that counts, and by that of the tests."""
    with sessions() as session:
        session.execute(update(Delivery).values(lease_until=LONG_AGO))


def read_leases(sessions: Sessions) -> list[datetime | None]:
    with sessions() as session:
        return list(session.scalars(select(Delivery.lease_until).order_by(Delivery.id)))


def test_claim_takes_each_row_once(sessions: Sessions, newsletter_id: int, now: datetime) -> None:
    first = claim(sessions, now, "a", 2)
    second = claim(sessions, now, "b", 2)
    third = claim(sessions, now, "c", 2)

    assert [len(first), len(second), len(third)] == [2, 1, 0]
    assert len({row.id for row in first + second}) == 3


def test_hand_off_passes_a_held_claim_once(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]

    passed = [may_leave(sessions, claimed, now) for _ in range(2)]

    assert passed == [True, False]


def test_hand_off_refuses_an_older_generation(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    stale = claim(sessions, now)[0]
    with sessions() as session:
        ledger.release(session, "a", now)
    fresh = claim(sessions, now, "b")[0]

    assert stale.id == fresh.id
    assert may_leave(sessions, stale, now) is False
    assert may_leave(sessions, fresh, now) is True


def test_hand_off_refuses_when_the_lease_is_over(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    end_leases(sessions)

    assert may_leave(sessions, claimed, now) is False


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("unsubscribes", "suppressed"),
        ("is suppressed", "suppressed"),
        ("is erased", "suppressed"),
        ("pauses", "suppressed"),
        ("newsletter is paused", "queued"),
    ],
)
def test_hand_off_sees_what_changed_after_the_claim(
    sessions: Sessions, newsletter_id: int, now: datetime, change: str, state: str
) -> None:
    claimed = claim(sessions, now)[0]
    with sessions() as session:
        make_change(session, change, claimed, newsletter_id, now)

    passed = may_leave(sessions, claimed, now)
    with sessions() as session:
        ledger.settle_held(session, claimed.id, claimed.generation, now)

    assert passed is False
    assert read_states(sessions)[0] == state


def make_change(
    session: Session, change: str, claimed: Claim, newsletter_id: int, now: datetime
) -> None:
    subscriber = session.get(Subscriber, claimed.subscriber_id)
    assert subscriber
    if change == "unsubscribes":
        subscriber.state = SubscriberState.UNSUBSCRIBED
    elif change == "is suppressed":
        suppress(session, claimed.address, Scope.NEWSLETTERS, "left", now)
    elif change == "pauses":
        subscriber.paused_until = now + timedelta(days=30)
    elif change == "is erased":
        session.delete(subscriber)
    else:
        get_newsletter(session, newsletter_id).state = NewsletterState.PAUSED


def test_settle_held_leaves_a_cancelled_row_alone(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    with sessions() as session:
        ledger.cancel_open(session, newsletter_id, now)
        ledger.settle_held(session, claimed.id, claimed.generation, now)

    assert read_states(sessions) == ["cancelled"] * 3


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


def test_recover_queues_claims_and_marks_hand_offs_unknown(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, *_ = claim(sessions, now)
    may_leave(sessions, first, now)

    with sessions() as session:
        counts = ledger.recover(session, now, WAIT, sole_sender=True)

    assert counts == (2, 1)
    assert read_states(sessions) == ["unknown", "queued", "queued"]


def test_recover_leaves_running_leases_of_others_alone(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claim(sessions, now)

    with sessions() as session:
        early = ledger.recover(session, now, WAIT)
    end_leases(sessions)
    with sessions() as session:
        late = ledger.recover(session, now, WAIT)

    assert (early, late) == ((0, 0), (3, 0))


def test_unknown_is_resent_once_and_never_a_third_time(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    moment, counts = now, []
    for _ in range(3):
        claimed = next((row for row in claim(sessions, moment) if row.id == 1), None)
        if claimed:
            may_leave(sessions, claimed, moment)
        with sessions() as session:
            ledger.recover(session, moment, WAIT, sole_sender=True)
        moment += WAIT
        with sessions() as session:
            counts.append(ledger.requeue_unknown(session, moment))

    assert counts == [1, 0, 0]
    assert read_states(sessions) == ["unknown", "queued", "queued"]


def test_unknown_waits_before_it_is_resent(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first = claim(sessions, now)[0]
    may_leave(sessions, first, now)
    with sessions() as session:
        ledger.recover(session, now, WAIT, sole_sender=True)

    with sessions() as session:
        early = ledger.requeue_unknown(session, now)
    with sessions() as session:
        late = ledger.requeue_unknown(session, now + WAIT)

    assert (early, late) == (0, 1)


def test_expire_ends_what_waits_too_long(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    with sessions() as session:
        expired = ledger.expire(session, now + timedelta(days=6))

    assert expired == 3
    assert read_states(sessions) == ["expired"] * 3


def test_requeue_leaves_those_erased_alone(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed, *_ = claim(sessions, now)
    assert claimed.subscriber_id
    with sessions() as session:
        ledger.record(
            session, claimed, Next(DeliveryState.REJECTED), now, outcome="refused", code=550
        )
        ledger.forget(session, claimed.subscriber_id, now, keys_of=())

    with sessions() as session:
        requeued = ledger.requeue(
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
        ledger.forget(session, claimed.subscriber_id, now, keys_of=())

    with sessions() as session:
        later = Next(DeliveryState.DEFERRED, now)
        text = f"450 {claimed.address} is busy"
        written = ledger.record(session, claimed, later, now, outcome="retry", text=text)

    with sessions() as session:
        row = session.get_one(Delivery, claimed.id)
        kept = (row.state, row.address, row.last_text, session.scalars(select(Attempt)).all())
    assert (written, kept) == (False, (DeliveryState.UNKNOWN, "", "", []))


def add_question(session: Session, address: str, now: datetime, priority: Priority) -> None:
    session.add(
        Delivery(
            kind=DeliveryKind.TRANSACTIONAL,
            language="en",
            address=address,
            address_key=address,
            priority=priority,
            template="confirm",
            context={},
            next_at=now,
            expires_at=now + LEASE,
            created_at=now,
            changed_at=now,
        )
    )
    session.flush()


@pytest.mark.parametrize(
    ("priority", "limit", "expected"),
    [
        (None, 1, ["waiting@example.org"]),
        (None, 10, ["asked@example.org", "waiting@example.org"]),
        (Priority.WAITED_FOR, 10, ["waiting@example.org"]),
        (Priority.IN_BULK, 10, ["asked@example.org"]),
    ],
)
def test_claim_takes_first_what_somebody_waits_for(
    sessions: Sessions,
    now: datetime,
    priority: Priority | None,
    limit: int,
    expected: list[str],
) -> None:
    with sessions() as session:
        add_question(session, "asked@example.org", now, Priority.IN_BULK)
        add_question(session, "waiting@example.org", now, Priority.WAITED_FOR)

    with sessions() as session:
        claimed = ledger.claim_transactional(session, "a", now, LEASE, limit, priority)

    assert sorted(row.address for row in claimed) == expected


def test_transactional_mail_has_a_claim_of_its_own(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    with sessions() as session:
        add_question(session, "new@example.org", now, Priority.WAITED_FOR)
    with sessions() as session:
        urgent = ledger.claim_transactional(session, "a", now, LEASE, 10)

    assert [row.address for row in urgent] == ["new@example.org"]
    assert len(claim(sessions, now)) == 3


def test_hand_off_judges_many_at_once(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, second, third = claim(sessions, now)
    with sessions() as session:
        make_change(session, "unsubscribes", second, newsletter_id, now)

    asked = [(first.id, first.generation), (second.id, second.generation), (third.id, 7)]
    with sessions() as session:
        passed = ledger.hand_off(session, asked, now)

    assert passed == {first.id}
    assert read_states(sessions) == ["handing_off", "claimed", "claimed"]


def test_hand_off_of_nothing_passes_nothing(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        assert ledger.hand_off(session, [], now) == frozenset()


def test_hand_off_refuses_a_mail_that_is_too_late(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    later = now + timedelta(days=6)

    passed = may_leave(sessions, claimed, later)
    with sessions() as session:
        ledger.settle_held(session, claimed.id, claimed.generation, later)

    assert passed is False
    assert read_states(sessions)[0] == "expired"


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
        written = [ledger.accept(session, "smtp", answers, now) for _ in range(2)]

    with sessions() as session:
        row = session.get_one(Delivery, first.id)
        kept = (row.provider, row.last_code, row.last_text, row.provider_message_id, row.next_at)
    assert written == [{first.id}, frozenset()]
    assert read_states(sessions) == ["accepted", "handing_off", "claimed"]
    assert kept == ("smtp", 250, "2.0.0 “ok”", "id-1", None)


def test_accept_believes_an_answer_that_came_after_we_were_given_up(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claimed = claim(sessions, now)[0]
    may_leave(sessions, claimed, now)
    with sessions() as session:
        ledger.recover(session, now, WAIT, sole_sender=True)

    with sessions() as session:
        ledger.accept(session, "smtp", [(claimed.id, claimed.generation, 250, "", "")], now)
    with sessions() as session:
        again = ledger.requeue_unknown(session, now + WAIT)

    assert (read_states(sessions)[0], again) == ("accepted", 0)


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


def test_release_gives_back_these_or_all(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, second, _ = claim(sessions, now)
    may_leave(sessions, first, now)

    with sessions() as session:
        strangers = ledger.release(session, "b", now)
        some = ledger.release(session, "a", now, [first.id, second.id])
    after_some = read_states(sessions)
    with sessions() as session:
        rest = ledger.release(session, "a", now)

    assert (strangers, some, rest) == (0, 1, 1)
    assert after_some == ["handing_off", "queued", "claimed"]
    assert read_states(sessions) == ["handing_off", "queued", "queued"]


def test_keep_leases_renews_our_claims_only(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    claim(sessions, now, "a", 1)
    claim(sessions, now, "b", 1)
    end_leases(sessions)

    with sessions() as session:
        kept = ledger.keep_leases(session, "a", now, LEASE)

    assert kept == 1
    assert [lease is not None and lease > LONG_AGO for lease in read_leases(sessions)] == [
        True,
        False,
        False,
    ]


def test_put_off_gives_back_for_later(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, second, _ = claim(sessions, now)
    later = now + timedelta(minutes=5)

    with sessions() as session:
        ledger.put_off(session, "a", {first.id: later}, now)
        ledger.put_off(session, "b", {second.id: later}, now)

    again = [row.id for row in claim(sessions, now, "c")]
    due = [row.id for row in claim(sessions, later, "c")]
    assert read_states(sessions) == ["claimed"] * 3
    assert (again, due) == ([], [first.id])


def test_recover_takes_over_from_who_is_known_to_be_dead(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    (first,), (second,) = claim(sessions, now, "a", 1), claim(sessions, now, "b", 1)
    for each in (first, second):
        may_leave(sessions, each, now)
    with sessions() as session:
        owners = ledger.list_owners(session)

    with sessions() as session:
        counts = ledger.recover(session, now, WAIT, dead_owners=["b"])

    assert sorted(owners) == ["a", "b"]
    assert counts == (0, 1)
    assert read_states(sessions) == ["handing_off", "unknown", "queued"]


@pytest.mark.parametrize(("wait", "again"), [(WAIT, 1), (None, 0)])
def test_recover_leaves_unknown_mail_to_a_person_when_told_so(
    sessions: Sessions,
    newsletter_id: int,
    now: datetime,
    wait: timedelta | None,
    again: int,
) -> None:
    may_leave(sessions, claim(sessions, now)[0], now)

    with sessions() as session:
        ledger.recover(session, now, wait, sole_sender=True)

    with sessions() as session:
        assert ledger.requeue_unknown(session, now + timedelta(days=1)) == again


def test_mail_left_over_from_a_cancelled_newsletter_is_over(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    """They were in hand when it was cancelled, and came back unsent, or nobody knows how."""
    first, second, third = claim(sessions, now)
    for each in (first, second, third):
        may_leave(sessions, each, now)
    with sessions() as session:
        get_newsletter(session, newsletter_id).state = NewsletterState.CANCELLED
        ledger.cancel_open(session, newsletter_id, now)
    with sessions() as session:
        ledger.settle_held(session, first.id, first.generation, now)
        later = Next(DeliveryState.DEFERRED, now + WAIT)
        ledger.record(session, second, later, now, outcome="retry")
        ledger.recover(session, now, WAIT, sole_sender=True)

    with sessions() as session:
        ended = ledger.cancel_left_over(session, now)
    with sessions() as session:
        again = ledger.requeue_unknown(session, now + WAIT)

    assert (ended, again) == (2, 0)
    assert read_states(sessions) == ["cancelled", "cancelled", "unknown"]
