"""The ledger's questions before a mail leaves, on both databases: who may claim it, hold it and
hand it over."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryKind, Priority
from mailer.domain.newsletter import NewsletterState
from mailer.domain.urgency import due_from
from mailer.storage import claiming, ledger
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim, Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from tests.letters import start_letter
from tests.people import add_people
from tests.storage.ledgers import (
    LEASE,
    LONG_AGO,
    claim,
    end_leases,
    may_leave,
    read_leases,
    read_states,
)


@pytest.fixture
def newsletter_id(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        add_people(session, 3, now)
    return start_letter(sessions, now)


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
        claiming.release(session, "a", now)
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
        claimed = claiming.claim_transactional(session, "a", now, LEASE, limit, priority)

    assert sorted(row.address for row in claimed) == expected


def test_transactional_mail_has_a_claim_of_its_own(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    with sessions() as session:
        add_question(session, "new@example.org", now, Priority.WAITED_FOR)
    with sessions() as session:
        urgent = claiming.claim_transactional(session, "a", now, LEASE, 10)

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


def test_release_gives_back_these_or_all(
    sessions: Sessions, newsletter_id: int, now: datetime
) -> None:
    first, second, _ = claim(sessions, now)
    may_leave(sessions, first, now)

    with sessions() as session:
        strangers = claiming.release(session, "b", now)
        some = claiming.release(session, "a", now, [first.id, second.id])
    after_some = read_states(sessions)
    with sessions() as session:
        rest = claiming.release(session, "a", now)

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
        claiming.keep_leases(session, "a", now, LEASE)

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
        claiming.put_off(session, "a", {first.id: later}, now)
        claiming.put_off(session, "b", {second.id: later}, now)

    again = [row.id for row in claim(sessions, now, "c")]
    due = [row.id for row in claim(sessions, later, "c")]
    assert read_states(sessions) == ["claimed"] * 3
    assert (again, due) == ([], [first.id])


def test_mail_that_was_put_off_keeps_its_turn(sessions: Sessions, now: datetime) -> None:
    """What is urgent leaves first, also when the limit of its domain made it wait."""
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    with sessions() as session:
        urgent = session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
        assert urgent
        urgent.next_at, urgent_id = due_from(now + timedelta(days=1), now), urgent.id
    (first,) = claim(sessions, now, limit=1)
    later = now + timedelta(minutes=1)
    with sessions() as session:
        claiming.put_off(session, "a", {first.id: later}, now)

    again = claim(sessions, later, limit=2)

    assert first.id == urgent_id
    assert [each.id for each in again] == [urgent_id, 1]
