"""Commands that serve pages: gunicorn, with the worker inside or without it."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
from gunicorn.app.base import BaseApplication
from sqlalchemy.exc import OperationalError

from mailer.boot import Parts
from mailer.boot_web import build_web_app
from mailer.cli.common import get_parts
from mailer.cli.service import bring_up_to_date, print_code, set_up_database
from mailer.storage import migrate
from mailer.worker.celery_app import require_celery
from mailer.worker.celery_service import CeleryService
from mailer.worker.lock import hold_sender_lock
from mailer.worker.service import Service

SWITCH_SECONDS = 0.001
"""How long the sending loop may keep the interpreter from a page that wants it: five times less
than usual, since a page asks many times."""


@click.command()
@click.pass_context
def run(context: click.Context) -> None:
    """Serve pages and send mail, in one process. Sets up an empty database first."""
    parts = get_parts(context)
    bring_up_to_date(parts)
    print_code(parts, set_up_database(parts, renews_code=False))
    serve_web(parts, with_worker=True)


@click.command()
@click.pass_context
def web(context: click.Context) -> None:
    """Serve pages only; run `mailer worker` beside it, and `mailer init` before both."""
    serve_web(get_parts(context), with_worker=False)


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
        _Server(options, lambda: build_web_app(parts)).run()
        return
    with hold_sender_lock(parts.database) as sole_sender:
        options |= _with_worker(parts, sole_sender=sole_sender)
        _Server(options, lambda: build_web_app(parts)).run()


def _keep_to_one_worker(_server: Any) -> None:
    """gunicorn would start a second worker beside the first for these: two senders."""
    for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def _with_worker(parts: Parts, *, sole_sender: bool) -> dict[str, Any]:
    # Started in the forked process, never before: threads and connections do not survive a fork.
    services: list[Service | CeleryService] = []

    def start(_worker: Any) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        service = parts.build_service(sole_sender=sole_sender)
        service.start()
        services.append(service)

    def stop(_server: Any, _worker: Any) -> None:
        for service in services:
            service.stop()

    return {"post_worker_init": start, "worker_exit": stop, "when_ready": _keep_to_one_worker}
