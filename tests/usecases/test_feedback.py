"""What a refusal means for the address and for the person, on both databases."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.storage.claiming import claim_transactional
from mailer.storage.deliveries import Claim
from mailer.storage.suppressions import Scope, is_suppressed
from mailer.usecases import address_changes, letters
from mailer.usecases.addresses import read_address
from mailer.usecases.feedback import note_refusal
from tests.usecases.readers import TRACE, add_reader, key_of

OLD, NEW = "anna@example.org", "anna@gmial.example"
A_DAY = timedelta(days=1)


def claim_one(session: Session, now: datetime) -> Claim:
    (claim,) = claim_transactional(session, "test", now, A_DAY, 10)
    return claim


def refuse(session: Session, claim: Claim, now: datetime) -> bool:
    """The server says that there is no such mailbox."""
    return note_refusal(session, claim, "rcpt", 550, "550 5.1.1 no such user", now)


def list_dead(session: Session) -> list[bool]:
    return [is_suppressed(session, key_of(typed), Scope.EVERYTHING) for typed in (OLD, NEW)]


def test_refusal_of_the_own_address_ends_the_subscription(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    letters.queue(
        session, "already", subscriber=reader, language="cs", context={}, now=now, lives=A_DAY
    )

    is_dead = refuse(session, claim_one(session, now), now)

    assert is_dead
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

    is_dead = refuse(session, claim_one(session, now), now)

    assert (is_dead, is_suppressed(session, "", Scope.EVERYTHING)) == (False, False)
