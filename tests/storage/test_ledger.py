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
