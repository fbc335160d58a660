"""The Celery app: which queues there are, what the tasks are called, how the broker is treated.

Knows neither ledger nor engine: `celery_hand` gives the tasks something to do, `celery_dispatch`
sends them.
"""

import ssl
from typing import Any
from urllib.parse import urlsplit

from mailer.domain.errors import Refused
from mailer.sections.service import Celery

try:
    import celery
except ModuleNotFoundError:  # it comes with an extra; `make_app` says so
    celery = None

DELIVER = "mailer.deliver"
"""Deliver a batch of a newsletter: the task that carries nearly everything."""

DELIVER_URGENT = "mailer.deliver_urgent"
"""Deliver what somebody sits and waits for. In a queue of its own, so it never stands behind
newsletters."""

PATIENCE_SECONDS = 10.0
"""How long the broker may keep us waiting before we take it for dead."""


def urgent_queue(settings: Celery) -> str:
    return f"{settings.queue_prefix}.urgent"


def newsletter_queue(settings: Celery) -> str:
    return f"{settings.queue_prefix}.newsletters"


def name_broker(settings: Celery) -> str:
    """Where the broker is, without the name and password that let us in."""
    return urlsplit(settings.broker_url).netloc.rpartition("@")[2]


def require_celery() -> None:
    """Raises Refused when it is not installed."""
    if celery is None:
        raise Refused(
            "Celery needs one more package: run `pip install '.[celery]'` in the folder of the "
            "source."
        )


def make_app(settings: Celery) -> Any:
    """A Celery app with our queues and without tasks. Connects to nothing yet.

    Raises Refused when Celery is not installed.
    """
    require_celery()
    app = celery.Celery("mailer", set_as_current=False)
    app.conf.update(
        _of_the_broker(settings)
        | _of_the_queues(settings)
        | _OF_THE_TASKS
        | _OF_THE_WORKERS
        # Else the workers of every other project on the same broker would hear and answer us.
        | {
            "control_exchange": f"{settings.queue_prefix}.control",
            "event_exchange": f"{settings.queue_prefix}.events",
            "event_queue_prefix": f"{settings.queue_prefix}.events",
        }
    )
    return app


_OF_THE_TASKS = {
    # A task is taken off the queue when it is done. The process that dies in the middle gives it
    # to another one; that finds the rows claimed or done, and does no harm.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    # What became of a mail stands in the ledger, and nowhere else.
    "task_ignore_result": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    # The queue may be lost with its broker: what is due stands in the tables and is asked again.
    "task_default_delivery_mode": "transient",
    "task_create_missing_queues": False,
}

_OF_THE_WORKERS = {
    # A process keeps its connections to the mail server, and a thread has no engine of its own.
    "worker_pool": "prefork",
    "worker_pool_start_method": "fork",
    # Nobody holds a batch that another one could begin.
    "worker_prefetch_multiplier": 1,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # The first fork of a busy machine may take longer than the default of 4 seconds.
    "worker_proc_alive_timeout": 30.0,
    "worker_redirect_stdouts": False,
    "worker_send_task_events": False,
}


def _of_the_broker(settings: Celery) -> dict[str, Any]:
    parts = urlsplit(settings.broker_url)
    encryption: dict[str, Any] = {
        "amqps": {"server_hostname": parts.hostname, "cert_reqs": ssl.CERT_REQUIRED},
        "rediss": {"ssl_cert_reqs": "required", "ssl_check_hostname": True},
    }
    return {
        "broker_url": settings.broker_url,
        "broker_use_ssl": encryption.get(parts.scheme, False),
        # For ever, at the start as well: what is due waits in the tables meanwhile.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": _REDIS if parts.scheme.startswith("redis") else {},
    }


_REDIS = {
    # Redis gives a task to somebody else when it is not done within this time. Ours take seconds,
    # or as long as a mail server keeps one answer back: 14 minutes at most.
    "visibility_timeout": 1800,
    # Urgent mail is looked for first.
    "queue_order_strategy": "priority",
    "socket_connect_timeout": PATIENCE_SECONDS,
    "socket_keepalive": True,
}


def _of_the_queues(settings: Celery) -> dict[str, Any]:
    # Through the exchange that every broker has: there is no binding that could be lost.
    names = (urgent_queue(settings), newsletter_queue(settings))
    return {
        "task_queues": {name: {"exchange": "", "routing_key": name} for name in names},
        "task_default_queue": newsletter_queue(settings),
        "task_default_exchange": "",
        "task_default_routing_key": newsletter_queue(settings),
        "task_routes": {
            DELIVER: {"queue": newsletter_queue(settings)},
            DELIVER_URGENT: {"queue": urgent_queue(settings)},
        },
    }
