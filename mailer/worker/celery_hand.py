"""What a Celery task does: the hand that each worker process has, an engine that it keeps.

Decides neither what is due nor who gets it; the ledger's claims do.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import structlog
from celery import signals
from sqlalchemy.exc import SQLAlchemyError

from mailer.worker.celery_app import DELIVER, DELIVER_URGENT
from mailer.worker.engine import Engine

BREATH_SECONDS, REST_SECONDS = 0.2, 5.0

log = structlog.get_logger()


class Hand:
    """The engine of one process and the time it gives to one task."""

    def __init__(
        self, build_engine: Callable[[], Engine], batch_seconds: float, stop: threading.Event
    ) -> None:
        self._build_engine, self._batch_seconds, self._stop = build_engine, batch_seconds, stop
        self._engine: Engine | None = None

    def deliver(self) -> int:
        """Claim and send until nothing is due, the time for a batch is over, or the worker shall
        stop; what is claimed and not begun by then is given back. Returns how many mails were
        tried.

        A fault ends the task and not the process: what is due stays due and is asked for again.
        """
        tried, claims, ends_at = 0, 1, self._find_end()
        while not self._stop.is_set():
            sent = self._send(claims, ends_at)
            tried += sent
            if not sent or time.monotonic() >= ends_at:
                break
            # At the end of a round connections stand idle, so the next one is longer.
            claims *= 2
        return self._end(tried)

    def deliver_urgent(self) -> int:
        """Send what somebody sits and waits for, and nothing else: who serves only this queue
        stays free for it."""
        return self._end(self._send(0, self._find_end()))

    def let_go(self) -> None:
        """Give back claims and close connections; the next task begins with a new engine."""
        engine, self._engine = self._engine, None
        if engine:
            engine.shut_down()

    def _find_end(self) -> float:
        return time.monotonic() + self._batch_seconds

    def _send(self, claims: int, ends_at: float) -> int:
        self._engine = self._engine or self._build_engine()
        try:
            return self._engine.run_once(claims, ends_at)
        except SQLAlchemyError as error:
            log.warning("database out of reach", error=str(error))
        except Exception:
            log.exception("the round broke off")
        self.let_go()
        self._stop.wait(REST_SECONDS)
        return 0

    def _end(self, tried: int) -> int:
        if tried:
            log.info("batch sent", mails=tried)
        else:
            # Perhaps the provider or the database is down: do not rush through the queue.
            self._stop.wait(BREATH_SECONDS)
        return tried


class _Lifeline:
    """A pipe from the main process to those it forks: its end tells them to stop."""

    def __init__(self) -> None:
        self._heard: Connection
        self._held: Connection
        self._heard, self._held = Pipe(duplex=False)

    def cut(self) -> None:
        """In the main process. Does not block, so a signal handler may call it."""
        self._held.close()

    def hold(self) -> threading.Event:
        """In a forked process: an event that is set as soon as the main process lets go."""
        self._held.close()
        stop = threading.Event()

        def listen() -> None:
            self._heard.poll(None)
            stop.set()

        threading.Thread(target=listen, name="lifeline", daemon=True).start()
        return stop


def add_tasks(
    app: Any,
    prepare: Callable[[threading.Event], Callable[[], Engine]],
    batch_seconds: float,
    set_up_log: Callable[[], None],
) -> None:
    """Give the app its tasks and each of its worker processes a hand.

    `prepare` is called once in every worker process, after the fork, because connections do not
    survive one. It gets what says when to stop, and returns what makes an engine that heeds it.
    """
    lifeline = _Lifeline()
    hands: list[Hand] = []

    def begin(**_: Any) -> None:
        # systemd tells every process of a service to end, and only the main one may decide: these
        # finish the mails in hand first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop = lifeline.hold()
        hands.append(Hand(prepare(stop), batch_seconds, stop))

    def end(**_: Any) -> None:
        for hand in hands:
            hand.let_go()

    def cut(**_: Any) -> None:
        lifeline.cut()

    def log_our_way(**_: Any) -> None:
        set_up_log()
        # Two lines for every task, also for those that find nothing to do.
        for talkative in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(talkative).setLevel(logging.WARNING)

    for event, do in (
        (signals.setup_logging, log_our_way),
        (signals.worker_init, _insist_on_processes),
        (signals.worker_process_init, begin),
        (signals.worker_process_shutdown, end),
        (signals.worker_shutting_down, cut),
    ):
        event.connect(do, weak=False)

    @app.task(name=DELIVER)  # type: ignore[untyped-decorator]  # Celery ships no types
    def deliver(newsletter_id: int | None) -> int:  # noqa: ARG001  see below
        """Deliver a batch. The number is for people who watch the queue: whose mail was due when
        this was asked for. What is sent the claims decide, the most urgent first."""
        return hands[0].deliver()

    @app.task(name=DELIVER_URGENT)  # type: ignore[untyped-decorator]  # (the same)
    def deliver_urgent() -> int:
        """Deliver what people wait for."""
        return hands[0].deliver_urgent()


def _insist_on_processes(sender: Any, **_: Any) -> None:
    """An engine belongs to one thread, and a process is stopped without losing a mail."""
    pool = sender.pool_cls
    if "prefork" not in (pool if isinstance(pool, str) else pool.__module__):
        raise SystemExit("mailer sends from processes: leave out --pool, or set it to prefork.")
