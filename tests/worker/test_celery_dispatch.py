"""How many tasks stand in the queues of real brokers when nobody takes them out."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
import structlog

from mailer import clock
from mailer.domain.delivery import Priority
from mailer.sections.service import Celery
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.worker import celery_dispatch
from mailer.worker.celery_app import make_app, newsletter_queue, urgent_queue
from mailer.worker.celery_dispatch import Dispatcher, count_missing, share_out
from tests.brokers import Broker
from tests.letters import start_letter
from tests.people import add_people

MOST = 5

Start = Callable[..., Dispatcher]


@pytest.fixture(params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Broker:
    broker: Broker = request.getfixturevalue(request.param)
    return broker


@pytest.fixture
def settings(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Celery:
    prefix = tmp_path_factory.mktemp("queue").name
    return Celery(broker_url=broker.url, queue_prefix=f"dispatch.{prefix}", waiting_batches=MOST)


@pytest.fixture
def sessions(sqlite_url: str) -> Iterator[Sessions]:
    """What is due is asked of both databases in tests/storage."""
    engine = open_engine(sqlite_url)
    yield open_sessions(engine)
    engine.dispose()


@pytest.fixture
def start(settings: Celery, sessions: Sessions, now: datetime) -> Iterator[Start]:
    """Makes a dispatcher of batches of ten."""
    with ExitStack() as stack:

        def make() -> Dispatcher:
            app = make_app(settings)
            dispatcher = Dispatcher(app, settings, sessions, clock.fixed(now), 10, 0.01)
            stack.callback(hang_up, dispatcher)
            return dispatcher

        yield make


def hang_up(dispatcher: Dispatcher) -> None:
    stop = threading.Event()
    stop.set()
    dispatcher.run(stop)


def look(settings: Celery, do: Callable[[Any], Any]) -> list[Any]:
    """What `do` says of the queue for urgent mail, and of the one for the rest."""
    app = make_app(settings)
    with app.connection_for_read() as connection:
        queues = (
            app.amqp.queues[urgent_queue(settings)],
            app.amqp.queues[newsletter_queue(settings)],
        )
        return [do(queue.bind(connection.default_channel)) for queue in queues]


def count_waiting(settings: Celery) -> list[int]:
    return look(settings, lambda queue: queue.queue_declare().message_count)


def read_tasks(settings: Celery) -> list[tuple[str, list[Any]]]:
    """Take them all out: their names and arguments, the urgent first."""

    def read(queue: Any) -> list[tuple[str, list[Any]]]:
        tasks = iter(lambda: queue.get(no_ack=True, accept=["json"]), None)
        return [(task.headers["task"], task.payload[0]) for task in tasks]

    urgent, others = look(settings, read)
    return [*urgent, *others]


def add_newsletter(sessions: Sessions, readers: int, now: datetime) -> int:
    with sessions() as session:
        add_people(session, readers, now)
    return start_letter(sessions, now)


@pytest.mark.parametrize(
    ("due", "waiting", "missing"),
    [
        (0, 0, 0),
        (1, 0, 1),
        (10, 0, 1),
        (11, 0, 2),
        (11, 1, 1),
        (11, 2, 0),
        (11, 9, 0),
        (1_000_000, 0, MOST),
        (1_000_000, MOST, 0),
    ],
)
def test_batches_are_asked_for_as_far_as_mail_is_due_and_room_is(
    due: int, waiting: int, missing: int
) -> None:
    assert count_missing(due, 10, waiting, MOST) == missing


def test_batches_are_the_oldest_newsletters_first() -> None:
    assert share_out({7: 25, 8: 3, None: 1}, 10, 9) == [7, 7, 7, 8, None]
    assert share_out({7: 25, 8: 3, None: 1}, 10, 2) == [7, 7]


def test_dispatcher_asks_for_what_is_due(
    settings: Celery, start: Start, sessions: Sessions, now: datetime
) -> None:
    newsletter_id = add_newsletter(sessions, 12, now)
    make_urgent(sessions, 2)

    start().tick()

    assert read_tasks(settings) == [
        ("mailer.deliver_urgent", []),
        ("mailer.deliver", [newsletter_id]),
    ]


def make_urgent(sessions: Sessions, number: int) -> None:
    """Some of the newsletter's mails become mails that somebody waits for."""
    with sessions() as session:
        for mail in session.query(Delivery).order_by(Delivery.id).limit(number):
            mail.newsletter_id, mail.priority = None, Priority.WAITED_FOR


def test_queue_stays_bounded_while_nobody_works(
    settings: Celery, start: Start, sessions: Sessions, now: datetime
) -> None:
    add_newsletter(sessions, 200, now)
    dispatcher = start()

    counts = [(dispatcher.tick(), count_waiting(settings))[1] for _ in range(4)]

    assert counts == [[0, MOST]] * 4


def test_several_dispatchers_do_not_add_up(
    settings: Celery, start: Start, sessions: Sessions, now: datetime
) -> None:
    add_newsletter(sessions, 200, now)

    for _ in range(4):
        start().tick()

    assert count_waiting(settings) == [0, MOST]


def test_dispatcher_fills_a_purged_queue_again(
    settings: Celery, start: Start, sessions: Sessions, now: datetime
) -> None:
    add_newsletter(sessions, 200, now)
    dispatcher = start()
    dispatcher.tick()
    read_tasks(settings)

    dispatcher.tick()

    assert count_waiting(settings) == [0, MOST]


def test_dispatcher_makes_a_deleted_queue_again(
    settings: Celery, start: Start, sessions: Sessions, now: datetime
) -> None:
    add_newsletter(sessions, 200, now)
    dispatcher = start()
    dispatcher.tick()
    look(settings, lambda queue: queue.delete())

    dispatcher.tick()

    assert count_waiting(settings) == [0, MOST]


def test_dispatcher_asks_for_nothing_when_nothing_is_due(settings: Celery, start: Start) -> None:
    start().tick()

    assert count_waiting(settings) == [0, 0]


def test_dispatcher_hears_no_workers_where_there_are_none(start: Start) -> None:
    dispatcher = start()

    dispatcher.tick()

    assert not dispatcher.hears_workers()


@pytest.fixture
def usual_log() -> Iterator[None]:
    """Every line, on standard output: whatever other tests have set."""
    config = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**config)


@pytest.mark.usefixtures("usual_log")
def test_dispatcher_does_not_wait_for_ever_for_a_silent_broker(
    settings: Celery,
    broker: Broker,
    start: Start,
    sessions: Sessions,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(celery_dispatch, "PATIENCE_SECONDS", 1.0)
    add_newsletter(sessions, 200, now)
    dispatcher = start()
    dispatcher.tick()
    assert broker.process

    os.kill(broker.process.pid, signal.SIGSTOP)
    dispatcher.tick()
    os.kill(broker.process.pid, signal.SIGCONT)
    read_tasks(settings)
    dispatcher.tick()

    assert count_waiting(settings) == [0, MOST]
    said = capsys.readouterr().out
    assert said.count("broker out of reach") == said.count("broker in reach again") == 1
