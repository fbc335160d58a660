"""What came back, as it stands in the table: once each, and waiting for as long as it must."""

from datetime import UTC, datetime, timedelta
from itertools import product

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.feedback import PARKED, Feedback, FeedbackKind, may_give_up, must_wait
from mailer.storage import feedback
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.feedback import KeptFeedback

A_SECOND = timedelta(seconds=1)


def add_mail(
    session: Session, now: datetime, state: DeliveryState, *, is_repeat: bool = False
) -> int:
    mail = Delivery(
        kind=DeliveryKind.TRANSACTIONAL,
        language="en",
        address="anna@example.org",
        address_key="anna",
        state=state,
        is_repeat=is_repeat,
        expires_at=now,
        created_at=now,
        changed_at=now,
    )
    session.add(mail)
    session.flush()
    return mail.id


def say(delivery_id: int | None, at: datetime, event_id: str = "") -> Feedback:
    return Feedback(
        "brevo", event_id or f"event {delivery_id}", FeedbackKind.DELIVERED, at, delivery_id
    )


def test_what_waits_is_what_the_rule_says(session: Session, now: datetime) -> None:
    waits, gives_up = {}, {}
    for state, is_repeat in product(DeliveryState, (False, True)):
        mail = add_mail(session, now, state, is_repeat=is_repeat)
        kept = feedback.keep(session, say(mail, now), "", now)
        waits[kept] = must_wait(state, is_repeat=is_repeat)
        gives_up[kept] = not waits[kept] or may_give_up(state, PARKED)
    missing = feedback.keep(session, say(99_999, now), "", now)
    waits[missing], gives_up[missing] = True, may_give_up(None, PARKED)

    ripe = feedback.list_ripe(session, now, 100)
    later = feedback.list_ripe(session, now + PARKED, 100)

    assert set(ripe) == {kept for kept, must in waits.items() if not must}
    assert set(later) == {kept for kept, must in gives_up.items() if must}


def test_what_waits_comes_in_its_order_and_no_more_than_asked_for(
    session: Session, now: datetime
) -> None:
    mail = add_mail(session, now, DeliveryState.ACCEPTED)
    kept = [
        feedback.keep(session, say(mail, now, f"event {n}"), "", now - n * A_SECOND)
        for n in range(4)
    ]

    assert feedback.list_ripe(session, now, 3) == kept[:0:-1]


def test_the_same_thing_is_kept_once_over_transactions(sessions: Sessions, now: datetime) -> None:
    for _ in range(2):
        with sessions() as session:
            feedback.keep(session, say(1, now), "", now)

    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(KeptFeedback)) == 1


def test_addresses_in_the_id_of_an_event_are_not_stored(session: Session, now: datetime) -> None:
    feedback.keep(session, say(1, now, "spam anna@example.org \udcff"), "", now)

    (event_id,) = session.scalars(select(KeptFeedback.event_id))
    assert len(event_id) == 64
    assert "anna" not in event_id


def test_moments_that_are_still_to_come_are_taken_for_now(session: Session, now: datetime) -> None:
    feedback.keep(session, say(1, datetime(9000, 1, 1, tzinfo=UTC)), "", now)

    assert session.scalars(select(KeptFeedback.at)).all() == [now]


def test_mail_that_changed_meanwhile_is_not_moved(session: Session, now: datetime) -> None:
    mail = add_mail(session, now, DeliveryState.UNKNOWN)
    subject = feedback.hold_subject(session, mail)
    assert subject is not None

    moved = [
        feedback.move_on(session, subject, DeliveryState.DELIVERED, None, now) for _ in range(2)
    ]

    assert moved == [True, False]
