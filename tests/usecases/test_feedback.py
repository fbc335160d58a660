"""What a refusal, and what comes back later, means for the mail, the address and the person, on
both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.feedback import PARKED, Feedback, FeedbackKind
from mailer.storage.claiming import claim_transactional
from mailer.storage.consents import list_consents
from mailer.storage.deliveries import Claim, Delivery
from mailer.storage.feedback import KeptFeedback
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, Suppression, is_suppressed
from mailer.usecases import address_changes, feedback, letters, personal_data
from mailer.usecases.addresses import read_address
from mailer.usecases.feedback import note_refusal
from tests.usecases.readers import KEY, TRACE, add_reader, key_of

OLD, NEW = "anna@example.org", "anna@gmial.example"
A_DAY = timedelta(days=1)


def claim_one(session: Session, now: datetime) -> Claim:
    (claim,) = claim_transactional(session, "test", now, A_DAY, 10)
    return claim


def refuse(session: Session, claim: Claim, now: datetime) -> None:
    """The server says that there is no such mailbox."""
    note_refusal(session, claim, "rcpt", 550, "550 5.1.1 no such user", now)


def list_dead(session: Session) -> list[bool]:
    return [is_suppressed(session, key_of(typed), Scope.EVERYTHING) for typed in (OLD, NEW)]


def test_refusal_of_the_own_address_ends_the_subscription(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    letters.queue(
        session, "already", subscriber=reader, language="cs", context={}, now=now, lives=A_DAY
    )

    refuse(session, claim_one(session, now), now)

    assert (reader.state, list_dead(session)) == (SubscriberState.BOUNCED, [True, False])


def test_refusal_of_a_mistyped_new_address_leaves_the_subscription_alone(
    session: Session, now: datetime
) -> None:
    reader = add_reader(session, now)
    address_changes.ask(session, reader, read_address(NEW), key_of(NEW), trace=TRACE, now=now)

    refuse(session, claim_one(session, now), now)

    assert (reader.state, list_dead(session)) == (SubscriberState.CONFIRMED, [False, True])


def test_refusal_of_an_address_they_moved_away_from_leaves_the_subscription_alone(
    session: Session, now: datetime
) -> None:
    reader = add_reader(session, now)
    letters.queue(
        session, "already", subscriber=reader, language="cs", context={}, now=now, lives=A_DAY
    )
    claim = claim_one(session, now)
    reader.address, reader.address_key = NEW, key_of(NEW)

    refuse(session, claim, now)

    assert (reader.state, list_dead(session)) == (SubscriberState.CONFIRMED, [True, False])


def test_refusal_of_a_mail_to_the_team_suppresses_nothing(session: Session, now: datetime) -> None:
    letters.queue(
        session, "invite", address="desk@example.org", language="cs", context={}, now=now,
        lives=A_DAY,
    )  # fmt: skip

    refuse(session, claim_one(session, now), now)

    assert session.scalars(select(Suppression)).all() == []


def test_refusal_does_not_hide_a_complaint(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    letters.queue(
        session, "already", subscriber=reader, language="cs", context={}, now=now, lives=A_DAY
    )
    claim = claim_one(session, now)
    reader.state = SubscriberState.COMPLAINED

    refuse(session, claim, now)

    assert (reader.state, list_dead(session)) == (SubscriberState.COMPLAINED, [True, False])


K, S = FeedbackKind, DeliveryState
WORDS = "550 5.1.1 <anna@example.org>: nobody here"
MISSING = 4_000_000


def mail_to(
    session: Session, reader: Subscriber, now: datetime, state: DeliveryState = S.ACCEPTED
) -> Delivery:
    mail = letters.queue(
        session, "already", subscriber=reader, language="cs", context={}, now=now, lives=A_DAY
    )
    mail.state, mail.last_code, mail.last_text = state, 250, "2.0.0 queued"
    session.flush()
    return mail


def say(kind: FeedbackKind, mail: Delivery | int | None, at: datetime, **facts: Any) -> Feedback:
    delivery_id = mail.id if isinstance(mail, Delivery) else mail
    event_id = f"{kind} {delivery_id} {at}"
    return Feedback(**{"provider": "brevo", "event_id": event_id, "kind": kind, "at": at,
                       "delivery_id": delivery_id, **facts})  # fmt: skip


def take(session: Session, now: datetime, *said: Feedback) -> None:
    """As a webhook does that has proved where it comes from."""
    for one in said:
        feedback.take(session, one, now, address_key=KEY)
    session.expire_all()


def is_applied(session: Session, kept: KeptFeedback, moment: datetime) -> bool:
    """Whether it counts once the clock has tried it at that moment."""
    feedback.apply(session, kept.id, moment)
    session.refresh(kept)
    return kept.applied_at == moment


def read_kept(session: Session) -> list[tuple[str, str, bool]]:
    """Kind, words and whether it was applied."""
    rows = session.scalars(select(KeptFeedback).order_by(KeptFeedback.id))
    return [(row.kind.value, row.text, row.applied_at is not None) for row in rows]


def test_repeat_of_feedback_is_written_down_once(session: Session, now: datetime) -> None:
    mail = mail_to(session, add_reader(session, now), now)
    said = say(K.DELIVERED, mail, now)

    take(session, now, said, said)
    take(session, now + A_DAY, said)

    assert read_kept(session) == [("delivered", "", True)]


def test_arrival_keeps_the_words_of_the_provider(session: Session, now: datetime) -> None:
    mail = mail_to(session, add_reader(session, now), now)

    take(session, now, say(K.DELIVERED, mail, now))

    assert (mail.state, mail.last_code, mail.last_text) == (S.DELIVERED, 250, "2.0.0 queued")


@pytest.mark.parametrize(
    ("kind", "state", "person"),
    [
        (K.HARD_BOUNCE, S.BOUNCED, SubscriberState.BOUNCED),
        (K.COMPLAINT, S.COMPLAINED, SubscriberState.COMPLAINED),
    ],
)
def test_dead_address_and_complaint_end_everything(
    session: Session,
    now: datetime,
    kind: FeedbackKind,
    state: DeliveryState,
    person: SubscriberState,
) -> None:
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now)

    take(session, now, say(kind, mail, now, address=OLD, status="5.1.1", text=WORDS))

    assert (mail.state, mail.last_code, mail.last_text) == (state, 0, WORDS)
    assert (reader.state, list_dead(session)) == (person, [True, False])


@pytest.mark.parametrize("kind", [K.SOFT_BOUNCE, K.BLOCKED])
def test_lost_mail_leaves_the_person_alone(
    session: Session, now: datetime, kind: FeedbackKind
) -> None:
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now)

    take(session, now, say(kind, mail, now, status="4.2.2", text="mailbox full"))

    assert (mail.state, mail.last_text) == (S.BOUNCED, "4.2.2 mailbox full")
    assert (reader.state, list_dead(session)) == (SubscriberState.CONFIRMED, [False, False])


def test_complaint_is_not_forgotten_over_a_later_bounce(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    first, second = mail_to(session, reader, now), mail_to(session, reader, now)

    take(session, now, say(K.COMPLAINT, first, now), say(K.HARD_BOUNCE, second, now))

    assert reader.state is SubscriberState.COMPLAINED
    assert len(session.scalars(select(Suppression)).all()) == 1


def test_bounce_of_an_old_address_leaves_the_new_one_alone(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now)
    reader.address, reader.address_key = NEW, key_of(NEW)

    take(session, now, say(K.HARD_BOUNCE, mail, now, address=OLD))

    assert (reader.state, list_dead(session)) == (SubscriberState.CONFIRMED, [True, False])


@pytest.mark.parametrize(
    ("arrived_after", "person"),
    [(A_DAY, SubscriberState.CONFIRMED), (-A_DAY, SubscriberState.BOUNCED)],
)
def test_dead_address_that_took_mail_later_lives(
    session: Session, now: datetime, arrived_after: timedelta, person: SubscriberState
) -> None:
    """Bounces may come days late."""
    reader = add_reader(session, now)
    first, second = mail_to(session, reader, now), mail_to(session, reader, now)
    bounced_at = now - 5 * A_DAY

    take(session, now, say(K.DELIVERED, second, bounced_at + arrived_after))
    take(session, now, say(K.HARD_BOUNCE, first, bounced_at))

    is_dead = person is SubscriberState.BOUNCED
    assert (first.state, reader.state) == (S.BOUNCED, person)
    assert list_dead(session) == [is_dead, False]


@pytest.mark.parametrize("kind", [K.COMPLAINT, K.UNSUBSCRIBED])
def test_stranger_who_was_asked_by_mistake_ends_nobody_elses_subscription(
    session: Session, now: datetime, kind: FeedbackKind
) -> None:
    """Somebody mistyped their new address; its owner wants no such mail."""
    reader = add_reader(session, now)
    address_changes.ask(session, reader, read_address(NEW), key_of(NEW), trace=TRACE, now=now)
    mail = session.scalars(select(Delivery)).one()
    mail.state = S.ACCEPTED
    session.flush()

    take(session, now, say(kind, mail, now, address=NEW))

    assert (reader.state, list_dead(session)) == (
        SubscriberState.CONFIRMED, [False, kind is K.COMPLAINT],
    )  # fmt: skip


@pytest.mark.parametrize("kind", K)
def test_what_names_another_address_changes_nothing(
    session: Session, now: datetime, kind: FeedbackKind
) -> None:
    """A50: only for our own mail and that recipient."""
    reader = add_reader(session, now)
    other = add_reader(session, now, typed=NEW)
    mail = mail_to(session, reader, now)

    take(session, now, say(kind, mail, now, address=NEW, text=f"{NEW} is dead"))

    assert (mail.state, reader.state, other.state) == (
        S.ACCEPTED, SubscriberState.CONFIRMED, SubscriberState.CONFIRMED,
    )  # fmt: skip
    assert list_dead(session) == [False, False]
    assert read_kept(session) == [(kind.value, "", True)]


def test_whoever_cannot_prove_the_address_is_judged_by_the_mail(
    session: Session, now: datetime
) -> None:
    """A mailbox may hand its mail on, and the last one bounces it."""
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now)

    feedback.take(session, say(K.HARD_BOUNCE, mail, now, address="far@example.net"), now)

    session.expire_all()
    assert (mail.state, reader.state) == (S.BOUNCED, SubscriberState.BOUNCED)


def test_unsubscribing_at_the_provider_is_leaving(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now)

    take(session, now, say(K.UNSUBSCRIBED, mail, now, address=OLD))

    consent = list_consents(session, reader.id)[-1]
    assert (reader.state, mail.state) == (SubscriberState.UNSUBSCRIBED, S.DELIVERED)
    assert mail.last_text == "2.0.0 queued"
    assert (consent.action, consent.source) == ("withdrawn", "provider")
    assert consent.evidence == f"delivery {mail.id}"


def test_unsubscribing_does_not_bring_a_dead_address_back(session: Session, now: datetime) -> None:
    reader = add_reader(session, now, SubscriberState.COMPLAINED)
    mail = mail_to(session, reader, now)

    take(session, now, say(K.UNSUBSCRIBED, mail, now))

    assert reader.state is SubscriberState.COMPLAINED


def test_bounce_of_a_mail_to_the_team_is_shown_and_suppresses_nothing(
    session: Session, now: datetime
) -> None:
    mail = letters.queue(
        session, "invite", address="desk@example.org", language="cs", context={}, now=now,
        lives=A_DAY,
    )  # fmt: skip
    mail.state = S.ACCEPTED
    session.flush()

    take(session, now, say(K.HARD_BOUNCE, mail, now, address="desk@example.org", text="no"))

    assert (mail.state, mail.last_text) == (S.BOUNCED, "no")
    assert session.scalars(select(Suppression)).all() == []


@pytest.mark.parametrize("state", [S.HANDING_OFF, S.QUEUED])
def test_feedback_waits_until_the_answer_is_written_down(
    session: Session, now: datetime, state: DeliveryState
) -> None:
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now, state)
    take(session, now, say(K.HARD_BOUNCE, mail, now, text=WORDS))
    (kept,) = session.scalars(select(KeptFeedback))
    before = (mail.state, reader.state)

    applied = [is_applied(session, kept, now + PARKED - timedelta(seconds=1))]
    mail.state = S.ACCEPTED
    applied += [is_applied(session, kept, moment) for moment in (now, now + A_DAY)]

    session.expire_all()
    assert before == (state, SubscriberState.CONFIRMED)
    assert applied == [False, True, False]
    assert (mail.state, reader.state) == (S.BOUNCED, SubscriberState.BOUNCED)


@pytest.mark.parametrize(("state", "applied"), [(S.HANDING_OFF, False), (S.QUEUED, True)])
def test_mail_that_is_not_said_to_have_left_is_not_moved(
    session: Session, now: datetime, state: DeliveryState, applied: bool
) -> None:
    """What is being handed over still gets its answer; what was queued anew will leave."""
    mail = mail_to(session, add_reader(session, now), now, state)
    take(session, now, say(K.DELIVERED, mail, now))
    (kept,) = session.scalars(select(KeptFeedback))

    was_applied = is_applied(session, kept, now + PARKED)

    session.expire_all()
    assert (was_applied, mail.state) == (applied, state)


@pytest.mark.parametrize("state", [S.QUEUED, S.CLAIMED, S.DEFERRED, S.UNKNOWN])
def test_repeat_is_called_off_when_the_first_copy_arrived(
    session: Session, now: datetime, state: DeliveryState
) -> None:
    mail = mail_to(session, add_reader(session, now), now, state)
    mail.is_repeat, mail.next_at, generation = True, now, mail.generation
    session.flush()

    take(session, now, say(K.DELIVERED, mail, now))

    assert (mail.state, mail.next_at, mail.generation) == (S.DELIVERED, None, generation + 1)


@pytest.mark.parametrize(
    ("kind", "is_reader", "person", "is_dead"),
    [
        (K.HARD_BOUNCE, True, SubscriberState.BOUNCED, True),
        (K.COMPLAINT, True, SubscriberState.COMPLAINED, True),
        (K.UNSUBSCRIBED, True, SubscriberState.UNSUBSCRIBED, False),
        (K.SOFT_BOUNCE, True, SubscriberState.CONFIRMED, False),
        (K.HARD_BOUNCE, False, None, False),
    ],
)
def test_mail_that_never_turns_up_counts_for_a_reader_after_an_hour(
    session: Session,
    now: datetime,
    kind: FeedbackKind,
    is_reader: bool,
    person: SubscriberState | None,
    is_dead: bool,
) -> None:
    reader = add_reader(session, now) if is_reader else None
    take(session, now, say(kind, MISSING, now, address=OLD, text=WORDS))
    (kept,) = session.scalars(select(KeptFeedback))

    early = is_applied(session, kept, now + PARKED - timedelta(seconds=1))
    late = is_applied(session, kept, now + PARKED)

    assert (early, late) == (False, True)
    assert (reader.state if reader else None, list_dead(session)) == (person, [is_dead, False])
    assert read_kept(session) == [(kind.value, "", True)]


def test_nobody_without_proof_is_believed_about_an_address(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    said = [say(K.COMPLAINT, None, now, address=OLD), say(K.HARD_BOUNCE, MISSING, now, address=OLD)]

    for one in said:
        feedback.take(session, one, now)
    (kept,) = session.scalars(select(KeptFeedback))
    applied = is_applied(session, kept, now + PARKED)

    assert (applied, kept.kind) == (True, K.HARD_BOUNCE)
    assert (reader.state, list_dead(session)) == (SubscriberState.CONFIRMED, [False, False])


def test_complaint_that_names_no_mail_counts_for_a_reader_at_once(
    session: Session, now: datetime
) -> None:
    reader = add_reader(session, now)
    said = [say(K.COMPLAINT, None, now, address=OLD.upper())]

    take(session, now, *said)

    assert (reader.state, list_dead(session)) == (SubscriberState.COMPLAINED, [True, False])


def test_address_of_a_stranger_is_not_kept(session: Session, now: datetime) -> None:
    said = [say(K.COMPLAINT, None, now, address=OLD), say(K.COMPLAINT, MISSING, now, address=OLD)]

    take(session, now, *said)
    first, second = session.scalars(select(KeptFeedback).order_by(KeptFeedback.id))
    waiting = second.address_key
    feedback.apply(session, second.id, now + PARKED)

    assert waiting == key_of(OLD)
    assert [(row.address_key, row.applied_at) for row in (first, second)] == [
        ("", now), ("", now + PARKED),
    ]  # fmt: skip


def test_what_cannot_be_applied_is_given_up_after_an_hour(session: Session, now: datetime) -> None:
    take(session, now, say(K.HARD_BOUNCE, MISSING, now, address=OLD, text=WORDS))
    (kept,) = session.scalars(select(KeptFeedback))
    moments = (now + PARKED - timedelta(seconds=1), now + PARKED, now + 2 * PARKED)

    states = []
    for moment in moments:
        feedback.give_up(session, kept.id, moment)
        session.refresh(kept)
        states.append((kept.text, kept.address_key, kept.applied_at))

    assert states == [(WORDS, key_of(OLD), None), *([("", "", now + PARKED)] * 2)]


@pytest.mark.parametrize("address", ["", "not an address", OLD])
def test_what_names_no_mail_and_ends_nothing_is_not_kept(
    session: Session, now: datetime, address: str
) -> None:
    take(session, now, say(K.DELIVERED, None, now, address=address))

    assert read_kept(session) == []


def test_soft_bounces_of_one_mail_count_once(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mail = mail_to(session, reader, now)

    take(session, now, *(say(K.SOFT_BOUNCE, mail, now - n * A_DAY) for n in range(9)))

    assert reader.state is SubscriberState.CONFIRMED


def test_many_soft_bounces_are_a_dead_address(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mails = [mail_to(session, reader, now) for _ in range(5)]

    states = []
    for mail in mails:
        take(session, now, say(K.SOFT_BOUNCE, mail, now))
        states.append(reader.state)

    assert states == [SubscriberState.CONFIRMED] * 4 + [SubscriberState.BOUNCED]
    assert list_dead(session) == [True, False]


def test_a_mail_that_arrives_makes_good_for_soft_bounces(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mails = [mail_to(session, reader, now) for _ in range(9)]

    for place, mail in enumerate(mails):
        kind = K.DELIVERED if place == 4 else K.SOFT_BOUNCE
        moment = now + place * timedelta(minutes=1)
        take(session, moment, say(kind, mail, moment))

    assert reader.state is SubscriberState.CONFIRMED


def test_feedback_about_somebody_erased_names_nobody(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mails = [mail_to(session, reader, now) for _ in range(2)]
    take(session, now, say(K.SOFT_BOUNCE, mails[0], now, address=OLD, text=WORDS))
    take(session, now, say(K.HARD_BOUNCE, MISSING, now, address=OLD, text=WORDS))

    personal_data.erase(session, reader, who="subscriber", now=now)
    take(session, now, say(K.COMPLAINT, mails[1], now, address=OLD, text=WORDS))

    rows = session.scalars(select(KeptFeedback)).all()
    assert {(row.text, row.address_key, row.applied_at) for row in rows} == {("", "", now)}
    assert [(mail.state, mail.last_text) for mail in mails] == [(S.BOUNCED, ""), (S.COMPLAINED, "")]


def test_words_are_kept_for_a_year(session: Session, now: datetime) -> None:
    mail = mail_to(session, add_reader(session, now), now)
    take(session, now, say(K.SOFT_BOUNCE, mail, now, text=WORDS))
    year = timedelta(days=365)

    kept = []
    for moment in (now + year, now + year + A_DAY):
        feedback.drop_old_words(session, moment)
        session.expire_all()
        kept += read_kept(session)

    assert kept == [("soft_bounce", WORDS, True), ("soft_bounce", "", True)]
