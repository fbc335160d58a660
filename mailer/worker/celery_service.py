"""The worker that sends nothing itself: the timetable and the dispatcher, as threads of a process.

Any number of them may run: ticks and tasks too many do no harm. The mail leaves through Celery's
workers (`mailer celery`).
"""

from mailer.worker.celery_dispatch import Dispatcher
from mailer.worker.service import BackgroundWork, Server
from mailer.worker.timetable import Timetable


class CeleryService(BackgroundWork):
    """Stands in for `Service` where `[engine] kind` is "celery". What is in the queues when it
    stops is still sent."""

    def __init__(
        self, dispatcher: Dispatcher, timetable: Timetable, inbox: Server | None = None
    ) -> None:
        super().__init__(timetable, inbox)
        self._dispatcher = dispatcher

    def start(self, *, sole_sender: bool) -> None:
        """Begin to tick and to dispatch. There are other senders, whatever the caller holds."""
        assert not sole_sender
        if self._inbox:
            self._inbox.start()
        # Before anything leaves: this may be last night's backup.
        self._timetable.note_mark()
        self._timetable.sort_out_mail()
        # The sign of life is one of those who send.
        self._begin("dispatcher", self._dispatcher.run, self._dispatcher.hears_workers)
