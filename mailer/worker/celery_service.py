"""The worker that sends nothing itself: the timetable and the dispatcher, as threads of a process.

Any number of them may run: ticks and tasks too many do no harm. The mail leaves through Celery's
workers (`mailer celery`).
"""

import threading

from apscheduler.schedulers.background import BackgroundScheduler

from mailer.worker.celery_dispatch import Dispatcher
from mailer.worker.service import STOP_SECONDS, Server
from mailer.worker.timetable import Timetable, start_timetable


class CeleryService:
    """Stands in for `Service` where `[engine] kind` is "celery". Built anew for every start."""

    def __init__(
        self, dispatcher: Dispatcher, timetable: Timetable, inbox: Server | None = None
    ) -> None:
        self._dispatcher, self._timetable, self._inbox = dispatcher, timetable, inbox
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._scheduler: BackgroundScheduler | None = None

    def start(self, *, sole_sender: bool) -> None:
        """Begin to tick and to dispatch. There are other senders, whatever the caller holds."""
        assert not sole_sender
        if self._inbox:
            self._inbox.start()
        self._timetable.sort_out_mail()
        self._thread = threading.Thread(
            target=self._dispatcher.run, args=(self._stop,), name="dispatcher", daemon=True
        )
        self._thread.start()
        # The sign of life is one of those who send.
        self._scheduler = start_timetable(self._timetable, self._dispatcher.hears_workers)

    def is_alive(self) -> bool:
        """Whether the dispatcher still runs; it ends only when told to or by a bug."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Stop asking. What is in the queues is still sent."""
        self._stop.set()
        self._timetable.stopping.set()
        if self._scheduler:
            self._scheduler.shutdown(wait=True)
        if self._thread:
            self._thread.join(STOP_SECONDS)
        if self._inbox:
            self._inbox.stop()
