"""The Celery app by the configuration of this machine: `celery -A mailer worker`.

Wires only: the parts of each worker process are made in it, after the fork. Importing this needs
Celery and a configuration whose engine is Celery.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from mailer.boot import Parts
from mailer.config import Misconfigured, load
from mailer.log import set_up_log
from mailer.worker.celery_app import make_app
from mailer.worker.celery_hand import add_tasks
from mailer.worker.engine import Engine


def _make() -> Any:
    config = load()
    if config.engine.kind != "celery":
        raise Misconfigured(["engine.kind: expected “celery” for a Celery worker to have work"])
    app = make_app(config.celery)
    add_tasks(
        app,
        _prepare,
        batch_seconds=config.celery.batch_seconds,
        set_up_log=lambda: set_up_log(config.log.level, config.log.format),
    )
    return app


def _prepare(stop: threading.Event) -> Callable[[], Engine]:
    return partial(Parts(load()).build_engine, stop)


app = _make()
