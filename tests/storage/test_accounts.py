"""The sums behind the pages about a newsletter."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.storage import accounts
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter, list_newsletters
from mailer.storage.subscribers import Subscriber
from mailer.usecases import sending
from tests.letters import WHO, start_letter
from tests.people import add_subscriber

S = DeliveryState
A_MINUTE = timedelta(minutes=1)


def send_to(sessions: Sessions, now: datetime, **languages: int) -> int:
    """A letter in English and Czech that is being sent to so many readers of each language."""
    with sessions() as session:
        for lang, number in languages.items():
            for place in range(number):
                add_subscriber(session, f"{lang}{place}@example.org", now, language=lang)
    return start_letter(sessions, now, en="Hello.", cs="Dobrý den.")


def settle(session: Session, *states: DeliveryState, at: datetime) -> None:
    """Give the first rows of the ledger these states."""
    rows = session.scalars(select(Delivery).order_by(Delivery.id)).all()
    for row, state in zip(rows, states, strict=False):
        row.state, row.changed_at = state, at
    session.flush()


def test_accounts_of_many_newsletters_take_one_query(sessions: Sessions, now: datetime) -> None:
    first, second = send_to(sessions, now, en=2), start_letter(sessions, now)
    asked: Counter[str] = Counter()
    with sessions() as session:
        issues = list_newsletters(session)
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", lambda *call: asked.update([call[2][:6]]))

        found = accounts.get_accounts(session, issues)

    assert asked == {"SELECT": 1}
    assert {number: account.by_state for number, account in found.items()} == {
        first: {S.QUEUED: 2},
        second: {S.QUEUED: 2},
    }


def test_account_tells_a_resend_that_is_due_from_one_that_is_not(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send_to(sessions, now, en=2)
    with sessions() as session:
        settle(session, S.UNKNOWN, S.UNKNOWN, at=now)
        session.scalars(select(Delivery)).first().next_at = None  # type: ignore[union-attr]
        session.flush()

        account = accounts.get_account(session, get_newsletter(session, newsletter_id))

    assert (account.count(S.UNKNOWN), account.waiting_unknown, account.open) == (2, 1, 1)


def test_accounts_by_language_are_largest_first(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send_to(sessions, now, en=1, cs=2)
    with sessions() as session:
        settle(session, S.ACCEPTED, at=now)

        found = accounts.list_accounts_by_language(session, newsletter_id)

    assert list(found) == ["cs", "en"]
    assert found["en"].by_state == {S.ACCEPTED: 1}
    assert (found["cs"].audience, found["cs"].open) == (2, 2)


def test_accounts_by_language_count_a_resend_that_is_due_as_open(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send_to(sessions, now, en=2, cs=2)
    with sessions() as session:
        settle(session, S.UNKNOWN, S.ACCEPTED, S.UNKNOWN, S.ACCEPTED, at=now)
        session.get_one(Delivery, 3).next_at = None
        for place in (2, 4):
            session.get_one(Delivery, place).next_at = None
        session.flush()

        found = accounts.list_accounts_by_language(session, newsletter_id)
        account = accounts.get_account(session, get_newsletter(session, newsletter_id))

    assert sum(one.open for one in found.values()) == account.open == 1


def test_next_try_is_that_of_the_first_mail_put_off(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send_to(sessions, now, en=3)
    with sessions() as session:
        before = accounts.find_next_try(session, newsletter_id)
        settle(session, S.DEFERRED, S.DEFERRED, S.UNKNOWN, at=now)
        for minutes, row in enumerate(session.scalars(select(Delivery).order_by(Delivery.id))):
            row.next_at = now + (30 - minutes) * A_MINUTE
        session.flush()

        found = accounts.find_next_try(session, newsletter_id)

    assert (before, found) == (None, now + 29 * A_MINUTE)


def test_left_counts_readers_who_went_in_that_time(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send_to(sessions, now, en=3)
    with sessions() as session:
        early, during, _stays = session.scalars(select(Subscriber).order_by(Subscriber.id))
        early.left_at, during.left_at = now - A_MINUTE, now + A_MINUTE
        add_subscriber(session, "other@example.org", now).left_at = now + A_MINUTE
        session.flush()

        left = accounts.count_left(session, newsletter_id, now, now + 2 * A_MINUTE)

    assert left == 1


def test_open_mails_are_counted_by_newsletter(sessions: Sessions, now: datetime) -> None:
    first, second = send_to(sessions, now, en=3), start_letter(sessions, now)
    with sessions() as session:
        sending.cancel(session, get_newsletter(session, second), WHO, now)

        found = accounts.count_open(session, [first, second])

    assert found == {first: 3}


def test_oldest_due_mail_is_of_a_newsletter_that_is_being_sent(
    sessions: Sessions, now: datetime
) -> None:
    first, second = send_to(sessions, now, en=2), start_letter(sessions, now + A_MINUTE)
    later = now + 2 * A_MINUTE
    with sessions() as session:
        found = [accounts.find_oldest_due(session, now - A_MINUTE)]
        found += [accounts.find_oldest_due(session, later)]
        sending.pause(session, get_newsletter(session, first), WHO, now)
        found += [accounts.find_oldest_due(session, later)]
        sending.pause(session, get_newsletter(session, second), WHO, now)
        found += [accounts.find_oldest_due(session, later)]

    assert found == [None, now, now + A_MINUTE, None]


def test_oldest_due_mail_has_not_waited_since_before_it_was_written(
    sessions: Sessions, now: datetime
) -> None:
    send_to(sessions, now, en=2)
    with sessions() as session:
        session.get_one(Delivery, 2).next_at = now - timedelta(days=4)  # it is urgent
        session.flush()

        assert accounts.find_oldest_due(session, now + A_MINUTE) == now


def test_deliveries_are_listed_by_state_and_language_page_by_page(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send_to(sessions, now, en=3, cs=1)
    with sessions() as session:
        settle(session, S.ACCEPTED, S.REJECTED, S.REJECTED, S.REJECTED, at=now)

        rejected = accounts.list_deliveries(
            session, newsletter_id, states={S.REJECTED}, language="en"
        )
        rest = accounts.list_deliveries(session, newsletter_id, after=rejected[0].id, limit=1)

    assert [row.address for row in rejected] == ["en1@example.org", "en2@example.org"]
    assert [row.address for row in rest] == ["en2@example.org"]
