"""F1 to F7 and F29: whatever moment a worker dies at, start it again and count what arrived."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters, newsletters, sending
from mailer.usecases.setup import set_up
from tests.faults.workers import (
    READERS,
    Install,
    add_readers,
    crash,
    expect_whole,
    list_readers,
    send_to_the_end,
    start_newsletter,
)
from tests.letters import WHO, add_letter
from tests.people import add_subscriber
from tests.service import Installation, at_work, run_mailer, stop, wait_until
from tests.sinks import Sink, free_port, slow_smtp
from tests.worker.ledger import count_repeats, read_account, read_copies, read_deliveries

LEAVER = list_readers(READERS)[-1]


def leave(worker: Installation, address: str) -> None:
    with worker.parts.sessions() as session:
        for reader in session.query(Subscriber).filter_by(address=address):
            reader.state = SubscriberState.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("point", "fewest", "most"),
    [
        ("after_claim", 0, 0),  # claimed only
        ("after_claim:2", 0, 1),  # the mail before may be out, its answer not written down
        ("before_gate", 0, 0),  # the body is on its way, its dot is not
        ("before_gate:9", 0, 1),  # what became of the mail before is written in the same commit
        ("after_gate", 0, 0),  # unknown in the ledger, but the dot was not sent
        ("after_gate:9", 0, 1),
        ("after_outcome:9", 1, 1),  # accepted, and the ledger does not know: the one window
        ("after_record:9", 0, 0),  # all written down
    ],
)
def test_worker_that_dies_while_sending_loses_nobody(
    install_worker: Install, url: str, sink: Sink, point: str, fewest: int, most: int
) -> None:
    """F1, F2, F3: nobody lost, at most one copy more over the one connection, with the same
    Message-ID, and none for who left while nobody was at work."""
    worker = install_worker(url, sink.port)
    newsletter_id = start_newsletter(worker)

    crash(worker, point)
    leave(worker, LEAVER)
    send_to_the_end(worker, newsletter_id)

    copies = read_copies(mail.content for mail in sink.mails())
    expect_whole(worker, newsletter_id, copies)
    assert sorted(copies) == list_readers(READERS - 1)
    assert fewest <= count_repeats(copies) <= most


@pytest.mark.parametrize("point", ["in_preparation:2", "before_completion"])
def test_worker_that_dies_while_preparing_writes_to_everybody_once(
    install_worker: Install, url: str, point: str
) -> None:
    """F4: the audience is complete and nobody stands in it twice, though its writing broke off
    between two chunks."""
    readers = 2500
    worker = install_worker(url, free_port())
    sessions = worker.parts.sessions
    newsletter_id = approve_letter(worker, readers, clock.now())

    crash(worker, point)
    left_half_done = read_account(sessions, newsletter_id)
    with at_work(worker):
        wait_until(lambda: read_account(sessions, newsletter_id).audience, worker.said)

    assert (left_half_done.audience, left_half_done.adds_up) == (0, False)
    assert read_account(sessions, newsletter_id).audience == readers
    assert [row.address for row in read_deliveries(sessions)] == list_readers(readers)


def approve_letter(worker: Installation, readers: int, now: datetime) -> int:
    add_readers(worker.parts.sessions, readers, now)
    with worker.parts.sessions() as session:
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
        return letter.id


def test_newsletter_that_nobody_began_to_prepare_is_picked_up(
    install_worker: Install, url: str, sink: Sink
) -> None:
    """F5: the process died when the newsletter was `preparing`, and had written down nobody."""
    worker = install_worker(url, sink.port)
    newsletter_id = approve_letter(worker, READERS, clock.now())
    with worker.parts.sessions() as session:
        sending.start_due(session, clock.now())

    send_to_the_end(worker, newsletter_id)

    copies = read_copies(mail.content for mail in sink.mails())
    expect_whole(worker, newsletter_id, copies)
    assert sorted(copies) == list_readers(READERS)


@pytest.mark.parametrize("connections", [1, 4])
def test_worker_killed_in_mid_send_repeats_one_mail_per_connection(
    install_worker: Install, url: str, connections: int
) -> None:
    """F2: what stood between the final dot and its answer is unknown, and arrives twice with one
    Message-ID."""
    readers = 5 * connections
    with slow_smtp(0.7) as server:
        worker = install_worker(url, server.port, smtp={"connections": connections})
        newsletter_id = start_newsletter(worker, readers)
        with at_work(worker):
            wait_until(lambda: len(server.bodies) == 2 * connections, worker.said)
        server.seconds = 0

        send_to_the_end(worker, newsletter_id)

        copies = read_copies(server.bodies)
    expect_whole(worker, newsletter_id, copies)
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == connections


@pytest.mark.parametrize("connections", [1, 4])
def test_worker_told_to_stop_finishes_the_mail_in_hand(
    install_worker: Install, sqlite_url: str, connections: int
) -> None:
    """F7: SIGTERM in mid-send. What is in hand is finished, the rest given back at once, and
    nobody gets anything twice."""
    readers = 5 * connections
    with slow_smtp(0.5) as server:
        worker = install_worker(sqlite_url, server.port, smtp={"connections": connections})
        newsletter_id = start_newsletter(worker, readers)
        with run_mailer(worker, "worker") as process:
            wait_until(lambda: len(server.bodies) == 2 * connections, worker.said)
            exit_code = stop(process)
        arrived = len(server.bodies)
        before = read_account(worker.parts.sessions, newsletter_id).by_state
        server.seconds = 0

        send_to_the_end(worker, newsletter_id)

        copies = read_copies(server.bodies)
    assert exit_code == 0
    assert before == {DeliveryState.ACCEPTED: arrived, DeliveryState.QUEUED: readers - arrived}
    expect_whole(worker, newsletter_id, copies)
    assert count_repeats(copies) == 0


def test_worker_leaves_an_answer_lost_twice_to_a_person(
    install_worker: Install, sqlite_url: str, sink: Sink
) -> None:
    """F3, twice at the same mail: there is no third copy, and the report says `unknown`."""
    worker = install_worker(sqlite_url, sink.port)
    newsletter_id = start_newsletter(worker, 1)

    crash(worker, "after_outcome")
    crash(worker, "after_outcome")
    send_to_the_end(worker, newsletter_id)

    copies = read_copies(mail.content for mail in sink.mails())
    expect_whole(worker, newsletter_id, copies)
    assert count_repeats(copies) == 1
    account = read_account(worker.parts.sessions, newsletter_id)
    assert account.by_state == {DeliveryState.UNKNOWN: 1}


def test_worker_leaves_a_lost_answer_alone_where_the_operator_says_so(
    install_worker: Install, url: str, sink: Sink
) -> None:
    """F3 under `engine.resend_unknown = false`: the first crash leaves it to a person already."""
    worker = install_worker(url, sink.port, engine={"resend_unknown": False})
    newsletter_id = start_newsletter(worker, 3)

    crash(worker, "after_outcome")
    send_to_the_end(worker, newsletter_id)

    copies = read_copies(mail.content for mail in sink.mails())
    expect_whole(worker, newsletter_id, copies)
    assert count_repeats(copies) == 0
    account = read_account(worker.parts.sessions, newsletter_id)
    assert account.by_state == {DeliveryState.ACCEPTED: 2, DeliveryState.UNKNOWN: 1}


def test_confirmation_in_hand_at_a_crash_goes_again_at_once(
    install_worker: Install, sqlite_url: str, sink: Sink
) -> None:
    """F2 for mail that somebody sits and waits for."""
    worker = install_worker(sqlite_url, sink.port)
    ask_to_confirm(worker, "jana@example.org")

    crash(worker, "after_gate")
    with at_work(worker):
        wait_until(lambda: list_states(worker) == [DeliveryState.ACCEPTED], worker.said)

    assert list(read_copies(mail.content for mail in sink.mails())) == ["jana@example.org"]


def list_states(worker: Installation) -> list[DeliveryState]:
    return [row.state for row in read_deliveries(worker.parts.sessions)]


def ask_to_confirm(worker: Installation, address: str) -> None:
    now = clock.now()
    with worker.parts.sessions() as session:
        set_up(session, None, now)
        visitor = add_subscriber(session, address, now, state=SubscriberState.PENDING)
        letters.queue(
            session,
            "confirm",
            subscriber=visitor,
            language="cs",
            context={"jti": "abc"},
            now=now,
            lives=timedelta(days=1),
        )


def test_confirmation_overtakes_a_long_newsletter(install_worker: Install, sqlite_url: str) -> None:
    with slow_smtp(0.25) as server:
        worker = install_worker(sqlite_url, server.port)
        start_newsletter(worker, 200)
        with at_work(worker):
            wait_until(lambda: len(server.bodies) == 2, worker.said)
            ask_to_confirm(worker, "jana@example.org")
            asked_at = time.monotonic()

            wait_until(lambda: "jana@example.org" in read_copies(server.bodies), worker.said)
            waited = time.monotonic() - asked_at
            ahead = len(server.bodies)

    assert waited < 10
    assert ahead < 20


def test_second_worker_on_one_sqlite_file_refuses(install_worker: Install, sqlite_url: str) -> None:
    """F29: the second says what to do, and the first goes on."""
    worker = install_worker(sqlite_url, free_port())
    with run_mailer(worker, "worker") as first:
        lock = Path(f"{worker.parts.database.url.database}.sender")
        wait_until(lambda: lock.exists() and lock.read_text() == str(first.pid), worker.said)

        with run_mailer(worker, "worker") as second:
            wait_until(lambda: second.poll() is not None, worker.said)

        still_runs = first.poll() is None
    assert second.returncode == 1
    assert worker.said().strip() == (
        f"Error: Another sender (process {first.pid}) works on this database. "
        "Stop it first, or use PostgreSQL to run several."
    )
    assert still_runs
