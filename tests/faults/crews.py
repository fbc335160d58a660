"""Who sends a newsletter in a kill loop, and how they are killed: `mailer worker` processes, or
Celery's workers with several processes each."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from random import Random
from typing import Protocol

from sqlalchemy import false, func, or_, select

from mailer.domain.delivery import DeliveryState
from mailer.storage.deliveries import Delivery
from tests.fleet import (
    PROCESSES,
    WORKERS,
    is_alive,
    kill_worker,
    list_children,
    run_celery,
    run_dispatcher,
)
from tests.service import Installation, fork_worker, wait_until

WHOLE_WORKERS = 0.1
"""How many of the kills take a Celery worker with all its processes; it needs seconds to start."""


@dataclass(frozen=True)
class Cut:
    """What a `kill -9` cut off from its answer: `held` mails, of the `most` that the dead may have
    had in hand. The ledger was asked before anybody had sorted them out."""

    held: int
    most: int


class Crew(Protocol):
    def kill_one(self, chance: Random) -> Cut:
        """`kill -9` for one of them, and another in its place."""
        ...

    def kill_all(self) -> list[Cut]: ...


class Workers:
    """`number` processes of `mailer worker`, with that many connections each."""

    def __init__(self, installation: Installation, number: int, connections: int) -> None:
        self._installation, self._connections = installation, connections
        self._running = [fork_worker(installation) for _ in range(number)]

    def kill_one(self, chance: Random) -> Cut:
        cut = self._kill(self._running.pop(chance.randrange(len(self._running))))
        successor = fork_worker(self._installation)
        self._running.append(successor)
        # Where several are at work, most kills would hit one that has not begun.
        wait_until(lambda: _count_held(self._installation, successor.pid), self._installation.said)
        return cut

    def kill_all(self) -> list[Cut]:
        return [self._kill(process) for process in self._running]

    def _kill(self, process: BaseProcess) -> Cut:
        process.kill()
        process.join()
        return Cut(_count_held(self._installation, process.pid), self._connections)


class CeleryWorkers:
    """Two workers with two processes each, and that many connections for each of these. Mostly one
    process dies, which Celery replaces; now and then a worker with all of its own."""

    def __init__(
        self, installation: Installation, seats: list[ExitStack], connections: int
    ) -> None:
        self._installation, self._seats, self._connections = installation, seats, connections
        self._running = [seat.enter_context(run_celery(installation)) for seat in seats]

    def kill_one(self, chance: Random) -> Cut:
        turn = chance.randrange(len(self._seats))
        if chance.random() < WHOLE_WORKERS:
            return self._replace(turn)
        pid = chance.choice(self._wait_for_busy(turn))
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        return Cut(_count_held(self._installation, pid), self._connections)

    def kill_all(self) -> list[Cut]:
        return [self._kill(worker) for worker in self._running]

    def _wait_for_busy(self, turn: int) -> list[int]:
        """The processes of that worker that hand mail over. The successor of the last one takes
        its time, and its sibling may be between two tasks."""
        busy: list[int] = []

        def look() -> bool:
            processes = [pid for pid in list_children(self._running[turn]) if is_alive(pid)]
            busy[:] = [pid for pid in processes if _count_held(self._installation, pid)]
            return bool(busy)

        wait_until(look, self._installation.said)
        return busy

    def _replace(self, turn: int) -> Cut:
        cut = self._kill(self._running[turn])
        self._seats[turn].close()
        self._running[turn] = self._seats[turn].enter_context(run_celery(self._installation))
        return cut

    def _kill(self, worker: BaseProcess) -> Cut:
        processes = list_children(worker)
        kill_worker(worker)
        return Cut(_count_held(self._installation, *processes), PROCESSES * self._connections)


@contextmanager
def hire_celery(installation: Installation, connections: int) -> Iterator[CeleryWorkers]:
    """The workers, and the dispatcher that tells them what is due."""
    with ExitStack() as stack, run_dispatcher(installation):
        seats = [stack.enter_context(ExitStack()) for _ in range(WORKERS)]
        yield CeleryWorkers(installation, seats, connections)


def _count_held(installation: Installation, *pids: int | None) -> int:
    """How many mails these processes were handing over, as the ledger has it."""
    is_theirs = or_(false(), *(Delivery.lease_owner.contains(f":{pid}:") for pid in pids))
    query = select(func.count()).where(Delivery.state == DeliveryState.HANDING_OFF, is_theirs)
    with installation.parts.sessions() as session:
        return session.scalar(query) or 0
