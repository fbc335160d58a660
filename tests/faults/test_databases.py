"""F24 to F31: what may happen to the database, its disk and those who share it."""

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from uuid import uuid4

import pytest
import requests
from sqlalchemy import create_engine, make_url, text

from mailer.domain.delivery import DeliveryState
from mailer.storage import migrate
from mailer.storage.db import open_engine, open_sessions
from tests.faults.workers import (
    Install,
    install_worker,
    list_readers,
    send_to_the_end,
    start_newsletter,
)
from tests.postgres import Cluster, run_cluster
from tests.service import Installation, at_work, fork_worker, run_service, wait_until
from tests.sinks import free_port, slow_smtp, smtp_sink
from tests.worker.ledger import (
    count_repeats,
    is_sent,
    let_leases_run_out,
    let_waiting_end,
    read_account,
    read_copies,
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server that a test may stop and start again."""
    with run_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster_url(cluster: Cluster) -> str:
    """A migrated, empty database there."""
    name = f"test_{uuid4().hex}"
    admin = create_engine(
        cluster.url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = make_url(cluster.url).set(database=name).render_as_string(hide_password=False)
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    return url


def expect_everybody_once(
    worker: Installation, newsletter_id: int, bodies: list[bytes], readers: int
) -> None:
    copies = read_copies(bodies)
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == 0
    assert read_account(worker.parts.sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: readers
    }


def keep_looking(condition: Callable[[], object], seconds: float) -> bool:
    """Whether it holds each time that one looks, for that long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            return False
        time.sleep(0.05)
    return True


def test_service_waits_for_its_database_and_says_that_it_does(
    install_worker: Install, cluster: Cluster, cluster_url: str
) -> None:
    """F24: health is red, nothing is sent; when the database is back, so is the service."""
    port = free_port()
    with smtp_sink() as sink:
        site = {"base_url": f"http://127.0.0.1:{port}"}
        worker = install_worker(cluster_url, sink.port, site=site, web={"port": port})
        with run_service(worker) as process:
            cluster.stop()
            red = read_health(worker)
            cluster.start()
            wait_until(lambda: read_health(worker) == (200, []), worker.said)
            newsletter_id = start_newsletter(worker)
            wait_until(lambda: is_sent(worker.parts.sessions, newsletter_id), worker.said)
            still_runs = process.poll() is None
        bodies = [mail.content for mail in sink.mails()]

    assert red == (503, ["The database cannot be reached. `mailer doctor` says why."])
    assert still_runs
    expect_everybody_once(worker, newsletter_id, bodies, 20)


def read_health(worker: Installation) -> tuple[int, list[str]]:
    """Status and problems."""
    with requests.Session() as http:
        http.trust_env = False
        answer = http.get(f"{worker.url}/readyz", timeout=10)
    return answer.status_code, answer.json().get("problems", [])


def test_answers_are_kept_while_the_database_is_gone(
    install_worker: Install, cluster: Cluster, cluster_url: str
) -> None:
    """F25: it breaks down between the dots and their answers. These are written to a file, nothing
    more is begun, and nobody gets anything twice."""
    readers = 6
    with slow_smtp(1) as server:
        worker = install_worker(cluster_url, server.port, smtp={"connections": 2})
        newsletter_id = start_newsletter(worker, readers)
        with at_work(worker):
            wait_until(lambda: len(server.bodies) == 2, worker.said)
            cluster.stop()
            server.seconds = 0
            wait_until(lambda: count_kept(worker) >= 2, worker.said)
            nothing_begun = keep_looking(lambda: len(server.bodies) == 2, 0.5)
            cluster.start()
            wait_until(lambda: is_sent(worker.parts.sessions, newsletter_id), worker.said)

    assert nothing_begun
    assert count_kept(worker) == 0
    expect_everybody_once(worker, newsletter_id, server.bodies, readers)


def count_kept(worker: Installation) -> int:
    """Lines in the journal."""
    files = (worker.folder / "journal").glob("*.outcomes")
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def test_database_that_restarts_again_and_again_costs_nobody_anything(
    install_worker: Install, cluster: Cluster, cluster_url: str
) -> None:
    """F31: three crashes of the server in mid-newsletter."""
    readers = 400
    with slow_smtp(0.02) as server:
        worker = install_worker(
            cluster_url, server.port, smtp={"connections": 4}, engine={"claim_size": 50}
        )
        newsletter_id = start_newsletter(worker, readers)
        with at_work(worker):
            for _ in range(3):
                wait_for_more(server.bodies, 50)
                cluster.stop()
                cluster.start()
            wait_until(lambda: is_sent(worker.parts.sessions, newsletter_id), worker.said)

    expect_everybody_once(worker, newsletter_id, server.bodies, readers)


def wait_for_more(bodies: list[bytes], number: int) -> None:
    before = len(bodies)
    wait_until(lambda: len(bodies) >= before + number)


def test_worker_waits_for_pages_that_write(install_worker: Install, sqlite_url: str) -> None:
    """F26: somebody else holds the database two thirds of the time."""
    readers = 30
    over = threading.Event()
    with slow_smtp(0) as server:
        worker = install_worker(sqlite_url, server.port)
        newsletter_id = start_newsletter(worker, readers)
        rival = threading.Thread(target=write_all_the_time, args=(sqlite_url, over))
        rival.start()
        with at_work(worker):
            wait_until(lambda: len(server.bodies) == readers, worker.said)
        over.set()
        rival.join()
        send_to_the_end(worker, newsletter_id)

    assert "out of reach" not in worker.said()
    copies = read_copies(server.bodies)
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) <= 1


def write_all_the_time(url: str, over: threading.Event) -> None:
    engine = open_engine(url)
    sessions = open_sessions(engine)
    while not over.wait(0.05):
        with sessions():
            time.sleep(0.1)
    engine.dispose()


def test_transaction_that_may_write_holds_the_database_from_its_beginning(
    sqlite_url: str,
) -> None:
    """F26: a read that becomes a write would fail at once if somebody wrote in between."""
    engine = open_engine(sqlite_url)
    rival = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0)

    with open_sessions(engine)() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("BEGIN IMMEDIATE")

    rival.close()
    engine.dispose()


def test_sqlite_forgets_no_commit_at_a_power_cut(sqlite_url: str) -> None:
    """F27: in WAL, NORMAL may forget the last commits, and a forgotten commit is a mail sent
    twice."""
    engine = open_engine(sqlite_url)

    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }

    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10000}


def test_what_lies_on_the_disk_at_a_power_cut_is_enough(sqlite_url: str, tmp_path: Path) -> None:
    """F27: the files of a moment in mid-send are all that is left of this machine."""
    readers, connections = 60, 4
    after = tmp_path / "after"
    after.mkdir()
    with slow_smtp(0.05) as server:
        smtp = {"connections": connections}
        with install_worker(tmp_path, sqlite_url, server.port, smtp=smtp) as worker:
            start_newsletter(worker, readers)
            with at_work(worker) as process:
                wait_until(lambda: len(server.bodies) > 20, worker.said)
                os.kill(process.pid or 0, signal.SIGSTOP)
                copy_database(Path(sqlite_url.removeprefix("sqlite:///")), after)
        reached = len(read_copies(server.bodies))
        url = f"sqlite:///{after}/mailer.db"
        with install_worker(after, url, server.port, smtp=smtp) as worker:
            send_to_the_end(worker, 1)
            account = read_account(worker.parts.sessions, 1)

    copies = read_copies(server.bodies)
    assert reached < readers
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) <= connections
    assert account.by_state == {DeliveryState.ACCEPTED: readers}


def copy_database(database: Path, folder: Path) -> None:
    for name in (database.name, f"{database.name}-wal"):
        shutil.copy(database.parent / name, folder / name)


def test_full_disk_stops_the_sending_before_it_repeats(
    install_worker: Install, sqlite_url: str
) -> None:
    """F28: no commit can be written any more. Nothing further is handed over, the log says why,
    and it goes on by itself when there is room."""
    readers = 200
    wal = Path(f"{sqlite_url.removeprefix('sqlite:///')}-wal")
    with slow_smtp(0.01) as server:
        worker = install_worker(
            sqlite_url, server.port, smtp={"connections": 2}, engine={"claim_size": 500}
        )
        newsletter_id = start_newsletter(worker, readers)
        with at_work(worker) as process:
            wait_until(lambda: len(server.bodies) > 20, worker.said)
            prlimit(process.pid or 0, RLIMIT_FSIZE, (wal.stat().st_size + 8192, RLIM_INFINITY))
            wait_until(lambda: "out of reach" in worker.said(), worker.said)
            reached = len(server.bodies)
            nothing_begun = keep_looking(lambda: len(server.bodies) == reached, 1.5)
            prlimit(process.pid or 0, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
            wait_until(lambda: is_sent(worker.parts.sessions, newsletter_id), worker.said)

    assert reached < readers
    assert nothing_begun
    expect_everybody_once(worker, newsletter_id, server.bodies, readers)


@pytest.mark.parametrize(("is_resent", "repeats"), [(False, 0), (True, 2)])
def test_worker_that_wakes_up_late_changes_nothing(
    install_worker: Install, postgres_url: str, is_resent: bool, repeats: int
) -> None:
    """F30: one of four workers is stopped in mid-send for longer than its lease. What it had
    claimed is sent by others; awake again, it sends nothing of it, and can only add what the
    answers to its last mails were."""
    readers, connections = 40, 2
    with slow_smtp(0.5) as server:
        worker = install_worker(
            postgres_url,
            server.port,
            smtp={"connections": connections},
            engine={"claim_size": 50, "poll_seconds": 0.05},
        )
        sessions = worker.parts.sessions
        newsletter_id = start_newsletter(worker, readers)
        with at_work(worker) as sleeper:
            wait_until(lambda: len(server.bodies) == connections, worker.said)
            os.kill(sleeper.pid or 0, signal.SIGSTOP)
            server.seconds = 0
            let_leases_run_out(sessions)
            others = [fork_worker(worker) for _ in range(3)]
            wait_until(
                lambda: (
                    read_account(sessions, newsletter_id).count(DeliveryState.ACCEPTED)
                    == readers - connections
                ),
                worker.said,
            )
            if is_resent:
                let_waiting_end(sessions)
                wait_until(lambda: is_sent(sessions, newsletter_id), worker.said)
            os.kill(sleeper.pid or 0, signal.SIGCONT)
            wait_until(lambda: is_sent(sessions, newsletter_id), worker.said)
            nothing_more = keep_looking(lambda: len(server.bodies) == readers + repeats, 0.5)
            for other in others:
                other.kill()
                other.join()

    copies = read_copies(server.bodies)
    account = read_account(sessions, newsletter_id)
    assert nothing_more
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == repeats
    assert account.by_state == {DeliveryState.ACCEPTED: readers}
