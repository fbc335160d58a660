"""The promise of docs/delivery.md, proved on real processes: kill the worker wherever it hurts,
start it again, and count what arrived."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters, newsletters
from mailer.usecases.setup import set_up
from tests.letters import WHO, add_letter, start_letter
from tests.people import add_people, add_subscriber
from tests.service import KILLED, Installation, fork_worker, install, run_mailer, stop, wait_until
from tests.sinks import Sink, SlowSmtp, free_port, slow_smtp, smtp_sink
from tests.worker.ledger import (
    count_repeats,
    is_sent,
    let_leases_run_out,
    let_waiting_end,
    read_account,
    read_copies,
)

READERS = 20
LEAVER = f"reader{READERS - 1:04}@example.org"

Install = Callable[..., Installation]


@pytest.fixture
def install_worker(tmp_path: Path) -> Iterator[Install]:
    """Makes an installation that sends by SMTP to a port, from a database at `url`."""
    with ExitStack() as stack:

        def make(url: str, smtp_port: int) -> Installation:
            return stack.enter_context(
                install(
                    tmp_path,
                    database={"url": url},
                    mail={"from_address": "news@example.org"},
                    smtp={"host": "127.0.0.1", "port": smtp_port, "security": "none"},
                    engine={"claim_size": 7, "poll_seconds": 0.05},
                )
            )

        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink() as sink:
        yield sink


def start_newsletter(worker: Installation, readers: int = READERS) -> int:
    now = clock.now()
    with worker.parts.sessions() as session:
        add_people(session, readers, now)
    return start_letter(worker.parts.sessions, now)


def crash(worker: Installation, point: str) -> None:
    """Run a worker that dies there. The quarters of an hour before and after it are cut short."""
    with run_mailer(worker, "worker", crash_at=point) as process:

        def is_dead() -> bool:
            let_waiting_end(worker.parts.sessions)
            return process.poll() is not None

        wait_until(is_dead, worker.said)
    assert process.returncode == KILLED, worker.said()
    let_leases_run_out(worker.parts.sessions)


def leave(worker: Installation, address: str) -> None:
    with worker.parts.sessions() as session:
        for reader in session.query(Subscriber).filter_by(address=address):
            reader.state = SubscriberState.UNSUBSCRIBED


def send_to_the_end(worker: Installation, newsletter_id: int) -> None:
    """Run a worker until nothing more happens by itself; the wait for lost answers is cut short."""

    def is_done() -> bool:
        let_waiting_end(worker.parts.sessions)
        return is_sent(worker.parts.sessions, newsletter_id)

    with run_mailer(worker, "worker"):
        wait_until(is_done, worker.said)


def expect_whole(worker: Installation, newsletter_id: int, copies: dict[str, list[str]]) -> None:
    """Nobody lost, nobody thrice, one Message-ID each, and the books agree."""
    account = read_account(worker.parts.sessions, newsletter_id)
    arrived = account.count(DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
    assert account.adds_up
    assert account.open == 0
    assert len(copies) == arrived
    assert max(len(ids) for ids in copies.values()) <= 2
    assert all(len(set(ids)) == 1 for ids in copies.values())


@pytest.mark.parametrize(
    ("point", "repeats"),
    [
        ("after_claim:2", 0),  # claimed only
        ("before_gate:9", 0),  # the body is on its way, its dot is not
        ("after_gate:9", 0),  # unknown in the ledger, but the dot was not sent
        ("after_outcome:9", 1),  # accepted, and the ledger does not know: the one window
        ("after_record:9", 0),  # all written down
    ],
)
def test_worker_that_dies_while_sending_loses_nobody(
    install_worker: Install, url: str, sink: Sink, point: str, repeats: int
) -> None:
    worker = install_worker(url, sink.port)
    newsletter_id = start_newsletter(worker)

    crash(worker, point)
    leave(worker, LEAVER)
    send_to_the_end(worker, newsletter_id)

    copies = read_copies(mail.content for mail in sink.mails())
    expect_whole(worker, newsletter_id, copies)
    assert sorted(copies) == [f"reader{i:04}@example.org" for i in range(READERS - 1)]
    assert count_repeats(copies) == repeats


@pytest.mark.parametrize("point", ["in_preparation", "before_completion"])
def test_worker_that_dies_while_preparing_writes_to_everybody_once(
    install_worker: Install, sqlite_url: str, sink: Sink, point: str
) -> None:
    worker = install_worker(sqlite_url, sink.port)
    now = clock.now()
    with worker.parts.sessions() as session:
        add_people(session, READERS, now)
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())

    crash(worker, point)
    left_half_done = sink.mails()
    send_to_the_end(worker, letter.id)

    copies = read_copies(mail.content for mail in sink.mails())
    assert left_half_done == []
    expect_whole(worker, letter.id, copies)
    assert sorted(copies) == [f"reader{i:04}@example.org" for i in range(READERS)]
    assert count_repeats(copies) == 0


def test_worker_killed_in_mid_send_repeats_one_mail_at_most(
    install_worker: Install, sqlite_url: str
) -> None:
    with slow_smtp(1) as server:
        worker = install_worker(sqlite_url, server.port)
        newsletter_id = start_newsletter(worker, 8)
        with run_mailer(worker, "worker") as process:
            wait_until(lambda: len(server.bodies) == 2, worker.said)
            process.kill()
        server.seconds = 0

        send_to_the_end(worker, newsletter_id)

        copies = read_copies(server.bodies)
    expect_whole(worker, newsletter_id, copies)
    assert len(copies) == 8
    assert count_repeats(copies) == 1


def test_worker_told_to_stop_finishes_the_mail_in_hand(
    install_worker: Install, sqlite_url: str
) -> None:
    with slow_smtp(0.5) as server:
        worker = install_worker(sqlite_url, server.port)
        newsletter_id = start_newsletter(worker, 6)
        with run_mailer(worker, "worker") as process:
            wait_until(lambda: len(server.bodies) == 2, worker.said)
            exit_code = stop(process)
        arrived = len(server.bodies)
        before = read_account(worker.parts.sessions, newsletter_id).by_state
        server.seconds = 0

        send_to_the_end(worker, newsletter_id)

        copies = read_copies(server.bodies)
    assert exit_code == 0
    assert before == {DeliveryState.ACCEPTED: arrived, DeliveryState.QUEUED: 6 - arrived}
    expect_whole(worker, newsletter_id, copies)
    assert count_repeats(copies) == 0


def test_worker_leaves_an_answer_lost_twice_to_a_person(
    install_worker: Install, sqlite_url: str, sink: Sink
) -> None:
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


def test_confirmation_in_hand_at_a_crash_goes_again_at_once(
    install_worker: Install, sqlite_url: str, sink: Sink
) -> None:
    worker = install_worker(sqlite_url, sink.port)
    ask_to_confirm(worker, "jana@example.org")

    crash(worker, "after_gate")
    with run_mailer(worker, "worker"):
        wait_until(sink.mails, worker.said)

    assert len(read_copies(mail.content for mail in sink.mails())["jana@example.org"]) == 1


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
        with run_mailer(worker, "worker"):
            wait_until(lambda: len(server.bodies) == 2, worker.said)
            ask_to_confirm(worker, "jana@example.org")
            asked_at = time.monotonic()

            wait_until(lambda: "jana@example.org" in read_copies(server.bodies), worker.said)
            waited = time.monotonic() - asked_at
            ahead = len(server.bodies)

    assert waited < 10
    assert ahead < 20


def test_second_worker_on_one_sqlite_file_refuses(install_worker: Install, sqlite_url: str) -> None:
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


def test_worker_killed_again_and_again_loses_nobody(
    install_worker: Install, sqlite_url: str
) -> None:
    kills, readers = 15, 250
    chance = random.Random(20261122)
    with slow_smtp(0.02) as server:
        worker = install_worker(sqlite_url, server.port)
        newsletter_id = start_newsletter(worker, readers)
        for _ in range(kills):
            kill_in_mid_send(worker, server, after=chance.uniform(0, 0.15))
        reached = len(server.bodies)
        server.seconds = 0

        send_to_the_end(worker, newsletter_id)

        copies = read_copies(server.bodies)
    assert reached < readers
    expect_whole(worker, newsletter_id, copies)
    assert len(copies) == readers
    assert count_repeats(copies) <= kills


def kill_in_mid_send(worker: Installation, server: SlowSmtp, *, after: float) -> None:
    before = len(server.bodies)
    process = fork_worker(worker)
    wait_until(lambda: len(server.bodies) > before)
    time.sleep(after)
    process.kill()
    process.join()
    let_waiting_end(worker.parts.sessions)
