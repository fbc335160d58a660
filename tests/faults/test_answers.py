"""F10 to F15 and F50: what a mail server answers, late or never, and what becomes of the mail."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from mailer.boot import Parts
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.pausing import REFUSED_IN_A_ROW
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Attempt
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Suppression
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
from tests.letters import start_letter
from tests.service import at_work, wait_until
from tests.sinks import (
    free_port,
    scripted_smtp,
    slow_smtp,
    smtp_sink,
)
from tests.worker.ledger import count_repeats, read_account, read_copies, read_deliveries


@pytest.mark.parametrize(
    ("option", "command", "fates"),
    [
        # not now: F10 and, at the dot, F12
        ("-r", "RCPT", {("deferred", 1)}),
        ("-r", "DATA", {("deferred", 1)}),
        ("-r", ".", {("deferred", 1)}),
        # never: F11 and, at the dot, F12
        ("-f", "RCPT", {("rejected", 1)}),
        ("-f", ".", {("rejected", 1)}),
        ("-A", "0", {("rejected", 1)}),
    ],
)
def test_every_mail_ends_as_the_server_says(
    install_worker: Install,
    sqlite_url: str,
    option: str,
    command: str,
    fates: set[tuple[str, int]],
) -> None:
    """F10, F11, F12, F50: each in the state that its answer means, and the books agree."""
    readers, watch = 6, Watch()
    with smtp_sink(option, command) as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, readers)
        with hire(worker, watch) as engine:
            engine.run_once()

    rows = read_deliveries(worker.parts.sessions)
    assert read_fates(worker.parts.sessions) == fates
    assert read_account(worker.parts.sessions, newsletter_id).adds_up
    assert count_rows(worker.parts.sessions, Attempt) == readers
    # RFC 5321 4.5.4.1 asks for half an hour at least before it is tried again.
    waits = {
        row.next_at - watch.now
        for row in rows
        if row.state == DeliveryState.DEFERRED and row.next_at
    }
    assert waits <= {timedelta(minutes=30)}
    assert read_reader_states(worker.parts.sessions) == {SubscriberState.CONFIRMED}


def test_answer_that_is_lost_is_neither_yes_nor_no(
    install_worker: Install, sqlite_url: str
) -> None:
    """F14: the connection breaks after every dot. What was handed over is unknown, is sent once
    more and never a third time; the desk learns that the server is out of order."""
    readers, watch = 3, Watch()
    with smtp_sink("-q", ".") as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, readers)
        jobs = Parts(worker.parts.config, watch).build_jobs()
        with hire(worker, watch) as engine:
            engine.run_once()
            first = read_fates(worker.parts.sessions)
            for _ in range(12):
                watch.pass_time(timedelta(minutes=16))
                jobs.sort_out_mail()
                engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    assert ("unknown", 1) in first
    assert first <= {("unknown", 1), *NOTHING_TRIED}
    assert account.by_state == {DeliveryState.UNKNOWN: readers}
    assert account.open == 0
    assert {row.attempts for row in read_deliveries(worker.parts.sessions)} == {2}


def count_rows(sessions: Sessions, table: type) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def read_reader_states(sessions: Sessions) -> set[SubscriberState]:
    with sessions() as session:
        return set(session.scalars(select(Subscriber.state)))


def test_address_that_does_not_exist_is_dropped_once_and_alone(
    install_worker: Install, sqlite_url: str
) -> None:
    """F11: the others get their mail; who bounced is suppressed once and gets nothing again."""
    gone = list_readers(3)[1]
    answers = {f"RCPT TO:<{gone}>": "550 5.1.1 no such user"}
    watch = Watch()
    with scripted_smtp(answers, extensions=("PIPELINING",)) as server:
        worker = install_worker(sqlite_url, server.port, engine=ALL_AT_ONCE)
        sessions = worker.parts.sessions
        first = start_newsletter(worker, 3)
        with hire(worker, watch) as engine:
            engine.run_once()
            second = start_letter(sessions, watch.now)
            engine.run_once()
        copies = read_copies(server.bodies)

    assert read_account(sessions, first).by_state == {
        DeliveryState.ACCEPTED: 2,
        DeliveryState.REJECTED: 1,
    }
    assert read_account(sessions, second).by_state == {DeliveryState.ACCEPTED: 2}
    assert gone not in copies
    assert count_rows(sessions, Suppression) == 1


def test_newsletter_that_is_refused_ten_times_in_a_row_pauses(
    install_worker: Install, sqlite_url: str
) -> None:
    """F12: somebody looks before more mail is refused, and the desk says what the server said."""
    with smtp_sink("-f", ".", "-B", "554 5.7.1 looks like spam") as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, 30)
        with hire(worker, Watch()) as engine:
            engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    with worker.parts.sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
    assert account.adds_up
    # The eleventh may have been in hand already.
    assert 10 <= account.count(DeliveryState.REJECTED) <= 11
    assert account.count(DeliveryState.QUEUED) == 30 - account.count(DeliveryState.REJECTED)
    assert newsletter.state == "paused"
    assert newsletter.reason == REFUSED_IN_A_ROW
    assert (newsletter.reason_facts or {})["said"] == "5.7.1 looks like spam"


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
def test_server_that_takes_its_leave_costs_nobody_their_mail(
    install_worker: Install, sqlite_url: str, command: str
) -> None:
    """F13: 421 at any step. Nobody is refused, and everybody is reached when it is well again."""
    readers, watch, port = 6, Watch(), free_port()
    worker = install_worker(sqlite_url, port, engine=ALL_AT_ONCE)
    sessions = worker.parts.sessions
    newsletter_id = start_newsletter(worker, readers)
    with hire(worker, watch) as engine:
        with smtp_sink("-Q", command, port=port):
            for _ in range(4):
                engine.run_once()
                watch.pass_time(timedelta(minutes=15))
        states = {row.state for row in read_deliveries(sessions)}
        with smtp_sink(port=port) as sink:
            for _ in range(4):
                watch.pass_time(timedelta(hours=1))
                engine.run_once()
            copies = read_copies(mail.content for mail in sink.mails())

    assert states <= {DeliveryState.QUEUED, DeliveryState.DEFERRED}
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == 0
    assert read_account(sessions, newsletter_id).by_state == {DeliveryState.ACCEPTED: readers}


def test_slow_answer_is_waited_for_while_nobody_else_tries(
    install_worker: Install, url: str
) -> None:
    """F15: the answer comes much later than other answers may; until then the mail is nobody
    else's for longer than any answer is waited for, whoever looks for dead processes."""
    with slow_smtp(2.5) as server:
        worker = install_worker(url, server.port, smtp={"reply_seconds": 1})
        sessions, jobs = worker.parts.sessions, worker.parts.build_jobs()
        newsletter_id = start_newsletter(worker, 1)
        with at_work(worker):
            wait_until(lambda: server.bodies, worker.said)
            jobs.sort_out_mail()
            (held,) = read_deliveries(sessions)
            wait_until(lambda: not read_account(sessions, newsletter_id).open, worker.said)

    assert held.state == DeliveryState.HANDING_OFF
    assert held.lease_until
    assert held.lease_until - held.changed_at > timedelta(minutes=14)
    assert len(server.bodies) == 1
    assert read_fates(sessions) == {("accepted", 1)}


def test_every_server_fault_leaves_books_that_agree(install_worker: Install, url: str) -> None:
    """F50, over a server that is in another mood at every mail."""
    readers = 40
    moods = ["250 taken", "451 later", "554 5.7.1 no", "reset the connection", "421 gone"]
    with scripted_smtp({".": moods * 4 + ["250 taken"]}, extensions=("PIPELINING",)) as server:
        worker = install_worker(url, server.port, smtp={"connections": 2})
        newsletter_id = start_newsletter(worker, readers)
        with hire(worker, watch := Watch()) as engine:
            for _ in range(60):
                engine.run_once()
                watch.pass_time(timedelta(minutes=10))

    account = read_account(worker.parts.sessions, newsletter_id)
    assert account.adds_up
    assert account.count(DeliveryState.CLAIMED, DeliveryState.HANDING_OFF) == 0
