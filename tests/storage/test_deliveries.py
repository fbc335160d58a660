"""The ledger's rows are found without reading a million others."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.storage import accounts, claiming, ledger
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery, count_queued, is_to
from mailer.storage.newsletters import Newsletter
from mailer.storage.subscribers import list_unconfirmed_since
from mailer.usecases import letters
from tests.letters import start_letter
from tests.people import add_people

A_MINUTE = timedelta(minutes=1)
DUE = "INDEX ix_delivery_due (newsletter_id=?"
OWN = "INDEX sqlite_autoindex_delivery_1 (newsletter_id=? AND subscriber_id=?)"

Question = Callable[[Session, datetime], object]


def test_mail_to_a_person_is_what_they_asked_for_and_their_newsletters(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        for person in add_people(session, 2, now):
            letters.queue(
                session,
                "preferences",
                subscriber=person,
                language="en",
                context={},
                now=now,
                lives=A_MINUTE,
            )
    start_letter(sessions, now)
    start_letter(sessions, now)

    with sessions() as session:
        found = session.execute(
            select(Delivery.newsletter_id, Delivery.subscriber_id)
            .where(is_to(2))
            .order_by(Delivery.id)
        ).all()

    assert found == [(None, 2), (1, 2), (2, 2)]


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    """SQLite, which can tell beforehand how it will look something up."""
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("ask", "way"),
    [
        (
            lambda session, now: claiming.claim_newsletter(session, "a", now, A_MINUTE, 10),
            f"SEARCH delivery USING {DUE} AND next_at>? AND next_at<?)",
        ),
        (
            lambda session, _: accounts.has_open(session, 1),
            f"SEARCH delivery USING {DUE} AND next_at>?)",
        ),
        (
            lambda session, _: accounts.count_open(session, [1]),
            f"SEARCH delivery USING COVERING {DUE} AND next_at>?)",
        ),
        (
            lambda session, _: accounts.find_next_try(session, 1),
            f"SEARCH delivery USING {DUE} AND next_at>?)",
        ),
        (
            accounts.find_oldest_due,
            f"SEARCH delivery USING {DUE} AND next_at<?)",
        ),
        (
            lambda session, now: count_queued(session, 1, "data", now),
            f"SEARCH delivery USING {OWN}",
        ),
        (
            lambda session, now: list_unconfirmed_since(session, now, 10),
            f"SEARCH delivery USING {OWN}",
        ),
    ],
)
def test_the_ledger_is_asked_through_an_index(
    engine: Engine, now: datetime, ask: Question, way: str
) -> None:
    asked: list[tuple[str, object]] = []
    with open_sessions(engine)() as session:
        letter = {"slug": "a", "kind": NewsletterKind.LETTER, "title": "A"}
        state = NewsletterState.SENDING
        session.add(Newsletter(**letter, state=state, created_at=now, changed_at=now))
        session.flush()
        event.listen(
            engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3]))
        )

        ask(session, now)

        about = [(text, values) for text, values in asked if "FROM delivery" in text]
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {about[0][0]}", about[0][1]
        )
        ways = [row.detail for row in plan if row.detail.startswith(("SEARCH del", "SCAN del"))]
    assert way in ways
    assert not any(found.startswith("SCAN") for found in ways)


def test_what_is_over_is_not_in_the_index_of_what_is_due(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        first = claiming.claim_newsletter(session, "a", now, A_MINUTE, 1)[0]
        ledger.accept(session, "memory", [(first.id, first.generation, 250, "Ok", "")], now)

    with sessions() as session:
        states = session.scalars(select(Delivery.state).where(Delivery.next_at.is_not(None))).all()
        still_open = accounts.count_open(session, [newsletter_id])

    assert states == [DeliveryState.QUEUED] * 2
    assert still_open == {newsletter_id: 2}
