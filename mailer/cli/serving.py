"""Runs the web application under gunicorn, with the worker inside or without it."""

import ctypes
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click
from gunicorn.app.base import BaseApplication
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from mailer.boot import Parts
from mailer.config import Misconfigured
from mailer.domain.errors import Refused
from mailer.storage import migrate
from mailer.web.app import create_app
from mailer.worker.celery_app import name_broker, require_celery
from mailer.worker.celery_service import CeleryService
from mailer.worker.lock import hold_sender_lock
from mailer.worker.service import Service

LOOK_SECONDS = 2.0
"""How often a worker looks whether its engine runs and the tables are still those it knows."""

SWITCH_SECONDS = 0.001
"""How long the sending loop may keep the interpreter from a page that wants it: five times less
than usual, since a page asks many times."""

_M_ARENA_MAX = -8  # of glibc's malloc.h

WITHOUT = ("--without-gossip", "--without-mingle")
"""What Celery's workers would tell each other, and ours never ask."""


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn, told everything by us and nothing by its own files."""

    def __init__(self, options: dict[str, Any], load_app: Callable[[], Any]) -> None:
        self._options, self._load_app = options, load_app
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        return self._load_app()


def serve_web(parts: Parts, *, with_worker: bool) -> None:
    """Serve until told to stop. With the worker inside, this process is a sender too and holds
    the lock; raises Refused when somebody else does, when the database is of another version, or
    when Celery is wanted and missing."""
    config = parts.config.web
    with suppress(OperationalError):  # out of reach: the pages say so until it is there
        migrate.check(parts.database)
    if with_worker and parts.config.engine.kind == "celery":
        require_celery()
    parts.database.dispose()  # connections do not survive a fork
    options: dict[str, Any] = {
        "bind": f"{config.host}:{config.port}",
        # One process: limits and the worker live in it. Threads serve the pages.
        "workers": 1,
        "threads": config.threads,
        "worker_class": "gthread",
        "timeout": 120,
        "graceful_timeout": 30,
        "proc_name": "mailer",
        "loglevel": "warning",
        "control_socket_disable": True,
    }
    if not with_worker:
        _Server(options, lambda: create_app(parts.web())).run()
        return
    with hold_sender_lock(parts.database) as sole_sender:
        options |= _with_worker(parts, sole_sender=sole_sender)
        _Server(options, lambda: create_app(parts.web())).run()


def _keep_to_one_worker(_server: Any) -> None:
    """gunicorn would start a second worker beside the first for these: two senders."""
    for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def _with_worker(parts: Parts, *, sole_sender: bool) -> dict[str, Any]:
    # Started in the forked process, never before: threads and connections do not survive a fork.
    services: list[Service | CeleryService] = []

    def start(_worker: Any) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        service = parts.build_service()
        service.start(sole_sender=sole_sender)
        services.append(service)

    def stop(_server: Any, _worker: Any) -> None:
        for service in services:
            service.stop()

    return {"post_worker_init": start, "worker_exit": stop, "when_ready": _keep_to_one_worker}


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
        service = parts.build_service()
        service.start(sole_sender=sole_sender)
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
