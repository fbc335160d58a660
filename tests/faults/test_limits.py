"""F16 to F19: what a mail server cannot take, how much of it, and how it says goodbye."""

import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from mailer.domain.delivery import DeliveryState
from mailer.domain.pausing import NOT_TAKEN
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from tests.faults.workers import (
    ALL_AT_ONCE,
    NOTHING_TRIED,
    Install,
    Watch,
    hire,
    list_readers,
    read_fates,
    start_newsletter,
)
from tests.sinks import (
    Conversation,
    ScriptedSmtp,
    in_thread,
    scripted_smtp,
    smtp_sink,
)
from tests.worker.ledger import count_repeats, read_account, read_copies, read_deliveries


@pytest.mark.parametrize("options", [("-r", "QUIT"), ("-W", "QUIT:60"), ("-q", "QUIT")])
def test_farewell_that_fails_changes_nothing(
    install_worker: Install, sqlite_url: str, options: Sequence[str]
) -> None:
    """F16: the mail stays accepted, and the goodbye takes five seconds at most."""
    with smtp_sink(*options) as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        start_newsletter(worker, 3)
        with hire(worker, Watch()) as engine:
            engine.run_once()
            began = time.monotonic()
        took = time.monotonic() - began

    assert took < 7
    assert read_fates(worker.parts.sessions) == {("accepted", 1)}


def test_address_that_this_server_cannot_take_stops_nobody_else(
    install_worker: Install, sqlite_url: str
) -> None:
    """F17: no SMTPUTF8 is offered, and one address needs it."""
    with smtp_sink() as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, 3)
        with worker.parts.sessions() as session:
            session.get_one(Delivery, 2).address = "böb@example.org"
        with hire(worker, Watch()) as engine:
            engine.run_once()

    rows = read_deliveries(worker.parts.sessions)
    assert [row.state.value for row in rows] == ["accepted", "rejected", "accepted"]
    assert rows[1].last_text
    assert read_account(worker.parts.sessions, newsletter_id).adds_up


def test_letter_that_is_too_big_pauses_the_newsletter_and_rejects_nobody(
    install_worker: Install, sqlite_url: str
) -> None:
    """F18: one clear reason for the newsletter."""
    with scripted_smtp(extensions=("PIPELINING", "SIZE 500")) as server:
        worker = install_worker(sqlite_url, server.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, 5)
        with hire(worker, Watch()) as engine:
            engine.run_once()
        bodies = server.bodies

    with worker.parts.sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
    assert bodies == []
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert newsletter.state == "paused"
    assert newsletter.reason == NOT_TAKEN
    assert (newsletter.reason_facts or {})["said"].endswith("the server takes no more than 500.")


class Tired(ScriptedSmtp):
    """Takes `most` mails over a connection, and hangs up at the next, with a word or without."""

    def __init__(self, most: int, last_word: str) -> None:
        self.most, self.last_word = most, last_word
        super().__init__(extensions=("PIPELINING",))

    def reply_to(self, talk: Conversation, line: str) -> str:
        reply = super().reply_to(talk, line)
        is_tired = line.startswith("MAIL") and len(talk.bodies) >= self.most
        return self.last_word if is_tired else reply


@pytest.mark.parametrize("last_word", ["421 4.7.0 enough for today", "drop the connection"])
@pytest.mark.parametrize("connections", [1, 4])
def test_server_that_drops_a_connection_after_some_mails_loses_nobody(
    install_worker: Install, sqlite_url: str, last_word: str, connections: int
) -> None:
    """F19: a new connection, nobody twice and nobody lost."""
    readers, watch = 250, Watch()
    with Tired(50, last_word) as server, in_thread(server):
        smtp = {"connections": connections, "messages_per_connection": 1000}
        worker = install_worker(sqlite_url, server.port, smtp=smtp, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, readers)
        with hire(worker, watch) as engine:
            for _ in range(3):
                engine.run_once()
                watch.pass_time(timedelta(minutes=31))
        copies = read_copies(server.bodies)

    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == 0
    assert read_account(worker.parts.sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: readers
    }
