"""The promise of docs/delivery.md across several processes: real brokers, real workers, killed,
cut off and told twice; then what arrived is counted."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import OPEN_STATES, DeliveryState
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.usecases import letters, newsletters
from mailer.usecases.setup import set_up
from mailer.worker.celery_app import DELIVER, make_app
from tests.brokers import BROKERS, Broker
from tests.fleet import (
    CONNECTIONS,
    WINDOW,
    install_fleet,
    kill_worker,
    list_children,
    run_celery,
    run_dispatcher,
    send_to_the_end,
    start_newsletter,
    stop_worker,
    wait_until_sent,
)
from tests.letters import WHO, add_letter
from tests.people import add_people, add_subscriber
from tests.service import Installation, run_mailer, wait_until
from tests.sinks import Sink, slow_smtp, smtp_sink
from tests.worker.ledger import Copies, count_repeats, read_account, read_copies

Install = Callable[..., Installation]


@pytest.fixture(params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Broker:
    broker: Broker = request.getfixturevalue(request.param)
    return broker


@pytest.fixture(params=["rabbitmq", "redis"])
def own_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """One that the test may stop."""
    with BROKERS[request.param]() as broker:
        yield broker


@pytest.fixture
def install_workers(tmp_path: Path, postgres_url: str) -> Iterator[Install]:
    """Makes an installation that sends by Celery through a broker to a port."""
    with ExitStack() as stack:
        yield lambda url, port, **sections: stack.enter_context(
            install_fleet(tmp_path, postgres_url, url, port, **sections)
        )


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink() as sink:
        yield sink


def expect_whole(installation: Installation, newsletter_id: int, copies: Copies) -> None:
    """Nobody lost, nobody thrice, one Message-ID each, and the books agree."""
    account = read_account(installation.parts.sessions, newsletter_id)
    assert account.adds_up
    assert account.open == 0
    arrived = account.count(DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
    assert len(copies) == account.audience == arrived
    assert max(len(ids) for ids in copies.values()) <= 2
    assert all(len(set(ids)) == 1 for ids in copies.values())


def read_sink(sink: Sink) -> Copies:
    return read_copies(mail.content for mail in sink.mails())


def test_workers_deliver_a_newsletter(install_workers: Install, broker: Broker, sink: Sink) -> None:
    workers = install_workers(broker.url, sink.port)
    newsletter_id = start_newsletter(workers, 100)

    with run_mailer(workers, "worker"), run_mailer(workers, "celery", "--concurrency", "2"):
        wait_until_sent(workers, newsletter_id)

    copies = read_sink(sink)
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) == 0


def test_worker_killed_in_mid_batch_loses_nobody(install_workers: Install, broker: Broker) -> None:
    with slow_smtp(0.05) as server:
        workers = install_workers(broker.url, server.port)
        newsletter_id = start_newsletter(workers, 80)
        with run_dispatcher(workers):
            with run_celery(workers) as worker:
                wait_until(lambda: len(server.bodies) > 10, workers.said)
                kill_worker(worker)
            reached = len(server.bodies)
            server.seconds = 0
            with run_celery(workers):
                wait_until_sent(workers, newsletter_id)

        copies = read_copies(server.bodies)
    assert reached < 80
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) <= WINDOW


def test_task_of_a_process_that_was_killed_goes_to_another(
    install_workers: Install, rabbitmq: Broker
) -> None:
    """The system runs out of memory, say. Nobody dispatches until the end, so it is one task."""
    with slow_smtp(0.05) as server:
        workers = install_workers(rabbitmq.url, server.port)
        newsletter_id = start_newsletter(workers, 80)
        ask_for_batches(workers, newsletter_id, 1)
        with run_celery(workers) as worker:
            wait_until(lambda: len(server.bodies) > 10, workers.said)
            for pid in list_children(worker):
                os.kill(pid, signal.SIGKILL)
            server.seconds, reached = 0, len(server.bodies)
            wait_until(lambda: len(server.bodies) > reached + 20, workers.said)
            with run_dispatcher(workers):
                wait_until_sent(workers, newsletter_id)

        copies = read_copies(server.bodies)
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) <= CONNECTIONS


def ask_for_batches(workers: Installation, newsletter_id: int, number: int) -> None:
    app = make_app(workers.parts.config.celery)
    for _ in range(number):
        app.send_task(DELIVER, [newsletter_id])
    app.close()


def test_tasks_that_come_too_often_send_nothing_twice(
    install_workers: Install, redis: Broker, sink: Sink
) -> None:
    workers = install_workers(redis.url, sink.port)
    newsletter_id = start_newsletter(workers, 60)
    ask_for_batches(workers, newsletter_id, 50)

    send_to_the_end(workers, newsletter_id)

    copies = read_sink(sink)
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) == 0


def test_broker_that_goes_away_and_comes_back_loses_nobody(
    install_workers: Install, own_broker: Broker
) -> None:
    with slow_smtp(0.05) as server:
        workers = install_workers(own_broker.url, server.port, celery={"batch_seconds": 1})
        newsletter_id = start_newsletter(workers, 150)
        with run_dispatcher(workers), run_celery(workers):
            wait_until(lambda: len(server.bodies) > 10, workers.said)
            own_broker.stop()
            wait_until(lambda: "broker out of reach" in workers.said(), workers.said)
            time.sleep(3)
            reached = len(server.bodies)
            own_broker.start()
            server.seconds = 0
            wait_until_sent(workers, newsletter_id)

        copies = read_copies(server.bodies)
    assert reached < 150
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) == 0
    said = workers.said()
    assert said.count("broker out of reach") == said.count("broker in reach again") == 1


def test_start_without_a_broker_says_so_and_waits(
    install_workers: Install, own_broker: Broker, sink: Sink
) -> None:
    own_broker.stop()
    workers = install_workers(own_broker.url, sink.port)
    letter_id = approve_letter(workers, 20)
    with run_mailer(workers, "worker"), run_mailer(workers, "celery", "--concurrency", "2"):
        wait_until(lambda: "Trying again in" in workers.said(), workers.said)
        wait_until(lambda: "broker out of reach" in workers.said(), workers.said)
        wait_until(lambda: read_letter(workers, letter_id).state == "sending", workers.said)
        said = workers.said()
        own_broker.start()
        wait_until_sent(workers, letter_id)

    assert f"Waits for batches at localhost:{own_broker.port}: celery -A mailer.celery" in said
    assert f"broker out of reach: mail waits broker=localhost:{own_broker.port}" in " ".join(
        said.split()
    )
    expect_whole(workers, letter_id, read_sink(sink))


def approve_letter(workers: Installation, readers: int) -> int:
    now = clock.now()
    with workers.parts.sessions() as session:
        add_people(session, readers, now)
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
        return letter.id


def read_letter(workers: Installation, letter_id: int) -> Newsletter:
    with workers.parts.sessions() as session:
        return get_newsletter(session, letter_id)


def test_confirmation_overtakes_a_long_newsletter(install_workers: Install, broker: Broker) -> None:
    with slow_smtp(0.25) as server:
        workers = install_workers(broker.url, server.port)
        start_newsletter(workers, 200)
        with run_dispatcher(workers), run_celery(workers):
            wait_until(lambda: len(server.bodies) > 4, workers.said)
            ask_to_confirm(workers, "jana@example.org")
            asked_at, before = time.monotonic(), len(server.bodies)

            wait_until(lambda: "jana@example.org" in read_copies(server.bodies), workers.said)
            waited, ahead = time.monotonic() - asked_at, len(server.bodies) - before

    assert waited < 5
    assert ahead < 40


def ask_to_confirm(workers: Installation, address: str) -> None:
    now = clock.now()
    with workers.parts.sessions() as session:
        set_up(session, None, now)
        visitor = add_subscriber(session, address, now, state=SubscriberState.PENDING)
        letters.queue(
            session,
            "confirm",
            subscriber=visitor,
            language="cs",
            context={"jti": "abc"},
            now=now,
            lives=timedelta(days=1),
        )


def test_worker_for_urgent_mail_leaves_newsletters_alone(
    install_workers: Install, redis: Broker, sink: Sink
) -> None:
    workers = install_workers(redis.url, sink.port)
    start_newsletter(workers, 20)
    queue = f"{workers.parts.config.celery.queue_prefix}.urgent"
    with run_dispatcher(workers), run_celery(workers, "--queues", queue):
        ask_to_confirm(workers, "jana@example.org")

        wait_until(sink.mails, workers.said)

    assert list(read_sink(sink)) == ["jana@example.org"]


@pytest.mark.parametrize("is_everybody_told", [False, True], ids=["main process", "all processes"])
def test_worker_told_to_stop_finishes_the_mails_in_hand(
    install_workers: Install, rabbitmq: Broker, is_everybody_told: bool
) -> None:
    """systemd tells all the processes of a service, a container's runtime the first one only."""
    with slow_smtp(0.5) as server:
        workers = install_workers(rabbitmq.url, server.port)
        newsletter_id = start_newsletter(workers, 60)
        with run_dispatcher(workers), run_celery(workers) as worker:
            wait_until(lambda: len(server.bodies) > 4, workers.said)
            for pid in list_children(worker) if is_everybody_told else ():
                os.kill(pid, signal.SIGTERM)
            exit_code = stop_worker(worker)
        arrived = len(server.bodies)
        before = read_account(workers.parts.sessions, newsletter_id).by_state
        server.seconds = 0

        send_to_the_end(workers, newsletter_id)

        copies = read_copies(server.bodies)
    assert exit_code == 0
    assert before == {DeliveryState.ACCEPTED: arrived, DeliveryState.QUEUED: 60 - arrived}
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) == 0


def test_database_that_drops_every_connection_loses_nobody(
    install_workers: Install, redis: Broker
) -> None:
    with slow_smtp(0.05) as server:
        workers = install_workers(redis.url, server.port)
        newsletter_id = start_newsletter(workers, 80)
        with run_dispatcher(workers), run_celery(workers):
            wait_until(lambda: len(server.bodies) > 10, workers.said)
            drop_connections(workers)
            server.seconds = 0
            # In its own time: who lost the lock that proves it alive may still get its answers.
            wait_until(lambda: is_settled(workers, newsletter_id), workers.said, patience=60)
            wait_until_sent(workers, newsletter_id)

        copies = read_copies(server.bodies)
    expect_whole(workers, newsletter_id, copies)
    assert count_repeats(copies) <= WINDOW


def is_settled(workers: Installation, newsletter_id: int) -> bool:
    """Nothing is left but answers that were lost."""
    account = read_account(workers.parts.sessions, newsletter_id)
    return account.count(*OPEN_STATES) == 0


def drop_connections(workers: Installation) -> None:
    url = workers.parts.config.database.url.replace("postgresql://", "postgresql+psycopg://")
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(others)
    engine.dispose()


def test_life_is_that_of_the_workers(install_workers: Install, redis: Broker, sink: Sink) -> None:
    workers = install_workers(redis.url, sink.port)
    parts = workers.parts
    with run_mailer(workers, "worker"):
        wait_until(lambda: "no Celery worker answers" in workers.said(), workers.said)
        alone = parts.list_problems()
        with run_celery(workers):
            wait_until(lambda: not parts.list_problems(), workers.said)

    assert alone == ["The worker has not been heard of for two minutes. Is it running?"]


def test_pool_of_threads_is_refused(install_workers: Install, redis: Broker, sink: Sink) -> None:
    workers = install_workers(redis.url, sink.port)

    with run_mailer(workers, "celery", "--pool", "threads") as worker:
        wait_until(lambda: worker.poll() is not None, workers.said)

    assert worker.returncode == 1
    assert "mailer sends from processes: leave out --pool, or set it to prefork." in workers.said()
