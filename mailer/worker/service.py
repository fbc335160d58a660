"""The worker as threads of a process: the engine, the timetable, and the demo's mail server.

`start` takes over from a predecessor; `stop` lets the mail in hand finish and gives back the rest.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler

from mailer.clock import Clock
from mailer.storage import recovery
from mailer.storage.db import Sessions
from mailer.worker.engine import Engine
from mailer.worker.timetable import Jobs, start_timetable

STOP_SECONDS = 30.0


class Server(Protocol):
    """Something that runs beside the engine: the demo's own mail server."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class BackgroundWork:
    """A thread that works until it is told to stop, and the timetable beside it. Built anew for
    every start."""

    def __init__(self, jobs: Jobs, inbox: Server | None) -> None:
        self._jobs, self._inbox = jobs, inbox
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._scheduler: BackgroundScheduler | None = None

    def is_alive(self) -> bool:
        """Whether the thread still runs; it ends only when told to or by a bug."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Finish what is in hand, give back the rest."""
        self._stop.set()
        self._jobs.stopping.set()
        if self._scheduler:
            self._scheduler.shutdown(wait=True)
        if self._thread:
            self._thread.join(STOP_SECONDS)
        if self._inbox:
            self._inbox.stop()

    def _begin(self, name: str, run: Callable[[], None], gives_sign: Callable[[], bool]) -> None:
        """Start the thread, then the ticking; the sign of life is given while `gives_sign`."""
        self._thread = threading.Thread(target=run, name=name, daemon=True)
        self._thread.start()
        self._scheduler = start_timetable(self._jobs, gives_sign)


class Service(BackgroundWork):
    """One worker: engine and timetable. `build_engine` is given what says when to stop.

    `sole_sender`: whoever starts it holds the lock that proves every predecessor dead.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        build_engine: Callable[[threading.Event], Engine],
        jobs: Jobs,
        inbox: Server | None = None,
        *,
        sole_sender: bool,
    ) -> None:
        super().__init__(jobs, inbox)
        self._sessions, self._clock, self._build_engine = sessions, clock, build_engine
        self._sole_sender = sole_sender

    def start(self) -> None:
        """Recover what a dead predecessor left, then begin to tick and to send."""
        if self._inbox:
            self._inbox.start()
        # Before anything leaves: this may be last night's backup.
        self._jobs.note_mark()
        engine = self._build_engine(self._stop)
        # What a predecessor knew counts more than what its death would let us conclude.
        engine.mend()
        with self._sessions() as session:
            wait = self._jobs.unknown_wait
            recovery.recover(session, self._clock(), wait, sole_sender=self._sole_sender)
        self._jobs.sort_out_mail()
        self._begin("engine", engine.run, self.is_alive)
