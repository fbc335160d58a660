"""Workers for the proofs of delivery: installed to send by SMTP, made to die, sent to the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from mailer import clock
from mailer.boot import Parts
from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.storage.db import Sessions
from mailer.storage.subscribers import Subscriber
from mailer.usecases.outages import find_trouble
from mailer.worker.engine import Engine
from tests.letters import start_letter
from tests.service import KILLED, Installation, at_work, fork_worker, install, wait_until
from tests.worker.ledger import (
    Copies,
    is_sent,
    let_waiting_end,
    read_account,
    read_deliveries,
)

READERS = 20

ALL_AT_ONCE = {"claim_size": 500, "poll_seconds": 0.05}
NOTHING_TRIED = {("queued", 0)}
"""What `read_fates` finds when nobody's attempt was spent."""

Install = Callable[..., Installation]


@contextmanager
def install_worker(
    folder: Path, url: str, smtp_port: int, **sections: Mapping[str, Any]
) -> Iterator[Installation]:
    """An installation that sends over one SMTP connection to a port of this machine, from the
    database at `url`. `sections` are laid over that."""
    usual: dict[str, dict[str, Any]] = {
        "database": {"url": url},
        "mail": {"from_address": "news@example.org"},
        "smtp": {"host": "127.0.0.1", "port": smtp_port, "security": "none", "connections": 1},
        "engine": {"claim_size": 7, "poll_seconds": 0.05},
    }
    given = {
        name: {**usual.get(name, {}), **sections.get(name, {})} for name in {*usual, *sections}
    }
    with install(folder, **given) as worker:
        yield worker


def add_readers(sessions: Sessions, number: int, now: datetime) -> None:
    """`number` confirmed readers of English, fast: reader0000@example.org and so on."""
    same = {
        "state": SubscriberState.CONFIRMED,
        "language": "en",
        "content_languages": ("en",),
        "topics": ("events",),
        "cadence": Cadence.WEEKLY,
        "created_at": now - timedelta(days=30),
        "confirmed_at": now - timedelta(days=30),
    }
    names = list_readers(number)
    with sessions() as session:
        session.execute(
            insert(Subscriber), [{**same, "address": name, "address_key": name} for name in names]
        )


def list_readers(number: int) -> list[str]:
    return [f"reader{i:04}@example.org" for i in range(number)]


def start_newsletter(worker: Installation, readers: int = READERS) -> int:
    """A letter under way to that many readers; its id."""
    now = clock.now()
    add_readers(worker.parts.sessions, readers, now)
    return start_letter(worker.parts.sessions, now)


def crash(worker: Installation, point: str) -> None:
    """Run a worker that dies there. The quarters of an hour before and after it are cut short."""
    process = fork_worker(worker, crash_at=point)

    def is_dead() -> bool:
        let_waiting_end(worker.parts.sessions)
        return not process.is_alive()

    try:
        wait_until(is_dead, worker.said)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == KILLED, worker.said()


def send_to_the_end(worker: Installation, newsletter_id: int, *, patience: float = 30) -> None:
    """Run a worker until nothing more happens by itself; the wait for lost answers is cut short."""
    sessions, jobs = worker.parts.sessions, worker.parts.build_jobs()

    def is_done() -> bool:
        jobs.sort_out_mail()
        let_waiting_end(sessions)
        return is_sent(sessions, newsletter_id)

    with at_work(worker):
        wait_until(is_done, worker.said, patience=patience)


def expect_whole(worker: Installation, newsletter_id: int, copies: Copies) -> None:
    """Nobody lost, nobody thrice, one Message-ID each, and the books agree."""
    account = read_account(worker.parts.sessions, newsletter_id)
    arrived = account.count(DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
    assert account.adds_up
    assert account.open == 0
    assert len(copies) == arrived
    assert max(len(ids) for ids in copies.values()) <= 2
    assert all(len(set(ids)) == 1 for ids in copies.values())


def read_fates(sessions: Sessions) -> set[tuple[str, int]]:
    """Each state that a mail is in, with its attempts."""
    return {(row.state.value, row.attempts) for row in read_deliveries(sessions)}


def read_trouble(sessions: Sessions) -> str:
    """What the desk says about the provider."""
    with sessions() as session:
        outage = find_trouble(session, clock.now())
        return outage.reason if outage else ""


class Watch:
    """A clock that tests set. It is a minute fast: what was queued just now is due."""

    def __init__(self) -> None:
        self.now = clock.now() + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, length: timedelta) -> None:
        self.now += length


@contextmanager
def hire(worker: Installation, watch: Watch) -> Iterator[Engine]:
    """An engine of this process, as the installation is configured, by the test's own clock."""
    parts = Parts(worker.parts.config, watch)
    engine = parts.build_engine()
    try:
        yield engine
    finally:
        engine.shut_down()
        parts.database.dispose()
