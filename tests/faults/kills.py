"""The kill loop: end the sending processes of a newsletter again and again by `kill -9`, let people
leave meanwhile, and hold what arrived against the promise of docs/delivery.md."""

import random
import threading
import time
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from pathlib import Path

from sqlalchemy import select

from mailer import clock
from mailer.domain.delivery import DeliveryState
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.subscribers import Subscriber
from mailer.usecases import subscriptions
from mailer.usecases.consents import Trace
from tests.faults.crews import Crew, Cut, Workers, hire_celery
from tests.faults.workers import (
    install_worker,
    list_readers,
    send_to_the_end,
    start_newsletter,
)
from tests.fleet import install_fleet, wait_until_sent
from tests.service import Installation, wait_until
from tests.sinks import SlowSmtp, slow_smtp
from tests.worker.ledger import (
    Copies,
    count_repeats,
    let_waiting_end,
    read_account,
    read_copies,
    read_deliveries,
)

LONGEST_SPAN = 0.2
"""Seconds that a worker is left alone after its first mail."""

Arrivals = list[tuple[datetime, bytes]]


@dataclass(frozen=True)
class Terms:
    """How often who is killed; `connections` are those of each process. `readers` must be more than
    are reached before the last kill: `dot_seconds` is how long the server thinks about each mail.
    With a `broker`, Celery's workers send, who bring their own number."""

    url: str
    kills: int
    connections: int
    readers: int
    workers: int = 1
    broker: str = ""
    dot_seconds: float = 0.05
    seed: int = 20261122


@dataclass(frozen=True)
class Leaver:
    """Somebody who left in mid-newsletter. `in_hand`: their mail had passed the point of no return
    when the withdrawal was committed."""

    address: str
    left_at: datetime
    in_hand: bool


@dataclass(frozen=True)
class Toll:
    """What a kill loop cost. `unknown` mails may or may not have arrived, `lost` ones did not and
    the ledger does not say so."""

    cuts: list[Cut]
    repeats: int
    unknown: int
    lost: frozenset[str]
    copies: Copies

    def __str__(self) -> str:
        return (
            f"{len(self.cuts)} kills, {self.repeats} repeats ({self.held} in hand, "
            f"{self.most} possible), {self.unknown} unknown, {len(self.lost)} lost"
        )

    @property
    def held(self) -> int:
        """How many answers were being waited for when somebody was killed, summed up."""
        return sum(cut.held for cut in self.cuts)

    @property
    def most(self) -> int:
        return sum(cut.most for cut in self.cuts)


class _Bodies(list[bytes]):
    """What arrived at a server, with the moment of each."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: Arrivals = []
        self._lock = threading.Lock()

    def append(self, body: bytes) -> None:
        with self._lock:
            self.arrivals.append((clock.now(), body))
            super().append(body)


class _Forgotten(list[bytes]):
    """Everything that was ever said would be too much to keep."""

    def append(self, _chunk: bytes) -> None:
        pass


def run_kill_loop(folder: Path, terms: Terms) -> Toll:
    """Send one newsletter under fire, and check everything that was promised about it."""
    with slow_smtp(terms.dot_seconds) as server, _install(folder, terms, server.port) as worker:
        bodies = server.bodies = _Bodies()
        server.chunks = _Forgotten()
        newsletter_id = start_newsletter(worker, terms.readers)
        with _hire(worker, terms) as crew:
            left, cuts = _fire(worker, server, crew, terms)
        reached = len(read_copies(bodies))
        server.seconds = 0
        _send_the_rest(worker, newsletter_id, terms)
        toll = _count(worker, bodies, {leaver.address for leaver in left}, cuts)
        _expect_books_closed(worker, newsletter_id)
    assert reached < terms.readers, "the last kills hit nobody who was sending"
    _expect_promise(toll)
    _expect_left_alone(left, bodies.arrivals)
    return toll


def _install(folder: Path, terms: Terms, port: int) -> AbstractContextManager[Installation]:
    engine = {"claim_size": 50, "poll_seconds": 0.05}
    smtp = {"connections": terms.connections}
    if terms.broker:
        return install_fleet(folder, terms.url, terms.broker, port, smtp=smtp, engine=engine)
    return install_worker(folder, terms.url, port, smtp=smtp, engine=engine)


def _hire(worker: Installation, terms: Terms) -> AbstractContextManager[Crew]:
    if terms.broker:
        return hire_celery(worker, terms.connections)
    return nullcontext(Workers(worker, terms.workers, terms.connections))


def _send_the_rest(worker: Installation, newsletter_id: int, terms: Terms) -> None:
    patience = 60 + terms.readers / 50
    if not terms.broker:
        send_to_the_end(worker, newsletter_id, patience=patience)
        return
    with hire_celery(worker, terms.connections):
        wait_until_sent(worker, newsletter_id, patience=patience)


def _fire(
    worker: Installation, server: SlowSmtp, crew: Crew, terms: Terms
) -> tuple[list[Leaver], list[Cut]]:
    """Who left meanwhile, and what each kill cut off."""
    chance = random.Random(terms.seed)
    stayers = list_readers(terms.readers)
    chance.shuffle(stayers)
    left: list[Leaver] = []
    cuts: list[Cut] = []
    for _ in range(terms.kills):
        _wait_for_mail(server)
        time.sleep(chance.uniform(0, LONGEST_SPAN) / 2)
        left.append(_leave(worker.parts.sessions, stayers.pop()))
        time.sleep(chance.uniform(0, LONGEST_SPAN) / 2)
        cuts.append(crew.kill_one(chance))
        let_waiting_end(worker.parts.sessions)
    return left, cuts + crew.kill_all()


def _wait_for_mail(server: SlowSmtp) -> None:
    before = len(server.bodies)
    wait_until(lambda: len(server.bodies) > before)


def _leave(sessions: Sessions, address: str) -> Leaver:
    with sessions() as session:
        # Held, so that what is read is still so at the commit.
        state = session.scalars(
            select(Delivery.state).where(Delivery.address == address).with_for_update()
        ).one()
        reader = session.scalars(select(Subscriber).where(Subscriber.address == address)).one()
        trace = Trace("one click", "en")
        subscriptions.unsubscribe(session, reader, trace=trace, now=clock.now())
    return Leaver(address, clock.now(), state == DeliveryState.HANDING_OFF)


def _count(worker: Installation, bodies: list[bytes], left: set[str], cuts: list[Cut]) -> Toll:
    copies = read_copies(bodies)
    rows = read_deliveries(worker.parts.sessions)
    unknown = {row.address for row in rows if row.state == DeliveryState.UNKNOWN}
    audience = {row.address for row in rows}
    return Toll(
        cuts=cuts,
        repeats=count_repeats(copies),
        unknown=len(unknown),
        lost=frozenset(audience - copies.keys() - unknown - left),
        copies=copies,
    )


def _expect_books_closed(worker: Installation, newsletter_id: int) -> None:
    account = read_account(worker.parts.sessions, newsletter_id)
    final = (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN, DeliveryState.SUPPRESSED)
    assert account.adds_up
    assert account.count(*final) == account.audience
    assert account.open == 0


def _expect_promise(toll: Toll) -> None:
    assert toll.lost == frozenset()
    assert all(cut.held <= cut.most for cut in toll.cuts), toll.cuts
    assert 2 * sum(cut.held > 0 for cut in toll.cuts) > len(toll.cuts), "most were idle"
    assert toll.repeats <= toll.most
    assert max(len(ids) for ids in toll.copies.values()) <= 2
    assert all(len(set(ids)) == 1 for ids in toll.copies.values())


def _expect_left_alone(left: list[Leaver], arrivals: Arrivals) -> None:
    """What arrived after somebody had left is, at most, the one mail that was in hand."""
    arrived: defaultdict[str, list[datetime]] = defaultdict(list)
    for at, body in arrivals:
        arrived[BytesHeaderParser().parsebytes(body)["To"]].append(at)
    for leaver in left:
        late = [at for at in arrived[leaver.address] if at > leaver.left_at]
        assert len(late) <= leaver.in_hand, leaver
