"""Workers with a newsletter to send. How fast they were, the ledger tells: it knows when each mail
was accepted."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from benchmarks.audience import add_newsletter, add_readers
from benchmarks.letters import BASE_URL
from benchmarks.machine import scratch
from benchmarks.rounds import Watch, Work
from benchmarks.scale import Stand
from mailer import clock
from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.message.values import Rendered
from mailer.storage import migrate
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.usecases import sending
from tests.service import Installation, install, run_mailer

CONNECTIONS = 16
PATIENCE_SECONDS = 900.0
_LOOK_SECONDS = 0.25
_WHO = "bench@example.org"
_NEVER = 1_000_000

Sections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Mailing:
    """A service with one newsletter, whose audience is written down; paused until `go_on`."""

    installation: Installation
    newsletter_id: int
    audience: int

    def go_on(self) -> datetime:
        """Begin, or take up again; the moment at which that was."""
        parts, now = self.installation.parts, clock.now()
        with parts.sessions() as session:
            newsletter = get_newsletter(session, self.newsletter_id)
            sending.resume(session, newsletter, _WHO, now)
        return now

    def pause(self) -> None:
        parts = self.installation.parts
        with parts.sessions() as session:
            newsletter = get_newsletter(session, self.newsletter_id)
            sending.pause(session, newsletter, _WHO, clock.now())

    def wait_until_sent(self) -> None:
        self._wait(lambda: self._find_state() is NewsletterState.SENT)

    def wait_until_passed(self, number: int) -> None:
        """Until about that many have been sent: they leave in the order of their numbers."""
        self._wait(lambda: self._has_left(number))

    def read_pace(self, since: datetime | None = None) -> tuple[int, float]:
        """How many mails were accepted since then, and the seconds from the first to the last;
        not counting the time before all workers were at work."""
        mine, moment = self._accepted(), Delivery.changed_at
        if since:
            mine = and_(mine, moment >= since)
        with self.installation.parts.reading() as session:
            arrivals = select(func.min(moment)).where(mine).group_by(Delivery.lease_owner)
            first = max(session.scalars(arrivals))
            counted = select(func.count(), func.max(moment)).where(mine, moment >= first)
            number, last = session.execute(counted).one()
        return number, (last - first).total_seconds()

    def check(self) -> None:
        """Nothing is measured unless everybody has been served."""
        with self.installation.parts.reading() as session:
            number = session.scalar(select(func.count()).where(self._accepted()))
        if number != self.audience:
            raise RuntimeError(f"{number} of {self.audience} mails. {self._say_log()}")

    def _accepted(self) -> ColumnElement[bool]:
        return and_(
            Delivery.newsletter_id == self.newsletter_id, Delivery.state == DeliveryState.ACCEPTED
        )

    def _find_state(self) -> NewsletterState:
        with self.installation.parts.reading() as session:
            return get_newsletter(session, self.newsletter_id).state

    def _has_left(self, number: int) -> bool:
        with self.installation.parts.reading() as session:
            state = session.scalar(select(Delivery.state).where(Delivery.id == number))
        return state is DeliveryState.ACCEPTED

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {PATIENCE_SECONDS} s. {self._say_log()}")
            time.sleep(_LOOK_SECONDS)

    def _say_log(self) -> str:
        return self.installation.said()[-3000:]


@contextmanager
def open_mailing(
    folder: Path,
    port: int,
    letter: Rendered,
    audience: int,
    *,
    url: str = "",
    connections: int = CONNECTIONS,
    **sections: Mapping[str, Any],
) -> Iterator[Mailing]:
    """A new database in `folder`, or the empty one at `url`, with readers and a newsletter."""
    given: Sections = {
        "site": {"base_url": BASE_URL},
        "mail": {"from_address": "news@example.org"},
        "database": {"url": url or f"sqlite:///{folder / 'mailer.db'}"},
        "smtp": configure_smtp(port, connections),
        **sections,
    }
    with install(folder, **given) as installation:
        now = clock.now()
        migrate.upgrade(installation.parts.database)
        with installation.parts.sessions() as session:
            add_readers(session, audience, now)
            newsletter_id = add_newsletter(session, letter, now)
        yield Mailing(installation, newsletter_id, audience)


def send(
    stand: Stand,
    letter: Rendered,
    audience: int,
    *,
    make_url: Callable[[], str] = str,
    processes: int = 1,
    connections: int = CONNECTIONS,
    **sections: Mapping[str, Any],
) -> Work:
    """A newsletter by that many worker processes, which share the connections, on a new database
    each time. `make_url` gives an empty one; else it is SQLite."""

    def work(watch: Watch) -> int:
        with (
            scratch() as folder,
            open_mailing(
                folder,
                stand.port,
                letter,
                audience,
                url=make_url(),
                connections=connections // processes,
                **sections,
            ) as mailing,
        ):
            run_through(stand, mailing, processes)
            number, seconds = mailing.read_pace()
        watch.note(seconds)
        return number

    return work


def run_through(stand: Stand, mailing: Mailing, processes: int = 1) -> None:
    """Send it all."""
    mailing.go_on()
    with ExitStack() as workers:
        for _ in range(processes):
            workers.enter_context(stand.run_worker(mailing.installation))
        mailing.wait_until_sent()
    mailing.check()


@contextmanager
def run_worker(installation: Installation) -> Iterator[int]:
    """`mailer worker`, as an operator starts it; its process id."""
    with run_mailer(installation, "worker") as worker:
        yield worker.pid


def configure_smtp(port: int, connections: int) -> Mapping[str, Any]:
    """The section for a sink on this machine. Connections are kept, as by everybody that we are
    compared with."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "connections": connections,
        "messages_per_connection": _NEVER,
    }
