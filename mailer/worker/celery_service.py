"""The worker that sends nothing itself: the timetable and the dispatcher, as threads of a process.

Any number of them may run: ticks and tasks too many do no harm. The mail leaves through Celery's
workers (`mailer celery`).
"""

from functools import partial

from mailer.worker.celery_dispatch import Dispatcher
from mailer.worker.service import BackgroundWork, Server
from mailer.worker.timetable import Jobs


class CeleryService(BackgroundWork):
    """Stands in for `Service` where `[engine] kind` is "celery". What is in the queues when it
    stops is still sent."""

    def __init__(self, dispatcher: Dispatcher, jobs: Jobs, inbox: Server | None = None) -> None:
        super().__init__(jobs, inbox)
        self._dispatcher = dispatcher

    def start(self) -> None:
        """Begin to tick and to dispatch."""
        if self._inbox:
            self._inbox.start()
        # Before anything leaves: this may be last night's backup.
        self._jobs.note_mark()
        self._jobs.sort_out_mail()
        # The sign of life is one of those who send.
        dispatch = partial(self._dispatcher.run, self._stop)
        self._begin("dispatcher", dispatch, self._dispatcher.hears_workers)
