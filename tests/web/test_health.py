"""What load balancers ask: does the process answer, and is it ready?"""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from mailer.boot import Parts
from mailer.config import Config
from mailer.log import set_up_log
from mailer.storage.db import Sessions
from mailer.storage.settings import save_setting
from mailer.usecases.outages import WORKER_TICK
from mailer.web.app import create_app
from tests.sinks import free_port


def open_client(url: str, now: datetime) -> FlaskClient:
    sections = {"site": {"secret_keys": ["k" * 40]}, "database": {"url": url}}
    parts = Parts(Config.model_validate(sections), lambda: now)
    return create_app(parts.web()).test_client()


def test_ready_while_the_worker_gives_signs_of_life(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        url = session.connection().engine.url.render_as_string(hide_password=False)
        save_setting(session, WORKER_TICK, now.isoformat(), now)

    answers = [
        open_client(url, moment).get("/readyz") for moment in (now, now + timedelta(minutes=3))
    ]

    assert [(answer.status_code, answer.get_json()) for answer in answers] == [
        (200, {"status": "ok", "problems": []}),
        (
            503,
            {
                "status": "not ready",
                "problems": ["The worker has not been heard of for two minutes. Is it running?"],
            },
        ),
    ]


def test_not_ready_while_the_database_is_down(now: datetime) -> None:
    client = open_client(f"postgresql://anna:hush@127.0.0.1:{free_port()}/x", now)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.get_json()["problems"]) == (
        503,
        ["The database cannot be reached. `mailer doctor` says why."],
    )
    assert client.get("/healthz").status_code == 200


def test_a_look_at_the_version_leaves_no_line(
    sqlite_url: str, now: datetime, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up_log("info", "text")
    client = open_client(sqlite_url, now)

    client.get("/readyz")

    assert capfd.readouterr().err == ""
