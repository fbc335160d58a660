"""What a forecast is made of: samples of the pace, who is in a hurry, which domains wait."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.delivery import OPEN_STATES, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.progress import Sample
from mailer.domain.urgency import due_from
from mailer.storage import forecasts
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from tests.letters import start_letter
from tests.people import add_subscriber

S = DeliveryState
TEN, DAY = timedelta(seconds=10), timedelta(days=1)


def send(sessions: Sessions, now: datetime, *addresses: str, lang: str = "en") -> int:
    """A letter that is being sent to these readers, among all others there are."""
    with sessions() as session:
        for address in addresses:
            add_subscriber(session, address, now, language=lang)
    return start_letter(sessions, now, en="Hello.", cs="Dobrý den.")


def list_mails(session: Session, newsletter_id: int) -> list[Delivery]:
    query = select(Delivery).where(Delivery.newsletter_id == newsletter_id).order_by(Delivery.id)
    return list(session.scalars(query))


def settle(session: Session, newsletter_id: int, *states: DeliveryState) -> None:
    for mail, state in zip(list_mails(session, newsletter_id), states, strict=False):
        mail.state = state
        mail.next_at = mail.next_at if state in OPEN_STATES else None
    session.flush()


def test_a_sample_counts_what_is_done_with(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, *(f"r{place}@example.org" for place in range(6)))
    with sessions() as session:
        forecasts.add_samples(session, now)
        settle(session, newsletter_id, S.ACCEPTED, S.REJECTED, S.UNKNOWN, S.CLAIMED, S.DEFERRED)
        forecasts.add_samples(session, now + TEN)

        found = forecasts.list_samples(session, [newsletter_id], now)

    assert found == {newsletter_id: [Sample(now, 0), Sample(now + TEN, 3)]}


def test_what_is_sent_again_after_a_lost_answer_is_not_done_with(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send(sessions, now, "a@example.org", "b@example.org")
    with sessions() as session:
        settle(session, newsletter_id, S.UNKNOWN, S.UNKNOWN)
        list_mails(session, newsletter_id)[0].next_at = now
        session.flush()
        forecasts.add_samples(session, now)

        found = forecasts.list_samples(session, [newsletter_id], now)

    assert found == {newsletter_id: [Sample(now, 1)]}


def test_samples_are_taken_of_what_is_being_sent(sessions: Sessions, now: datetime) -> None:
    paused = send(sessions, now, "a@example.org")
    going = send(sessions, now)
    with sessions() as session:
        get_newsletter(session, paused).state = NewsletterState.PAUSED
        session.flush()
        forecasts.add_samples(session, now)

        found = forecasts.list_samples(session, [paused, going], now)

    assert found == {paused: [], going: [Sample(now, 0)]}


def test_old_samples_are_dropped(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, "a@example.org")
    with sessions() as session:
        for moment in (now - TEN, now):
            forecasts.add_samples(session, moment)

        forecasts.drop_samples(session, now)
        found = forecasts.list_samples(session, [newsletter_id], now - TEN)

    assert found == {newsletter_id: [Sample(now, 0)]}


def test_urgent_are_due_mails_by_the_moment_something_in_them_is_over(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = send(sessions, now, *(f"r{place}@example.org" for place in range(6)))
    over = [now + DAY, now + DAY, None, now + 2 * DAY, now + DAY, now + DAY]
    with sessions() as session:
        for mail, moment in zip(list_mails(session, newsletter_id), over, strict=True):
            mail.next_at = due_from(moment, now)
        settle(session, newsletter_id, S.ACCEPTED)
        list_mails(session, newsletter_id)[5].next_at = now + TEN
        session.flush()

        urgent = forecasts.count_urgent(session, get_newsletter(session, newsletter_id))

    assert urgent == [(now + DAY, 2), (now + 2 * DAY, 1)]


def test_nobody_is_in_a_hurry_where_nothing_ends(sessions: Sessions, now: datetime) -> None:
    newsletter_id = send(sessions, now, "a@example.org")

    with sessions() as session:
        assert forecasts.count_urgent(session, get_newsletter(session, newsletter_id)) == []


def test_domains_are_estimated_from_what_is_due_and_what_was_put_off(
    sessions: Sessions, now: datetime
) -> None:
    gmail = [f"r{place}@gmail.com" for place in range(8)]
    newsletter_id = send(sessions, now, *gmail, "s@Seznam.cz", "t@seznam.cz")
    with sessions() as session:
        mails = list_mails(session, newsletter_id)
        for mail in mails[:3]:
            mail.next_at = now + TEN
        mails[3].state, mails[3].next_at = S.ACCEPTED, None
        mails[4].state, mails[4].next_at = S.DEFERRED, now + TEN
        session.flush()

        found = forecasts.estimate_domains(session, newsletter_id, now)

    assert found == {"gmail.com": 6, "seznam.cz": 2}
