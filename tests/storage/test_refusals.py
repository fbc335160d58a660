"""How mails were answered, counted for all senders together, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import Engine, select, text, update

from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import LONGEST_WINDOW, WINDOW, Refusals
from mailer.storage import refusals
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.usecases import sending
from tests.letters import WHO, start_letter
from tests.people import add_people
from tests.service import wait_until

ONE_TAKEN = Refusals(1, 0, 0)
ONE_REFUSED = Refusals(1, 1, 1)


def count(sessions: Sessions, *heard: Refusals, newsletter_id: int = 1) -> Refusals:
    """Each in a transaction of its own, as different processes do; the last sums."""
    for each in heard:
        with sessions() as session:
            sums = refusals.add(session, newsletter_id, each)
    return sums


@pytest.mark.parametrize(
    ("heard", "sums"),
    [
        ([ONE_TAKEN], Refusals(1, 0, 0)),
        ([Refusals(7, 3, 2)], Refusals(7, 3, 2)),
        # a run goes on from one process to the next, and whoever has a mail taken ends it
        ([Refusals(9, 4, 4), Refusals(5, 5, 5)], Refusals(14, 9, 9)),
        ([Refusals(9, 4, 4), ONE_TAKEN, Refusals(5, 5, 5)], Refusals(15, 9, 5)),
        ([Refusals(9, 4, 4), Refusals(6, 5, 3)], Refusals(15, 9, 3)),
        # what was long ago fades, before more is added
        ([Refusals(LONGEST_WINDOW, 40, 0), ONE_TAKEN], Refusals(LONGEST_WINDOW + 1, 40, 0)),
        ([Refusals(LONGEST_WINDOW, 40, 0), ONE_TAKEN, ONE_REFUSED], Refusals(WINDOW + 1, 20, 1)),
        ([Refusals(3_000_000_000, 4, 4), ONE_REFUSED], Refusals(WINDOW + 1, 1, 5)),
    ],
)
def test_counts_are_those_of_all_processes(
    sessions: Sessions, heard: list[Refusals], sums: Refusals
) -> None:
    assert count(sessions, *heard) == sums


def test_each_newsletter_is_counted_for_itself(sessions: Sessions) -> None:
    count(sessions, ONE_REFUSED, newsletter_id=1)

    assert count(sessions, ONE_TAKEN, newsletter_id=2) == ONE_TAKEN


def test_count_that_is_forgotten_begins_anew(sessions: Sessions) -> None:
    count(sessions, ONE_REFUSED, newsletter_id=1)
    count(sessions, ONE_REFUSED, newsletter_id=2)

    with sessions() as session:
        refusals.forget(session, 1)

    assert count(sessions, ONE_REFUSED, newsletter_id=1) == ONE_REFUSED
    assert count(sessions, ONE_REFUSED, newsletter_id=2) == Refusals(2, 2, 2)


@pytest.mark.parametrize("state", NewsletterState)
def test_count_of_a_newsletter_that_is_over_is_forgotten(
    sessions: Sessions, now: datetime, state: NewsletterState
) -> None:
    """A last answer may come in after the end."""
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        get_newsletter(session, newsletter_id).state = state
    count(sessions, ONE_REFUSED, newsletter_id=newsletter_id)

    with sessions() as session:
        refusals.forget_ended(session)

    goes_on = state in (NewsletterState.SENDING, NewsletterState.PAUSED)
    assert list_counted(sessions) == ([newsletter_id] if goes_on else [])


def test_forgetting_waits_for_nobody_who_counts(postgres_url: str) -> None:
    """They lock counts in an order of their own."""
    database = open_engine(postgres_url)
    sessions = open_sessions(database)
    count(sessions, ONE_REFUSED, newsletter_id=1)
    count(sessions, ONE_REFUSED, newsletter_id=2)

    with sessions() as process, sessions() as clock:
        refusals.add(process, 1, ONE_REFUSED)
        clock.execute(text("SET LOCAL lock_timeout = '1s'"))
        refusals.forget_ended(clock)

    left = list_counted(sessions)
    database.dispose()
    assert left == [1]


def list_counted(sessions: Sessions) -> list[int]:
    """The newsletters that have a count."""
    with sessions() as session:
        return list(session.scalars(select(refusals.RefusalCount.newsletter_id)))


def test_processes_that_count_at_the_same_moment_lose_nothing(sessions: Sessions) -> None:
    """The second waits until the first has written down its own, and sees it."""
    both_begin = threading.Barrier(2)

    def count_some(_process: int) -> list[Refusals]:
        both_begin.wait(10)
        return [count(sessions, ONE_REFUSED) for _ in range(20)]

    with ThreadPoolExecutor(2) as processes:
        seen = [sums for each in processes.map(count_some, range(2)) for sums in each]

    assert sorted(sums.in_a_row for sums in seen) == list(range(1, 41))


def test_who_cancels_does_not_hold_the_count_while_waiting_for_a_mail(
    postgres_url: str, now: datetime
) -> None:
    """A process that got the late answer about this mail has locked it, and counts next."""
    database = open_engine(postgres_url)
    sessions = open_sessions(database)
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        session.execute(update(Delivery).values(state=DeliveryState.UNKNOWN))
    count(sessions, ONE_REFUSED, newsletter_id=newsletter_id)

    def cancel() -> int:
        with sessions() as session:
            return sending.cancel(session, get_newsletter(session, newsletter_id), WHO, now)

    with ThreadPoolExecutor(1) as somebody:
        with sessions() as process:
            process.execute(select(Delivery.id).with_for_update())
            cancelled = somebody.submit(cancel)
            wait_until(lambda: is_anybody_waiting(database))
            process.execute(text("SET LOCAL lock_timeout = '1s'"))
            sums = refusals.add(process, newsletter_id, ONE_REFUSED)
        cancelled.result(10)

    database.dispose()
    assert sums == Refusals(2, 2, 2)


def is_anybody_waiting(database: Engine) -> bool:
    with database.connect() as connection:
        query = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(connection.scalar(query))


def test_count_does_not_wait_for_whoever_holds_the_newsletter(
    postgres_url: str, now: datetime
) -> None:
    """Somebody who cancels holds it, and waits for the mails that whoever counts has locked."""
    database = open_engine(postgres_url)
    sessions = open_sessions(database)
    newsletter_id = start_letter(sessions, now)

    with sessions() as somebody, sessions() as process:
        sending.hold(somebody, get_newsletter(somebody, newsletter_id))
        process.execute(text("SET LOCAL lock_timeout = '1s'"))
        sums = refusals.add(process, newsletter_id, ONE_REFUSED)

    database.dispose()
    assert sums == ONE_REFUSED
