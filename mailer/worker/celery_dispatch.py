"""Keeps as many tasks in the queues as there is due mail for, and no more.

Remembers nothing: what is due stands in the tables and what waits in the queues, so a lost queue
is filled again and several dispatchers do no harm. Sends no mail.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mailer.clock import Clock
from mailer.sections.service import Celery
from mailer.storage.backlog import Backlog, count_due
from mailer.storage.db import Sessions
from mailer.worker.celery_app import (
    DELIVER,
    DELIVER_URGENT,
    PATIENCE_SECONDS,
    name_broker,
    newsletter_queue,
    urgent_queue,
)

ASKS_EVERY, ANSWERS_WITHIN, LIVES_FOR = 10.0, 1.0, 35.0
"""Seconds between two questions to the workers whether they live, for the first of them to answer,
and for which an answer counts. While nobody answers they are asked three times as often."""

LONGEST_REST = 30.0

log = structlog.get_logger()


def count_missing(due: int, size: int, waiting: int, most: int) -> int:
    """How many batches of `size` to ask for when `due` mails are due and `waiting` batches are in
    the queue already, which holds `most`."""
    return max(0, min(-(-due // size), most) - waiting)


def share_out(due: Mapping[int | None, int], size: int, batches: int) -> list[int | None]:
    """Whose batches those are: the first newsletter's as long as its mails last, then the next."""
    named = [name for name, mails in due.items() for _ in range(-(-mails // size))]
    return named[:batches]


class Dispatcher:
    """Looks every `poll_seconds` what is due and what waits, and sends the tasks between."""

    def __init__(
        self,
        app: Any,
        settings: Celery,
        sessions: Sessions,
        clock: Clock,
        claim_size: int,
        poll_seconds: float,
    ) -> None:
        self._app, self._settings = app, settings
        self._sessions, self._clock = sessions, clock
        self._size, self._poll_seconds = claim_size, poll_seconds
        self._connection: Any = None
        self._rest_seconds = 0.0
        self._asks_at = 0.0
        self._heard_at: float | None = None
        self._was_heard: bool | None = None

    def run(self, stop: threading.Event) -> None:
        """Dispatch until told to stop. Neither a lost database nor a lost broker ends it."""
        while not stop.wait(self._rest_seconds or self._poll_seconds):
            try:
                self.tick()
            except Exception:
                log.exception("the dispatch broke off")
                self._rest_seconds = LONGEST_REST
        if self._connection:
            self._connection.release()

    def hears_workers(self) -> bool:
        """Whether a worker answered lately: a clock that ticks with nobody to send is no life."""
        return self._heard_at is not None and time.monotonic() - self._heard_at < LIVES_FOR

    def tick(self) -> None:
        """One look, and the tasks that are missing. A broker out of reach is told once, and tried
        again after 1, 2, 4 … 30 seconds."""
        try:
            backlog = self._look()
        except SQLAlchemyError as error:
            log.warning("database out of reach", error=str(error))
            return
        connection = self._connection = self._connection or self._make_connection()
        try:
            connection.connect()
            self._fill(backlog)
            self._ask_who_lives()
        except (*connection.connection_errors, *connection.channel_errors) as fault:
            self._note_outage(fault)
        else:
            self._note_success()

    def _look(self) -> Backlog:
        with self._sessions() as session:
            return count_due(session, self._clock(), self._settings.waiting_batches * self._size)

    def _make_connection(self) -> Any:
        is_redis = self._settings.broker_url.startswith("redis")
        names = ("socket_timeout",) if is_redis else ("read_timeout", "write_timeout")
        patience = dict.fromkeys(names, PATIENCE_SECONDS)
        return self._app.connection_for_write(transport_options=patience)

    def _fill(self, backlog: Backlog) -> None:
        with self._connection.channel() as channel:
            producer = self._app.amqp.Producer(channel, auto_declare=False)
            urgent = self._count_missing(channel, urgent_queue(self._settings), backlog.urgent)
            for _ in range(urgent):
                self._app.send_task(DELIVER_URGENT, producer=producer, retry=False)
            due, queue = backlog.others, newsletter_queue(self._settings)
            batches = self._count_missing(channel, queue, sum(due.values()))
            for newsletter_id in share_out(due, self._size, batches):
                self._app.send_task(DELIVER, [newsletter_id], producer=producer, retry=False)

    def _count_missing(self, channel: Any, queue: str, due: int) -> int:
        # Declared, not only looked at: an operator may have deleted it.
        waiting = self._app.amqp.queues[queue].bind(channel).queue_declare().message_count
        return count_missing(due, self._size, waiting, self._settings.waiting_batches)

    def _ask_who_lives(self) -> None:
        if time.monotonic() < self._asks_at:
            return
        ping = self._app.control.ping
        is_heard = bool(ping(timeout=ANSWERS_WITHIN, limit=1, connection=self._connection))
        now = time.monotonic()
        self._asks_at = now + (ASKS_EVERY if is_heard else ASKS_EVERY / 3)
        if is_heard:
            self._heard_at = now
        if is_heard != self._was_heard:
            self._was_heard = is_heard
            if is_heard:
                log.info("a Celery worker answers")
            else:
                log.warning("no Celery worker answers: start one")

    def _note_outage(self, fault: Exception) -> None:
        self._connection.collect()
        self._connection = None
        if not self._rest_seconds:
            where = name_broker(self._settings)
            why = str(fault) or type(fault).__name__
            log.warning("broker out of reach: mail waits", broker=where, error=why)
        self._rest_seconds = min(2 * self._rest_seconds or 1.0, LONGEST_REST)

    def _note_success(self) -> None:
        if self._rest_seconds:
            log.info("broker in reach again")
        self._rest_seconds = 0.0
