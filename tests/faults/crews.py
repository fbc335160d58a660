"""Who sends a newsletter in a kill loop, and how they are killed: `mailer worker` processes, or
Celery's workers with several processes each."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from random import Random
from typing import Protocol

from tests.fleet import (
    CONNECTIONS,
    WINDOW,
    WORKERS,
    kill_worker,
    list_children,
    run_celery,
    run_dispatcher,
)
from tests.service import Installation, fork_worker

WHOLE_WORKERS = 0.1
"""How many of the kills take a Celery worker with all its processes; it needs seconds to start."""


class Crew(Protocol):
    """Each answers how many mails it may have cut off from their answers."""

    def kill_one(self, chance: Random) -> int:
        """`kill -9` for one of them, and another in its place."""
        ...

    def kill_all(self) -> int: ...


class Workers:
    """`number` processes of `mailer worker`, with that many connections each."""

    def __init__(self, installation: Installation, number: int, connections: int) -> None:
        self._installation, self._connections = installation, connections
        self._running = [fork_worker(installation) for _ in range(number)]

    def kill_one(self, chance: Random) -> int:
        _kill(self._running.pop(chance.randrange(len(self._running))))
        self._running.append(fork_worker(self._installation))
        return self._connections

    def kill_all(self) -> int:
        for process in self._running:
            _kill(process)
        return self._connections * len(self._running)


class CeleryWorkers:
    """Two workers with two processes each. Mostly one process dies, which Celery replaces; now and
    then a worker with all of its own."""

    def __init__(self, installation: Installation, seats: list[ExitStack]) -> None:
        self._installation, self._seats = installation, seats
        self._running = [seat.enter_context(run_celery(installation)) for seat in seats]

    def kill_one(self, chance: Random) -> int:
        turn = chance.randrange(len(self._seats))
        if chance.random() < WHOLE_WORKERS:
            return self._replace(turn)
        processes = list_children(self._running[turn])
        if processes:
            os.kill(chance.choice(processes), signal.SIGKILL)
        return CONNECTIONS

    def kill_all(self) -> int:
        for worker in self._running:
            kill_worker(worker)
        return WINDOW * len(self._running)

    def _replace(self, turn: int) -> int:
        kill_worker(self._running[turn])
        self._seats[turn].close()
        self._running[turn] = self._seats[turn].enter_context(run_celery(self._installation))
        return WINDOW


@contextmanager
def hire_celery(installation: Installation) -> Iterator[CeleryWorkers]:
    """The workers, and the dispatcher that tells them what is due."""
    with ExitStack() as stack, run_dispatcher(installation):
        yield CeleryWorkers(
            installation, [stack.enter_context(ExitStack()) for _ in range(WORKERS)]
        )


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join()
