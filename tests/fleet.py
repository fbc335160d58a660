"""Several senders at work on one newsletter, as on several machines: `mailer worker` that asks,
`mailer celery` that send, and what a test does to them."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from celery.bin.celery import celery

from mailer import clock
from mailer.boot import Parts
from mailer.cli.workers import WITHOUT, run_worker
from mailer.config import load
from mailer.log import set_up_log
from tests.letters import start_letter
from tests.people import add_people
from tests.service import STOPS_WITHIN, Installation, install, wait_until
from tests.worker.ledger import is_sent, let_waiting_end

WORKERS, PROCESSES, CONNECTIONS = 2, 2, 2
"""Workers under fire, processes of each, and connections of each of these to the mail server."""

WINDOW = PROCESSES * CONNECTIONS
"""How many mails the end of a worker can repeat."""

STARTS_WITHIN = 60.0
"""A worker, on a machine that has other things to do."""

Process = BaseProcess


@contextmanager
def install_fleet(
    folder: Path,
    database_url: str,
    broker_url: str,
    smtp_port: int,
    **sections: Mapping[str, Any],
) -> Iterator[Installation]:
    """An installation that sends by Celery. Every test has queues of its own in the broker."""
    given: dict[str, dict[str, Any]] = {
        "database": {"url": database_url},
        "mail": {"from_address": "news@example.org"},
        "smtp": {
            "host": "127.0.0.1",
            "port": smtp_port,
            "security": "none",
            "connections": CONNECTIONS,
        },
        "engine": {"kind": "celery", "claim_size": 7, "poll_seconds": 0.1},
        "celery": {"broker_url": broker_url, "queue_prefix": folder.name.replace("_", "-").lower()},
    }
    for name, values in sections.items():
        given[name] = {**given.get(name, {}), **values}
    with install(folder, **given) as installation:
        yield installation


_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(
    [
        "mailer.cli.workers",
        "mailer.worker.celery_hand",
        "celery.apps.worker",
        "celery.bin.celery",
        "celery.concurrency.prefork",
        "celery.worker.consumer",
        "kombu.transport.pyamqp",
        "kombu.transport.redis",
    ]
)


@contextmanager
def run_dispatcher(installation: Installation) -> Iterator[Process]:
    """`mailer worker`, without the seconds that Python takes to read it in."""
    with _fork(installation, _dispatch) as process:
        yield process


@contextmanager
def run_celery(installation: Installation, *arguments: str) -> Iterator[Process]:
    """What `mailer celery` becomes, ready for work."""
    before = installation.said().count(" ready.")
    with _fork(installation, _send, *arguments) as worker:
        wait_until(
            lambda: not worker.is_alive() or installation.said().count(" ready.") > before,
            installation.said,
            patience=STARTS_WITHIN,
        )
        assert worker.is_alive(), installation.said()
        yield worker


@contextmanager
def _fork(
    installation: Installation, do: Callable[..., None], *arguments: str
) -> Iterator[Process]:
    process = _NURSERY.Process(target=do, args=(installation.config, *arguments))
    process.start()
    try:
        yield process
    finally:
        stop_worker(process)


def _dispatch(config: Path) -> None:
    _write_to_log(config)
    set_up_log("info", "text")
    run_worker(Parts(load(config)))


def _send(config: Path, *arguments: str) -> None:
    _write_to_log(config)
    os.environ["MAILER_CONFIG"] = str(config)
    options = ["--hostname", f"mailer{os.getpid()}@%h", "--concurrency", str(PROCESSES), *WITHOUT]
    celery(["-A", "mailer.celery", "worker", *options, *arguments], prog_name="celery")


def _write_to_log(config: Path) -> None:
    """Where `run_mailer` writes, too."""
    with (config.parent / "service.log").open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())


def stop_worker(process: Process) -> int | None:
    """End it as an operator would; its exit code."""
    process.terminate()
    process.join(STOPS_WITHIN)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError(f"The process did not end within {STOPS_WITHIN} s.")
    return process.exitcode


def list_children(process: Process) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def kill_worker(process: Process) -> None:
    """The machine of a worker dies: `kill -9` for its main process, which takes its children."""
    children = list_children(process)
    process.kill()
    process.join()
    wait_until(lambda: not any(is_alive(pid) for pid in children))


def start_newsletter(installation: Installation, readers: int) -> int:
    now = clock.now()
    with installation.parts.sessions() as session:
        add_people(session, readers, now)
    return start_letter(installation.parts.sessions, now)


def wait_until_sent(
    installation: Installation, newsletter_id: int, *, patience: float = 60.0
) -> None:
    """The ten seconds between two looks for dead processes, and the quarter of an hour for answers
    that were lost, are cut short."""
    sessions, jobs = installation.parts.sessions, installation.parts.build_jobs()

    def is_done() -> bool:
        jobs.sort_out_mail()
        let_waiting_end(sessions)
        return is_sent(sessions, newsletter_id)

    wait_until(is_done, installation.said, patience=patience)


def send_to_the_end(installation: Installation, newsletter_id: int) -> None:
    with run_dispatcher(installation), run_celery(installation):
        wait_until_sent(installation, newsletter_id)


def send_under_fire(workers: Installation, newsletter_id: int, seconds: float) -> int:
    """Celery workers send the newsletter to its end; in turns, one of them is killed after so
    many seconds and started again. Returns the number of kills.

    The quarter of an hour that is waited for a lost answer is cut short.
    """
    kills = 0
    with ExitStack() as stack, run_dispatcher(workers):
        seats = [stack.enter_context(ExitStack()) for _ in range(WORKERS)]
        running = [seat.enter_context(run_celery(workers)) for seat in seats]
        while not is_sent_within(workers, newsletter_id, seconds):
            turn = kills % WORKERS
            kill_worker(running[turn])
            kills += 1
            seats[turn].close()
            running[turn] = seats[turn].enter_context(run_celery(workers))
    return kills


def is_sent_within(workers: Installation, newsletter_id: int, seconds: float) -> bool:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        let_waiting_end(workers.parts.sessions)
        if is_sent(workers.parts.sessions, newsletter_id):
            return True
        time.sleep(0.2)
    return False
