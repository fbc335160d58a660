"""What an answer makes of a mail, and in which order it takes hold of people and mails."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import pytest

from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.providers.base import Fate, Outcome
from mailer.storage import interventions, ledger
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim, Delivery
from mailer.storage.feedback import hold_people
from mailer.worker.settling import Settler
from tests.letters import start_letter
from tests.people import add_people
from tests.storage.ledgers import claim, may_leave
from tests.worker.ledger import read_deliveries

SETTLER = Settler("smtp", resends_unknown=True)
S, F = DeliveryState, Fate
NO_SUCH_USER = Outcome(0, F.REFUSED, "rcpt", 550, "5.1.1 no such user")


@pytest.fixture
def mail(sessions: Sessions, now: datetime) -> Claim:
    """A mail that may leave."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    (claimed,) = claim(sessions, now)
    assert may_leave(sessions, claimed, now)
    return claimed


def settle(sessions: Sessions, mail: Claim, outcome: Outcome, now: datetime) -> None:
    with sessions() as session:
        SETTLER.settle(session, [(mail, outcome)], now)


def read_ending(sessions: Sessions) -> tuple[DeliveryState, datetime | None]:
    (row,) = read_deliveries(sessions)
    return row.state, row.next_at


@pytest.mark.parametrize(
    ("outcome", "ends_as"),
    [
        (Outcome(0, F.RETRY, "rcpt", 450, "busy"), S.UNKNOWN),
        (Outcome(0, F.REFUSED, "dot", 554, "5.7.1 not wanted"), S.UNKNOWN),
        (NO_SUCH_USER, S.REJECTED),
        (Outcome(0, F.ACCEPTED, "dot", 250, "taken"), S.ACCEPTED),
    ],
)
def test_second_copy_that_fails_says_nothing_about_the_first(
    sessions: Sessions, mail: Claim, now: datetime, outcome: Outcome, ends_as: DeliveryState
) -> None:
    second = mail._replace(is_repeat=True, attempts=1, expires_at=now + timedelta(minutes=1))

    settle(sessions, second, outcome._replace(key=mail.id), now)

    assert read_ending(sessions) == (ends_as, None)


@pytest.mark.parametrize("kind", DeliveryKind)
def test_mail_that_the_provider_has_had_before_is_not_sent_again(
    sessions: Sessions, mail: Claim, now: datetime, kind: DeliveryKind
) -> None:
    settle(sessions, mail._replace(kind=kind), Outcome(mail.id, F.SEEN, "request", 400), now)

    assert read_ending(sessions) == (S.UNKNOWN, None)


def test_late_answer_puts_nothing_off_that_was_concluded(
    sessions: Sessions, mail: Claim, now: datetime
) -> None:
    """Somebody took us for dead, and nobody would come back for it: the newsletter may be over."""
    with sessions() as session:
        row = session.get_one(Delivery, mail.id)
        row.state, row.next_at = S.UNKNOWN, None

    settle(sessions, mail, Outcome(mail.id, F.RETRY, "dot", 451, "later"), now)

    assert read_ending(sessions) == (S.UNKNOWN, None)


def test_refusal_and_withdrawal_do_not_lock_each_other_out(
    sessions: Sessions, mail: Claim, now: datetime
) -> None:
    """Whoever leaves holds the person first and their mails next."""
    refused = NO_SUCH_USER._replace(key=mail.id)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session:
            (person,) = hold_people(session, [mail.address_key])
            beside = pool.submit(settle, sessions, mail, refused, now)
            wait([beside], 0.3)
            session.get_one(Delivery, mail.id, with_for_update=True)
            interventions.take_back(session, person.id, now)
        beside.result(30)

    assert read_ending(sessions) == (S.REJECTED, None)


def test_verdict_and_cancellation_do_not_lock_each_other_out(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    newsletter_id = start_letter(sessions, now)
    first, second = claim(sessions, now)

    def cancel() -> None:
        with sessions() as session:
            interventions.cancel_open(session, newsletter_id, now)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session:
            ledger.hand_off(session, [(second.id, second.generation)], now)
            beside = pool.submit(cancel)
            wait([beside], 0.3)
            ledger.hand_off(session, [(first.id, first.generation)], now)
        beside.result(30)

    assert read_deliveries(sessions)[1].state == S.HANDING_OFF
