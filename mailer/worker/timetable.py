"""What the clock asks for and how often: a table of (seconds, job), run by APScheduler.

APScheduler only ticks. What is due stands in the tables, so a missed tick loses nothing and two
ticks at once do nothing twice.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import InterfaceError, OperationalError

from mailer.clock import Clock
from mailer.domain.delivery import UNKNOWN_WAIT
from mailer.domain.errors import NotNow
from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import NOT_PREPARED, Reason
from mailer.message.render import Renderer
from mailer.storage import recovery, refusals
from mailer.storage.db import TURN_SECONDS, Sessions, find_cause
from mailer.storage.feedback import list_ripe
from mailer.storage.newsletters import list_newsletters
from mailer.storage.presence import list_dead
from mailer.storage.settings import save_setting
from mailer.usecases import (
    complaints,
    feedback,
    forecasts,
    import_drafts,
    plans,
    sending,
    subscriptions,
)
from mailer.usecases.outages import WORKER_TICK
from mailer.usecases.preparing import Preparation
from mailer.worker.bounces import BounceReader
from mailer.worker.crash import crash_point
from mailer.worker.watermark import Watermark

SIGN_OF_LIFE_EVERY = 10.0
FEEDBACK_AT_ONCE = 500
BOUNCES_EVERY = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs, each a method that opens its own transactions. `grace`: how long an issue that the
    clock approves waits at least, so that it can be stopped. `unknown_wait`: after how long a
    newsletter mail of a dead process is sent once more; None leaves it to a coordinator.
    `reading` opens transactions that hold nobody up, where the database knows such. `bounces`
    reads the mailbox to which they come back, where there is one. Once `stopping` is set, long jobs
    end after the step they are at. `watermark` is what this machine remembers of its databases."""

    sessions: Sessions
    renderer: Renderer
    clock: Clock
    grace: timedelta
    unknown_wait: timedelta | None = UNKNOWN_WAIT
    reading: Sessions | None = None
    bounces: BounceReader | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    watermark: Watermark | None = None

    def table(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """Seconds between runs, and what is run."""
        return (
            (1, self.move_newsletters),
            (15, self.make_issues),
            (10, self.sort_out_mail),
            (10, self.apply_feedback),
            (10, self.note_mark),
            (10, self.note_pace),
            (10, self.heed_complaints),
            (3600, self.forget),
            *(((BOUNCES_EVERY, self.read_bounces),) if self.bounces else ()),
        )

    def move_newsletters(self) -> None:
        """Start what is due, write down audiences, close what is done."""
        with self.sessions() as session:
            sending.start_due(session, self.clock())
            sending.finish_done(session, self.clock())
            preparing = [
                newsletter.id for newsletter in list_newsletters(session, NewsletterState.PREPARING)
            ]
        for newsletter_id in preparing:
            try:
                self._prepare(newsletter_id)
            except (OperationalError, InterfaceError):
                raise  # the database is out of reach: the next tick goes on where this one was
            except NotNow as fault:
                log.warning(
                    "newsletter cannot be prepared yet", newsletter=newsletter_id, error=str(fault)
                )
            except Exception as error:
                log.exception("newsletter cannot be prepared", newsletter=newsletter_id)
                cause = find_cause(error)
                said = str(cause).strip() or type(cause).__name__
                self._pause(newsletter_id, Reason(NOT_PREPARED, said=said))

    def _prepare(self, newsletter_id: int) -> None:
        preparation = Preparation(newsletter_id, self.renderer)
        more = True
        while more and not self.stopping.is_set():
            began_at = monotonic()
            with self.sessions() as session:
                more = preparation.step(session, self.clock())
                if not more:
                    crash_point("before_completion")
            crash_point("in_preparation")
            self.stopping.wait(preparation.adapt(monotonic() - began_at))

    def _pause(self, newsletter_id: int, reason: Reason) -> None:
        with self.sessions() as session:
            sending.pause_by_itself(
                session, newsletter_id, reason.sentence, self.clock(), reason.facts
            )

    def leave_sign_of_life(self) -> None:
        with self.sessions() as session:
            now = self.clock()
            save_setting(session, WORKER_TICK, now.isoformat(), now)

    def make_issues(self) -> None:
        with self.sessions() as session:
            now = self.clock()
            for newsletter in plans.make_due_issues(session, self.renderer, now, self.grace):
                log.info("digest drafted", newsletter=newsletter.id)

    def sort_out_mail(self) -> None:
        """Unknown fates whose wait is over, mail past its time, what dead processes held."""
        now = self.clock()
        with (self.reading or self.sessions)() as session:
            dead = list_dead(session, recovery.list_owners(session))
            if not dead and not recovery.has_left_over(session, now):
                return
        with self.sessions() as session:
            recovery.recover(session, now, self.unknown_wait, dead_owners=dead)
            recovery.requeue_unknown(session, now)
            recovery.cancel_left_over(session, now)
            recovery.expire(session, now)

    def apply_feedback(self) -> None:
        """What came back before its mail was written down: each in a transaction of its own, for
        it may have to wait for whoever holds that mail, or fail."""
        now = self.clock()
        with (self.reading or self.sessions)() as session:
            ripe = list_ripe(session, now, FEEDBACK_AT_ONCE)
        for feedback_id in ripe:
            if self.stopping.is_set():
                return
            try:
                with self.sessions() as session:
                    feedback.apply(session, feedback_id, now)
            except (OperationalError, InterfaceError):
                raise  # as above
            except Exception:
                log.exception("feedback cannot be applied", feedback=feedback_id)
                with self.sessions() as session:
                    feedback.give_up(session, feedback_id, now)

    def read_bounces(self) -> None:
        """What came back by mail since the last look into the box."""
        if self.bounces:
            self.bounces.look(self.stopping)

    def note_mark(self) -> None:
        """Notice a database that was put back to a backup while nobody lost a connection."""
        if self.watermark:
            self.watermark.follow(self.sessions, self.clock, self.reading)

    def note_pace(self) -> None:
        """How far each newsletter is, for the forecast on its progress page."""
        with self.sessions() as session:
            forecasts.note_pace(session, self.clock())

    def heed_complaints(self) -> None:
        """Pause what too many readers call spam."""
        with (self.reading or self.sessions)() as session:
            disliked = complaints.find_disliked(session)
        for newsletter_id, reason in disliked.items():
            log.warning("newsletter paused", newsletter=newsletter_id, reason=str(reason))
            self._pause(newsletter_id, reason)

    def forget(self) -> None:
        """Erase what nobody came back for: sign-ups without confirmation, lists half imported; and
        what was counted for newsletters that are over."""
        forgotten = 0
        while not self.stopping.is_set() and (number := self._forget_some()):
            forgotten += number
            self.stopping.wait(TURN_SECONDS)
        with self.sessions() as session:
            abandoned = import_drafts.forget_abandoned(session, self.clock())
            feedback.drop_old_words(session, self.clock())
            refusals.forget_ended(session)
        if forgotten or abandoned:
            log.info("forgotten", unconfirmed=forgotten, imports=abandoned)

    def _forget_some(self) -> int:
        with self.sessions() as session:
            return subscriptions.forget_unconfirmed(session, self.clock())


def start_timetable(jobs: Jobs, is_alive: Callable[[], bool]) -> BackgroundScheduler:
    """Begin to tick. A job that is late still runs, once (the default would drop it).

    The worker gives a sign of life as long as `is_alive()`: a clock that ticks beside a dead
    engine must not look like health.
    """
    scheduler = BackgroundScheduler(
        timezone="UTC",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )

    def live() -> None:
        if is_alive():
            jobs.leave_sign_of_life()

    live()
    for seconds, job in (*jobs.table(), (SIGN_OF_LIFE_EVERY, live)):
        scheduler.add_job(job, "interval", seconds=seconds)
    scheduler.start()
    return scheduler
