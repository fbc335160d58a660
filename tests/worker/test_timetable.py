"""What the clock sets in motion: each job does what is due once, however often it runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from mailer import clock
from mailer.boot import Parts
from mailer.config import Config
from mailer.domain.association import Association
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import NotNow
from mailer.domain.feedback import PARKED, Feedback, FeedbackKind
from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import CALLED_SPAM, NOT_PREPARED, Refusals
from mailer.message.render import Renderer
from mailer.message.values import Frame, Rendered
from mailer.storage import refusals
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.feedback import KeptFeedback
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.plans import Plan, get_plan
from mailer.storage.presence import Presence
from mailer.storage.settings import find_setting
from mailer.storage.subscribers import Subscriber
from mailer.usecases import events, feedback, newsletters, sending
from mailer.usecases.outages import WORKER_TICK
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles
from mailer.worker.timetable import Jobs, start_timetable
from tests.letters import BASE_URL, GRACE, WHO, add_letter, start_letter
from tests.people import add_people, add_subscriber
from tests.usecases.edits import event_edit

WEEK = timedelta(days=7)
LEAD = timedelta(hours=17)


def build_jobs(sessions: Sessions, now: datetime) -> Jobs:
    return Jobs(sessions, Renderer(BASE_URL), lambda: now, GRACE)


def approve_letter(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
        return letter.id


def read_states(sessions: Sessions) -> dict[str, int]:
    """State of the deliveries → how many."""
    with sessions() as session:
        rows = session.execute(
            select(Delivery.state, func.count()).group_by(Delivery.state).order_by(Delivery.state)
        )
        return {state.value: number for state, number in rows}


def change_deliveries(sessions: Sessions, **values: object) -> None:
    with sessions() as session:
        session.execute(update(Delivery).values(**values))


def list_issues(sessions: Sessions) -> list[tuple[str, str | None]]:
    with sessions() as session:
        rows = session.execute(
            select(Plan.slug, Newsletter.period_key).join(Newsletter.plan).order_by(Newsletter.id)
        )
        return [(slug, period_key) for slug, period_key in rows]


def at_once(job: Callable[[], None], times: int = 2) -> list[Exception]:
    """Run the job in threads that begin together; what went wrong in them."""
    together, failures = threading.Barrier(times), list[Exception]()

    def run() -> None:
        together.wait(10)
        try:
            job()
        except Exception as error:  # noqa: BLE001  whatever it is, the test wants to see it
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return failures


def test_timetable_prepares_what_is_due(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = approve_letter(sessions, now)
    jobs = build_jobs(sessions, now)

    jobs.move_newsletters()

    assert read_states(sessions) == {"queued": 3}
    with sessions() as session:
        newsletter = session.get_one(Newsletter, newsletter_id)
        assert (newsletter.state, newsletter.audience_count) == (NewsletterState.SENDING, 3)


def test_timetable_leaves_what_is_not_due_alone(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    approve_letter(sessions, now + timedelta(seconds=1))

    build_jobs(sessions, now).move_newsletters()

    assert read_states(sessions) == {}


REFUSES_EVERY_LETTER = {
    "sqlite": (
        "CREATE TRIGGER no BEFORE INSERT ON cohort BEGIN SELECT RAISE(ABORT, 'too long'); END",
        "too long",
    ),
    "postgresql": (
        "ALTER TABLE cohort ALTER COLUMN key TYPE varchar(3)",
        "value too long for type character varying(3)",
    ),
}
"""What makes it do so, and its words: by an IntegrityError, and by a DataError, which only
PostgreSQL has for us."""


def test_timetable_pauses_what_the_database_refuses_to_write_down(
    database: Engine, sessions: Sessions, now: datetime
) -> None:
    """It is in reach and says no, and would say so every second: a person reads why."""
    statement, words = REFUSES_EVERY_LETTER[database.dialect.name]
    with sessions() as session:
        add_people(session, 3, now)
        session.execute(text(statement))
    newsletter_id = approve_letter(sessions, now)

    build_jobs(sessions, now).move_newsletters()

    with sessions() as session:
        newsletter = session.get_one(Newsletter, newsletter_id)
        assert (newsletter.state, newsletter.reason) == (NewsletterState.PAUSED, NOT_PREPARED)
        assert newsletter.reason_facts == {"said": words}


def test_timetable_tries_again_what_cannot_be_written_just_now(
    sessions: Sessions, now: datetime
) -> None:
    is_busy = [True]

    class BusyRenderer(Renderer):
        def letter(self, markdown: str, subject: str, preheader: str, frame: Frame) -> Rendered:
            if is_busy and is_busy.pop():
                raise NotNow("no more processes can be started")
            return super().letter(markdown, subject, preheader, frame)

    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = approve_letter(sessions, now)
    jobs = replace(build_jobs(sessions, now), renderer=BusyRenderer(BASE_URL))
    stood = []
    for _ in range(2):
        jobs.move_newsletters()
        with sessions() as session:
            stood.append(session.get_one(Newsletter, newsletter_id).state)

    assert stood == [NewsletterState.PREPARING, NewsletterState.SENDING]


def test_timetable_closes_what_is_done(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    newsletter_id = start_letter(sessions, now)
    change_deliveries(sessions, state=DeliveryState.ACCEPTED)

    build_jobs(sessions, now).move_newsletters()

    with sessions() as session:
        newsletter = session.get_one(Newsletter, newsletter_id)
        assert (newsletter.state, newsletter.finished_at) == (NewsletterState.SENT, now)


def test_timetable_of_two_processes_prepares_once(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 50, now)
    approve_letter(sessions, now)

    failures = at_once(build_jobs(sessions, now).move_newsletters)

    assert failures == []
    assert read_states(sessions) == {"queued": 50}


def test_timetable_of_two_processes_makes_one_issue(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        ensure_roles(session)
        add_user(session, NewUser("anna@example.org", "Anna", "sender"), None, WHO, now)

    failures = at_once(build_jobs(sessions, now + WEEK - LEAD).make_issues)

    assert failures == []
    assert list_issues(sessions) == [("weekly", "2026-12-03"), ("monthly", "2026-12-03")]
    assert read_states(sessions) == {"queued": 2}


def test_timetable_makes_an_issue_whose_moment_was_slept_through(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)

    for minutes in (40, 41):
        build_jobs(sessions, now + WEEK + timedelta(minutes=minutes)).make_issues()

    assert list_issues(sessions) == [("weekly", "2026-12-03"), ("monthly", "2026-12-03")]


def test_timetable_gives_an_issue_that_is_late_the_grace_of_the_configuration(
    sqlite_url: str, now: datetime
) -> None:
    late = now + WEEK + timedelta(minutes=40)
    sections = {
        "site": {"secret_keys": ["k" * 40]},
        "database": {"url": sqlite_url},
        "engine": {"grace_seconds": 1800},
    }
    parts = Parts(Config.model_validate(sections), clock.fixed(late))
    with parts.sessions() as session:
        set_up(session, Association("MigAct", address="Example Street 1, Praha"), now)
        events.create(session, event_edit(), who=WHO, now=now, publish=True)
        get_plan(session, "weekly").is_automatic = True
        add_people(session, 1, now)

    parts.build_jobs().make_issues()

    with parts.sessions() as session:
        weekly = session.scalars(select(Newsletter).join(Plan).where(Plan.slug == "weekly")).one()
        assert (weekly.state, weekly.send_at) == (
            NewsletterState.SCHEDULED,
            late + timedelta(minutes=30),
        )
    parts.database.dispose()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # the wait for a lost answer is over, or not
        ({"state": "unknown", "next_at": timedelta()}, "queued"),
        ({"state": "unknown", "next_at": timedelta(seconds=1)}, "unknown"),
        ({"state": "unknown", "next_at": None}, "unknown"),
        # nobody would want it any more
        ({"state": "deferred", "expires_at": timedelta()}, "expired"),
        ({"state": "deferred", "expires_at": timedelta(seconds=1)}, "deferred"),
    ],
)
def test_timetable_sorts_out_mail(
    sessions: Sessions, now: datetime, before: dict[str, object], after: str
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    moments = {
        key: now + value if isinstance(value, timedelta) else value for key, value in before.items()
    }
    change_deliveries(sessions, **{**moments, "state": DeliveryState(str(before["state"]))})

    build_jobs(sessions, now).sort_out_mail()

    assert read_states(sessions) == {after: 1}


@pytest.fixture
def neighbour(database: Engine) -> Iterator[str]:
    """Another sender that is alive, by its name in the ledger."""
    presence = Presence(database, "neighbour")
    presence.announce()
    yield "neighbour"
    presence.leave()


@pytest.mark.parametrize(
    ("state", "runs_for", "after"),
    [
        ("claimed", timedelta(), "queued"),
        ("claimed", timedelta(minutes=1), "claimed"),
        ("handing_off", timedelta(), "unknown"),
        ("handing_off", timedelta(minutes=1), "handing_off"),
    ],
)
def test_timetable_takes_mail_from_a_neighbour_whose_lease_is_over(
    database: Engine,
    sessions: Sessions,
    neighbour: str,
    now: datetime,
    state: str,
    runs_for: timedelta,
    after: str,
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    # Where there can be several senders, the database's clock counts for all of them.
    by_clock = now if database.dialect.name == "sqlite" else clock.now()
    lease = {"lease_owner": neighbour, "lease_until": by_clock + runs_for}
    change_deliveries(sessions, state=DeliveryState(state), **lease)

    build_jobs(sessions, now).sort_out_mail()

    assert read_states(sessions) == {after: 1}


def test_timetable_forgets_who_never_confirmed(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        for name, age in (("old", timedelta(days=8)), ("new", timedelta(days=6))):
            pending = add_subscriber(
                session, f"{name}@example.org", now, state=SubscriberState.PENDING
            )
            pending.created_at, pending.confirmed_at = now - age, None

    build_jobs(sessions, now).forget()

    with sessions() as session:
        assert session.scalars(select(Subscriber.address)).all() == ["new@example.org"]


def test_timetable_applies_what_came_back_too_early(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    change_deliveries(sessions, state=DeliveryState.HANDING_OFF)
    with sessions() as session:
        said = [Feedback("brevo", f"{n}", FeedbackKind.DELIVERED, now, n) for n in (1, 2, 3)]
        for one in said:
            feedback.take(session, one, now)
    jobs = build_jobs(sessions, now)

    jobs.apply_feedback()
    early = read_states(sessions)
    change_deliveries(sessions, state=DeliveryState.ACCEPTED)
    jobs.apply_feedback()

    assert (early, read_states(sessions)) == ({"handing_off": 2}, {"delivered": 2})


def test_timetable_goes_on_after_feedback_that_cannot_be_read_and_gives_it_up(
    sessions: Sessions, now: datetime
) -> None:
    """As a newer version may have left it."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    change_deliveries(sessions, state=DeliveryState.HANDING_OFF)
    with sessions() as session:
        said = [Feedback("brevo", f"{n}", FeedbackKind.DELIVERED, now, 1) for n in (1, 2)]
        for one in said:
            feedback.take(session, one, now)
        session.execute(text("UPDATE feedback SET kind = 'unheard of' WHERE id = 1"))
    change_deliveries(sessions, state=DeliveryState.ACCEPTED)
    waiting = []
    for later in (now, now + PARKED):
        build_jobs(sessions, later).apply_feedback()
        with sessions() as session:
            rows = select(KeptFeedback.id).where(KeptFeedback.applied_at.is_(None))
            waiting.append(session.scalars(rows).all())

    assert waiting == [[1], []]
    assert read_states(sessions) == {"delivered": 1}


def test_timetable_pauses_what_readers_call_spam_until_somebody_has_looked(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 12, now)
    newsletter_id = start_letter(sessions, now)
    change_deliveries(sessions, state=DeliveryState.ACCEPTED, next_at=None)
    jobs = build_jobs(sessions, now)
    stood = []
    for reported in ([1, 2], [2, 3], [4, 5], [6]):
        with sessions() as session:
            for number in reported:
                feedback.take(session, complain(number, now), now)
        jobs.heed_complaints()
        with sessions() as session:
            newsletter = get_newsletter(session, newsletter_id)
            stood.append((newsletter.state.value, newsletter.reason, newsletter.reason_facts))
            if newsletter.state == NewsletterState.PAUSED:
                sending.resume(session, newsletter, WHO, now + timedelta(seconds=1))

    goes_on = ("sending", "", None)
    spam = ("paused", CALLED_SPAM, {"number": 3, "all": 12})
    assert stood == [goes_on, spam, goes_on, goes_on]


def complain(delivery_id: int, now: datetime) -> Feedback:
    return Feedback("brevo", f"{delivery_id}", FeedbackKind.COMPLAINT, now, delivery_id)


def test_timetable_writes_nothing_while_nothing_came_back(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        said = [Feedback("brevo", "early", FeedbackKind.DELIVERED, now, 1)]
        for one in said:
            feedback.take(session, one, now)
    opened: list[str] = []

    def open_for_writing() -> AbstractContextManager[Session]:
        opened.append("write")
        return sessions()

    Jobs(open_for_writing, Renderer(BASE_URL), lambda: now, GRACE, None, sessions).apply_feedback()

    assert opened == []


def test_timetable_forgets_what_servers_said_a_year_ago(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        for number, days in enumerate((364, 366)):
            said = Feedback("brevo", f"{number}", FeedbackKind.BLOCKED, now, 1, text=f"{days}")
            feedback.take(session, said, now - timedelta(days=days))

    build_jobs(sessions, now).forget()

    with sessions() as session:
        assert session.scalars(select(KeptFeedback.text).order_by(KeptFeedback.id)).all() == [
            "364",
            "",
        ]


def test_timetable_forgets_what_was_counted_for_a_newsletter_that_is_over(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        sending.cancel(session, get_newsletter(session, newsletter_id), WHO, now)
    with sessions() as session:
        refusals.add(session, newsletter_id, Refusals(1, 0, 0))

    build_jobs(sessions, now).forget()

    with sessions() as session:
        assert refusals.add(session, newsletter_id, Refusals(1, 0, 0)) == Refusals(1, 0, 0)


@pytest.fixture
def schedulers() -> Iterator[list[BackgroundScheduler]]:
    started: list[BackgroundScheduler] = []
    yield started
    for scheduler in started:
        scheduler.shutdown(wait=True)


@pytest.mark.parametrize("alive", [True, False])
def test_timetable_gives_no_sign_of_life_beside_a_dead_engine(
    sessions: Sessions, now: datetime, schedulers: list[BackgroundScheduler], alive: bool
) -> None:
    schedulers.append(start_timetable(build_jobs(sessions, now), lambda: alive))

    with sessions() as session:
        assert find_setting(session, WORKER_TICK) == (now.isoformat() if alive else None)


def test_timetable_runs_a_late_job_once(
    sessions: Sessions, now: datetime, schedulers: list[BackgroundScheduler]
) -> None:
    jobs = build_jobs(sessions, now)
    schedulers.append(start_timetable(jobs, lambda: True))

    scheduled = schedulers[0].get_jobs()

    assert len(scheduled) == len(jobs.table()) + 1
    assert {(job.coalesce, job.max_instances, job.misfire_grace_time) for job in scheduled} == {
        (True, 1, None)
    }


def test_timetable_that_stops_leaves_an_audience_for_the_next_start(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 3, now)
        newsletters.approve(session, add_letter(session, now), None, WHO, now, grace=timedelta())
    jobs = build_jobs(sessions, now)
    jobs.stopping.set()

    jobs.move_newsletters()

    with sessions() as session:
        assert session.scalar(select(Newsletter.state)) == NewsletterState.PREPARING
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0
