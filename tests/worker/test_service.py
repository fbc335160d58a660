"""The worker as a whole: it takes over, stops in good order, and nothing small brings it down."""

import os
import signal
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.message.render import Renderer
from mailer.providers.base import Fate, Outcome, ProviderDown
from mailer.providers.memory import MemorySender
from mailer.storage import claiming, ledger
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.presence import Presence
from mailer.storage.settings import find_setting
from mailer.usecases import letters
from mailer.usecases.outages import PROVIDER_TROUBLE
from mailer.usecases.setup import set_up
from mailer.worker.engine import Engine
from mailer.worker.journal import Journal
from mailer.worker.service import Service
from mailer.worker.timetable import Jobs
from tests.letters import BASE_URL, GRACE, start_letter
from tests.people import add_people, add_subscriber
from tests.service import install, run_service, wait_until
from tests.sinks import free_port, slow_smtp
from tests.worker.engines import build_engine, run_round
from tests.worker.ledger import (
    count_repeats,
    is_sent,
    let_waiting_end,
    read_copies,
    read_deliveries,
)

NEIGHBOUR = "neighbour"


class Diary:
    """A mail server that only notes when it was started and stopped."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def start(self) -> None:
        self.noted.append("started")

    def stop(self) -> None:
        self.noted.append("stopped")


class BrokenEngine(Engine):
    """An engine whose thread is gone: it outlives every mistake, but not the end of its thread."""

    def run_once(self, batches: float = 1) -> int:
        raise SystemExit(batches)


def build_service(
    sessions: Sessions,
    now: datetime,
    folder: Path,
    sender: MemorySender,
    inbox: Diary | None = None,
    kind: type[Engine] = Engine,
    *,
    sole_sender: bool = True,
) -> Service:
    time = clock.fixed(now)

    def build(stop: threading.Event) -> Engine:
        engine = build_engine(sessions, sender, time, folder, stop=stop)
        engine.__class__ = kind
        return engine

    jobs = Jobs(sessions, Renderer(BASE_URL), time, GRACE)
    return Service(sessions, time, build, jobs, inbox, sole_sender=sole_sender)


def set_state(sessions: Sessions, address: str, state: DeliveryState) -> None:
    with sessions() as session:
        row = session.scalars(select(Delivery).where(Delivery.address == address)).one()
        row.state, row.lease_until = state, row.created_at + timedelta(minutes=15)
        row.lease_owner = NEIGHBOUR


def test_service_takes_over_from_a_dead_predecessor(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    set_state(sessions, "reader0000@example.org", DeliveryState.CLAIMED)
    set_state(sessions, "reader0001@example.org", DeliveryState.HANDING_OFF)
    sender = MemorySender()
    service = build_service(sessions, now, tmp_path, sender)

    service.start()
    wait_until(lambda: len(sender.accepted) == 2)
    service.stop()

    assert [row.state.value for row in read_deliveries(sessions)] == [
        "accepted",
        "unknown",
        "accepted",
    ]


def test_service_believes_its_predecessors_journal_before_it_recovers(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    """F25: the answer was known, and the process died before the database came back."""
    with sessions() as session:
        set_up(session, None, now)
        visitor = add_subscriber(session, "jana@example.org", now, state=SubscriberState.PENDING)
        wish = {"subscriber": visitor, "language": "cs", "context": {"jti": "abc"}}
        letters.queue(session, "confirm", **wish, now=now, lives=timedelta(days=1))
    with sessions() as session:
        (claim,) = claiming.claim_transactional(session, NEIGHBOUR, now, timedelta(minutes=15), 1)
        ledger.hand_off(session, [(claim.id, claim.generation)], now)
    predecessor = Journal(tmp_path, NEIGHBOUR)
    predecessor.keep([(claim, Outcome(claim.id, Fate.ACCEPTED, "dot", 250, "queued"))], "smtp")
    predecessor._stream.close()  # as the end of the process would
    sender = MemorySender()
    service = build_service(sessions, now, tmp_path, sender)

    service.start()
    service.stop()

    assert sender.accepted == []
    assert [row.state.value for row in read_deliveries(sessions)] == ["accepted"]


@pytest.mark.parametrize(
    ("lives", "states"),
    [
        (True, ["claimed", "handing_off", "accepted"]),
        (False, ["accepted", "unknown", "accepted"]),
    ],
)
def test_service_tells_living_neighbours_from_dead_ones_by_their_lock(
    postgres_url: str, now: datetime, tmp_path: Path, lives: bool, states: list[str]
) -> None:
    database = open_engine(postgres_url)
    sessions, neighbour = open_sessions(database), Presence(database, NEIGHBOUR)
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    set_state(sessions, "reader0000@example.org", DeliveryState.CLAIMED)
    set_state(sessions, "reader0001@example.org", DeliveryState.HANDING_OFF)
    sender = MemorySender()
    service = build_service(sessions, now, tmp_path, sender, sole_sender=False)
    if lives:
        neighbour.announce()

    service.start()
    wait_until(lambda: len(sender.accepted) == states.count("accepted"))
    service.stop()

    assert [row.state.value for row in read_deliveries(sessions)] == states
    neighbour.leave()
    database.dispose()


def test_service_leaves_what_may_be_a_living_neighbours_on_sqlite(
    sqlite_url: str, now: datetime, tmp_path: Path
) -> None:
    database = open_engine(sqlite_url)
    sessions = open_sessions(database)
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    set_state(sessions, "reader0000@example.org", DeliveryState.CLAIMED)
    sender = MemorySender()
    service = build_service(sessions, now, tmp_path, sender, sole_sender=False)

    service.start()
    wait_until(lambda: sender.accepted)
    service.stop()

    assert [row.state.value for row in read_deliveries(sessions)] == ["claimed", "accepted"]
    database.dispose()


def test_service_starts_and_stops_all_its_parts(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    inbox = Diary()
    service = build_service(sessions, now, tmp_path, MemorySender(), inbox)

    service.start()
    was_alive = service.is_alive()
    service.stop()

    assert (was_alive, service.is_alive()) == (True, False)
    assert inbox.noted == ["started", "stopped"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_service_does_not_look_alive_when_its_engine_died(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    service = build_service(sessions, now, tmp_path, MemorySender(), kind=BrokenEngine)
    service.start()
    wait_until(lambda: not service.is_alive())
    service.stop()

    assert not service.is_alive()


def test_trouble_is_noted_with_its_beginning(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    faults = [ProviderDown("connection refused", 111), ProviderDown("connection refused", 111)]
    sender = MemorySender({"reader0000@example.org": faults})

    for moment in (now, now + timedelta(minutes=1)):
        run_round(sessions, sender, moment)

    with sessions() as session:
        assert find_setting(session, PROVIDER_TROUBLE) == {
            "reason": "connection refused",
            "code": 111,
            "since": now.isoformat(),
        }


@pytest.mark.parametrize(("fate", "is_over"), [(Fate.ACCEPTED, True), (Fate.RETRY, False)])
def test_trouble_noted_by_a_predecessor_ends_when_mail_leaves(
    sessions: Sessions, now: datetime, fate: Fate, is_over: bool
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    sender = MemorySender({"reader0000@example.org": [ProviderDown("connection refused"), fate]})
    run_round(sessions, sender, now)

    run_round(sessions, sender, now + timedelta(minutes=1))

    with sessions() as session:
        assert (find_setting(session, PROVIDER_TROUBLE) is None) == is_over


def test_broken_template_of_an_operator_stops_nothing_else(sqlite_url: str, tmp_path: Path) -> None:
    now = clock.now()
    broken = tmp_path / "emails" / "confirm" / "body.html"
    broken.parent.mkdir(parents=True)
    broken.write_text("{{ nobody.knows.this }}", encoding="utf-8")
    sections = {
        "database": {"url": sqlite_url},
        "mail": {"provider": "memory"},
        "templates": {"overrides": str(tmp_path / "emails")},
    }
    with install(tmp_path, **sections) as service:
        sessions = service.parts.sessions
        with sessions() as session:
            add_people(session, 2, now)
        start_letter(sessions, now)
        with sessions() as session:
            visitor = add_subscriber(
                session, "jana@example.org", now, state=SubscriberState.PENDING
            )
            wish = {"subscriber": visitor, "language": "cs", "context": {"jti": "abc"}}
            letters.queue(session, "confirm", **wish, now=now, lives=timedelta(days=1))

        engine = service.parts.build_engine()
        engine.run_once()
        engine.shut_down()

        states = {row.address: row.state.value for row in read_deliveries(sessions)}
    assert states == {
        "reader0000@example.org": "accepted",
        "reader0001@example.org": "accepted",
        "jana@example.org": "rejected",
    }


def test_service_goes_on_when_its_inner_process_is_killed(sqlite_url: str, tmp_path: Path) -> None:
    now = clock.now()
    with slow_smtp(0.2) as server:
        sections = {
            "database": {"url": sqlite_url},
            "site": {"base_url": f"http://127.0.0.1:{(port := free_port())}"},
            "web": {"port": port},
            "smtp": {
                "host": "127.0.0.1",
                "port": server.port,
                "security": "none",
                "connections": 2,
            },
            "engine": {"poll_seconds": 0.05},
        }
        with install(tmp_path, **sections) as service:
            sessions = service.parts.sessions
            with sessions() as session:
                add_people(session, 12, now)
            with run_service(service) as process:
                newsletter_id = start_letter(sessions, now)
                wait_until(lambda: len(server.bodies) >= 3, service.said)

                os.kill(find_child(process.pid), signal.SIGKILL)

                wait_until(lambda: len(server.bodies) > 5, service.said)
                server.seconds = 0

                def is_done() -> bool:
                    let_waiting_end(sessions)
                    return is_sent(sessions, newsletter_id)

                wait_until(is_done, service.said)
        copies = read_copies(server.bodies)
    assert sorted(copies) == [f"reader{i:04}@example.org" for i in range(12)]
    assert count_repeats(copies) <= 2


def find_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])
