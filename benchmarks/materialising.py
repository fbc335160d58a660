"""Writing an audience into the ledger, as the clock does it: a plain letter to a million readers,
and a digest to readers each of whom has a quarter of a year of digests behind them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from benchmarks.audience import add_readers
from benchmarks.letters import BASE_URL
from benchmarks.machine import scratch
from benchmarks.rounds import Watch, rate
from benchmarks.rows import Row
from benchmarks.scale import Scale, Stand
from mailer import clock
from mailer.domain.content import Spoken
from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.message.render import Renderer
from mailer.storage import migrate
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.plans import get_plan
from mailer.usecases import events, newsletters
from mailer.usecases.editing import Wording, Wordings
from mailer.usecases.events import EventEdit, SessionEdit
from mailer.usecases.plans import make_next_issue
from mailer.usecases.setup import set_up
from mailer.worker.timetable import Jobs

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
A_WEEK = timedelta(days=7)
WEEKS, EVENTS_A_WEEK = 13, 4
GOAL = 150_000
_WHO = "bench@example.org"
_BODY = "Setkání pro nově příchozí: čaj, koláče a krátké rozhovory.\n\n" * 10

Begin = Callable[[Sessions, datetime], int]
"""Lets a newsletter begin at that moment; its id."""


def measure(stand: Stand) -> Iterator[Row]:
    scale = stand.scale
    for name, database in _list_databases(stand).items():
        with database() as url:
            yield Row(
                f"Readers of a letter written into the ledger, {scale.many:,} of them, {name}",
                _write_letters(url, scale),
                "/s",
                GOAL,
            )
        with database() as url:
            yield Row(
                f"Readers of a digest, {WEEKS} behind each of the {scale.some:,}, {name}",
                _write_digests(url, scale),
                "/s",
            )


def _list_databases(stand: Stand) -> Mapping[str, Callable[[], AbstractContextManager[str]]]:
    return {"SQLite": _sqlite, "PostgreSQL": lambda: _postgresql(stand)}


@contextmanager
def _sqlite() -> Iterator[str]:
    with scratch() as folder:
        yield f"sqlite:///{folder / 'mailer.db'}"


@contextmanager
def _postgresql(stand: Stand) -> Iterator[str]:
    yield stand.make_database()


def _write_letters(url: str, scale: Scale) -> list[float]:
    """One letter after the other: the ledger grows as it does in life."""
    with _open(url, scale.many) as sessions:
        return [_prepare(sessions, _begin_letter, NOW, scale.many) for _ in range(scale.rounds)]


def _write_digests(url: str, scale: Scale) -> list[float]:
    with _open(url, scale.some) as sessions:
        weeks = range(WEEKS + scale.rounds)
        rates = [
            _prepare(sessions, _begin_digest, NOW + week * A_WEEK, scale.some) for week in weeks
        ]
    return rates[WEEKS:]


@contextmanager
def _open(url: str, readers: int) -> Iterator[Sessions]:
    """A service that so many people read."""
    engine = open_engine(url)
    migrate.upgrade(engine)
    sessions = open_sessions(engine)
    with sessions() as session:
        set_up(session, None, NOW)
        add_readers(session, readers, NOW)
    yield sessions
    engine.dispose()


def _prepare(sessions: Sessions, begin: Begin, now: datetime, readers: int) -> float:
    """Readers per second of one newsletter; afterwards it has arrived with all of them."""
    jobs = Jobs(sessions, Renderer(BASE_URL), clock.fixed(now), timedelta())
    newsletter_id = begin(sessions, now)

    def work(watch: Watch) -> int:
        with watch.running():
            jobs.move_newsletters()
        return readers

    pace = rate(work)
    _let_arrive(sessions, newsletter_id, readers)
    return pace


def _begin_letter(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        letter = newsletters.new_letter(session, "Bench", (), _WHO, now)
        newsletters.edit(session, letter, "Bench", (), {"cs": ("Setkání", "", _BODY)}, _WHO, now)
        newsletters.approve(session, letter, None, _WHO, now, grace=timedelta())
        return letter.id


def _begin_digest(sessions: Sessions, now: datetime) -> int:
    """With events that nobody has heard of yet."""
    with sessions() as session:
        for number in range(EVENTS_A_WEEK):
            start = now.replace(tzinfo=None) + timedelta(days=10 + number)
            words = {"title": f"Setkání {number}", "summary": "Čaj, koláče a krátké rozhovory."}
            wordings = Wordings("cs", {"cs": Wording(words, TextState.REVIEWED)})
            sitting = SessionEdit(When.at(start), spoken=(Spoken("cs"),))
            edit = EventEdit(wordings, [sitting], topics=("events",))
            events.create(session, edit, who=_WHO, now=now, publish=True)
        issue = make_next_issue(session, get_plan(session, "weekly"), _WHO, now)
        newsletters.approve(session, issue, now, _WHO, now, grace=timedelta())
        return issue.id


def _let_arrive(sessions: Sessions, newsletter_id: int, readers: int) -> None:
    with sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
        if newsletter.audience_count != readers:
            raise RuntimeError(f"{newsletter.audience_count} readers instead of {readers}")
        newsletter.state = NewsletterState.SENT
        mine = Delivery.newsletter_id == newsletter_id
        arrived = update(Delivery).where(mine).values(state=DeliveryState.ACCEPTED, next_at=None)
        session.connection().execute(arrived)
