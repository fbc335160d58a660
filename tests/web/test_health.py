"""What load balancers ask: does the process answer, and is it ready?"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from mailer.boot import Parts
from mailer.boot_web import build_web_app
from mailer.config import Config
from mailer.log import set_up_log
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.settings import save_setting
from mailer.usecases.outages import WORKER_TICK, note_box_trouble
from tests.sinks import free_port


@contextmanager
def open_client(url: str, now: datetime, imap_host: str = "") -> Iterator[FlaskClient]:
    sections = {
        "site": {"secret_keys": ["k" * 40]},
        "database": {"url": url},
        "bounces": {"imap_host": imap_host},
    }
    parts = Parts(Config.model_validate(sections), lambda: now)
    yield build_web_app(parts).test_client()
    parts.database.dispose()


def ask(url: str, now: datetime, imap_host: str = "") -> tuple[int, list[str]]:
    """Code and problems."""
    with open_client(url, now, imap_host) as client:
        answer = client.get("/readyz")
    return answer.status_code, answer.get_json()["problems"]


def test_ready_while_the_worker_gives_signs_of_life(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        url = session.connection().engine.url.render_as_string(hide_password=False)
        save_setting(session, WORKER_TICK, now.isoformat(), now)

    answers = [ask(url, now), ask(url, now + timedelta(minutes=3))]

    silent = "The worker has not been heard of for two minutes. Is it running?"
    assert answers == [(200, []), (503, [silent])]


def test_not_ready_when_bounces_cannot_be_read_for_long(sessions: Sessions, now: datetime) -> None:
    """Unless that box is not looked at any more. What its server said is nobody's business here."""
    with sessions() as session:
        url = session.connection().engine.url.render_as_string(hide_password=False)
        save_setting(session, WORKER_TICK, now.isoformat(), now)
        note_box_trouble(session, "Login failed for anna", now - timedelta(minutes=61))

    answers = [ask(url, at, host) for at, host in ((now, "imap.example.org"), (now, ""))]

    shut = "Bounces cannot be read since 2026-11-26 06:59 UTC. `mailer doctor` says why."
    assert answers == [(503, [shut]), (200, [])]


def test_ready_when_bounces_cannot_be_read_for_a_moment(sqlite_url: str, now: datetime) -> None:
    engine = open_engine(sqlite_url)
    with open_sessions(engine)() as session:
        save_setting(session, WORKER_TICK, now.isoformat(), now)
        note_box_trouble(session, "Connection refused", now - timedelta(minutes=59))
    engine.dispose()

    assert ask(sqlite_url, now, "imap.example.org") == (200, [])


def test_not_ready_while_the_database_is_down(now: datetime) -> None:
    url = f"postgresql://anna:hush@127.0.0.1:{free_port()}/x"

    answer = ask(url, now)

    assert answer == (503, ["The database cannot be reached. `mailer doctor` says why."])


def test_the_process_answers_while_the_database_is_down(now: datetime) -> None:
    with open_client(f"postgresql://127.0.0.1:{free_port()}/x", now) as client:
        answer = client.get("/healthz")

    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_a_look_at_the_version_leaves_no_line(
    sqlite_url: str, now: datetime, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up_log("info", "text")

    ask(sqlite_url, now)

    assert capfd.readouterr().err == ""
