"""Commands that send mail: the worker, and one of many under Celery. They load no page."""

import ctypes
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy.exc import SQLAlchemyError

from mailer.boot import Parts
from mailer.cli.common import get_parts
from mailer.config import Misconfigured
from mailer.domain.errors import Refused
from mailer.storage import migrate
from mailer.worker.celery_app import name_broker, require_celery
from mailer.worker.lock import hold_sender_lock

LOOK_SECONDS = 2.0
"""How often a worker looks whether its engine runs and the tables are still those it knows."""

_M_ARENA_MAX = -8  # of glibc's malloc.h

WITHOUT = ("--without-gossip", "--without-mingle")
"""What Celery's workers would tell each other, and ours never ask."""


@click.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Send mail only; run `mailer web` beside it. With Celery: ask its workers to send."""
    run_worker(get_parts(context))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def celery(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Send mail as one of many, for [engine] kind = "celery"; run `mailer worker` somewhere, too.

    This is Celery's own worker, and what follows goes to it: `mailer celery --concurrency 8`
    starts eight processes (without it: as many as there are cores), `--queues mailer.urgent` takes
    only what people wait for, `-- --help` lists the rest.
    """
    become_celery(get_parts(context), context.obj, arguments)


def run_worker(parts: Parts) -> None:
    """Send until told to stop (SIGTERM, SIGINT). Raises Refused when the engine ends before that,
    or when the database is or becomes one of another version: whoever watches over this process
    then starts it again."""
    _share_one_heap()
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with hold_sender_lock(parts.database) as sole_sender:
        migrate.check(parts.database)
        service = parts.build_service(sole_sender=sole_sender)
        service.start()
        mismatch = ""
        while service.is_alive() and not (mismatch or told.wait(LOOK_SECONDS)):
            mismatch = _look_at_tables(parts)
        service.stop()
    if mismatch:
        raise Refused(mismatch)
    if not told.is_set():
        raise Refused("The worker broke off by a mistake of ours; its log says where.")


def _share_one_heap() -> None:
    """glibc gives threads heaps of their own and takes little back: a tenth of a worker's memory,
    for threads that hardly ever work at once. Elsewhere nothing happens."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _look_at_tables(parts: Parts) -> str:
    """Why we cannot go on, once somebody has migrated the database under our feet: only where
    several may send, since on SQLite the sender's lock keeps them from it."""
    if parts.database.dialect.name == "sqlite":
        return ""
    try:
        return migrate.find_mismatch(parts.database)
    except SQLAlchemyError:  # out of reach: the engine waits for it
        return ""


def become_celery(parts: Parts, config: Path | None, arguments: Sequence[str]) -> NoReturn:
    """Turn this process into Celery's own worker, on the same configuration and with `arguments`
    of its own. Raises Refused or Misconfigured when that cannot work."""
    require_celery()
    if parts.config.engine.kind != "celery":
        raise Misconfigured(["engine.kind: expected “celery” for a Celery worker to have work"])
    migrate.check(parts.database)
    parts.database.dispose()
    # Several may run on one machine, and each needs a name of its own.
    named = ["--hostname", f"mailer{os.getpid()}@%h"]
    command = ["celery", "-A", "mailer.celery", "worker", *named, *WITHOUT, *arguments]
    click.echo(f"Waits for batches at {name_broker(parts.config.celery)}: {shlex.join(command)}")
    sys.stdout.flush()
    environment = os.environ | ({"MAILER_CONFIG": str(config.resolve())} if config else {})
    os.execve(sys.executable, [sys.executable, "-m", *command], environment)  # noqa: S606  no shell is wanted
