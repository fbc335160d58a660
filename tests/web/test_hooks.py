"""Where Brevo reports: who is believed, what is refused, and that nothing of it shows (A50)."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from mailer.boot import Parts
from mailer.boot_web import build_web_app, build_web_parts
from mailer.config import Config
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.log import set_up_log
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.feedback import KeptFeedback
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters
from mailer.usecases.addresses import make_address_key
from mailer.web.app import create_app
from mailer.web.hooks import LARGEST_BODY
from tests.people import add_subscriber
from tests.providers.events import SECRET, brevo_event
from tests.sinks import free_port

ANNA = "anna@example.org"
HOOK_SECRET = "s3cret-End_of-the-address-0123456789"
PATH = f"/hooks/brevo/{HOOK_SECRET}"


@contextmanager
def open_parts(url: str, now: datetime, secret: str = HOOK_SECRET) -> Iterator[Parts]:
    sections = {
        "site": {"secret_keys": [SECRET.decode(), "n" * 40]},
        "database": {"url": url},
        "brevo": {"webhook_secret": secret},
    }
    parts = Parts(Config.model_validate(sections), lambda: now)
    yield parts
    parts.database.dispose()


@pytest.fixture
def parts(sqlite_url: str, now: datetime) -> Iterator[Parts]:
    with open_parts(sqlite_url, now) as parts:
        yield parts


@pytest.fixture
def client(parts: Parts) -> FlaskClient:
    return open_client(parts)


def open_client(parts: Parts) -> FlaskClient:
    return build_web_app(parts).test_client()


def add_mail(sessions: Sessions, now: datetime) -> int:
    """A mail to Anna that Brevo took; its id."""
    with sessions() as session:
        reader = add_subscriber(session, ANNA, now)
        reader.address_key = make_address_key(SECRET)(ANNA)
        mail = letters.queue(
            session, "already", subscriber=reader, language="en", context={}, now=now,
            lives=timedelta(days=1),
        )  # fmt: skip
        mail.state = DeliveryState.ACCEPTED
        session.flush()
        return mail.id


def read_fates(sessions: Sessions) -> tuple[list[DeliveryState], list[SubscriberState], int]:
    """Of the mails, of the people, and how much came back."""
    with sessions() as session:
        mails = list(session.scalars(select(Delivery.state)))
        people = list(session.scalars(select(Subscriber.state)))
        return mails, people, len(session.scalars(select(KeptFeedback)).all())


UNTOUCHED = ([DeliveryState.ACCEPTED], [SubscriberState.CONFIRMED], 0)
BURIED = ([DeliveryState.BOUNCED], [SubscriberState.BOUNCED], 1)


def test_bounce_is_written_down_before_the_answer(
    parts: Parts, client: FlaskClient, now: datetime
) -> None:
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    answers = [client.post(PATH, json=event) for _ in range(2)]

    assert [(one.status_code, one.text) for one in answers] == [(200, "ok")] * 2
    assert read_fates(parts.sessions) == BURIED


def test_list_of_events_is_read(parts: Parts, client: FlaskClient, now: datetime) -> None:
    number = add_mail(parts.sessions, now)
    events = [brevo_event(name, number, ANNA, now) for name in ("opened", "delivered", "spam")]

    answer = client.post(PATH, json=events)

    assert answer.status_code == 200
    assert read_fates(parts.sessions) == (
        [DeliveryState.COMPLAINED], [SubscriberState.COMPLAINED], 2,
    )  # fmt: skip


def test_body_is_read_whatever_it_calls_itself(
    parts: Parts, client: FlaskClient, now: datetime
) -> None:
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    answer = client.post(
        PATH, data=json.dumps(event), content_type="application/x-www-form-urlencoded"
    )

    assert (answer.status_code, read_fates(parts.sessions)) == (200, BURIED)


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/brevo/",
        "/hooks/brevo/wrong",
        f"{PATH}x",
        PATH[:-1],
        f"{PATH}/",
        f"/hooks/sendgrid/{HOOK_SECRET}",
        "/hooks/brevo/%00",
        "/hooks/brevo/%ff%fe",
        "/hooks/brevo/%ed%a0%80",
    ],
)
def test_whoever_does_not_know_the_address_finds_nothing(
    parts: Parts, client: FlaskClient, now: datetime, path: str
) -> None:
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    answer = client.post(path, json=event)

    assert (answer.status_code, read_fates(parts.sessions)) == (404, UNTOUCHED)


@pytest.mark.parametrize("path", ["/hooks/brevo/", "/hooks/brevo", "/hooks/brevo/x", PATH])
def test_without_a_secret_nothing_is_accepted(sqlite_url: str, now: datetime, path: str) -> None:
    with open_parts(sqlite_url, now, secret="") as parts:
        event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

        answer = open_client(parts).post(path, json=event)

        assert (answer.status_code, read_fates(parts.sessions)) == (404, UNTOUCHED)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_counts(parts: Parts, client: FlaskClient, now: datetime, method: str) -> None:
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    answer = client.open(PATH, method=method, json=event)

    assert (answer.status_code, read_fates(parts.sessions)) == (405, UNTOUCHED)


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b'{"event": "spam"}'])
def test_garbage_is_refused_in_one_sentence(
    parts: Parts, client: FlaskClient, now: datetime, body: bytes
) -> None:
    add_mail(parts.sessions, now)

    answer = client.post(PATH, data=body)

    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert answer.text.endswith(".")
    assert read_fates(parts.sessions) == UNTOUCHED


def test_one_broken_event_spoils_the_whole_report(
    parts: Parts, client: FlaskClient, now: datetime
) -> None:
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    answer = client.post(PATH, json=[event, {"event": "spam"}])

    assert (answer.status_code, read_fates(parts.sessions)) == (400, UNTOUCHED)


@pytest.mark.parametrize(("extra", "code"), [(0, 200), (1, 413)])
def test_huge_body_is_refused(
    parts: Parts, client: FlaskClient, now: datetime, extra: int, code: int
) -> None:
    event = brevo_event("opened", add_mail(parts.sessions, now), ANNA, now)
    body = json.dumps(event).encode().ljust(LARGEST_BODY + extra)

    answer = client.post(PATH, data=body)

    assert answer.status_code == code


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": b"of somebody else, who has an account at Brevo, too"},
        {"custom": "<0000000000000001.00000000000000000000000000000000@example.org>"},
        {"email": "eva@example.org"},
    ],
)
def test_forged_bounce_changes_nobody(
    parts: Parts, client: FlaskClient, now: datetime, changes: dict[str, Any]
) -> None:
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now, **changes)

    answer = client.post(PATH, json=event)

    assert answer.status_code == 200
    assert read_fates(parts.sessions)[:2] == UNTOUCHED[:2]


@contextmanager
def no_database(_parts: Parts) -> Iterator[Session]:
    database = open_engine(f"postgresql://127.0.0.1:{free_port()}/x")
    with open_sessions(database)() as session:
        yield session


@contextmanager
def full_disk(parts: Parts) -> Iterator[Session]:
    with parts.sessions() as session:
        yield session
        if session.in_transaction():
            raise OperationalError("COMMIT", {}, Exception("disk I/O error"))


@contextmanager
def changed_meanwhile(parts: Parts) -> Iterator[Session]:
    with parts.sessions() as session:
        yield session
        if session.in_transaction():
            raise StaleDataError("the row is gone")


@pytest.mark.parametrize("open_session", [no_database, full_disk, changed_meanwhile])
def test_brevo_comes_again_when_the_database_is_away(
    parts: Parts, now: datetime, open_session: Callable[[Parts], AbstractContextManager[Session]]
) -> None:
    """Brevo gives a report up at any answer but 2xx and 429."""
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    app = create_app(replace(build_web_parts(parts), sessions=lambda: open_session(parts)))
    answer = app.test_client().post(PATH, json=event)
    untouched = read_fates(parts.sessions)
    again = open_client(parts).post(PATH, json=event)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "600")
    assert (untouched, again.status_code) == (UNTOUCHED, 200)
    assert read_fates(parts.sessions) == BURIED


def test_events_of_a_list_are_written_down_one_by_one(parts: Parts, now: datetime) -> None:
    """Two lists about the same people must not hold what the other waits for."""
    number = add_mail(parts.sessions, now)
    events = [brevo_event(name, number, ANNA, now) for name in ("delivered", "spam")]
    written: list[str] = []

    @contextmanager
    def open_session() -> Iterator[Session]:
        with parts.sessions() as session:
            yield session
            if session.in_transaction():
                if written:
                    raise OperationalError("COMMIT", {}, Exception("disk I/O error"))
                written.append("first")

    app = create_app(replace(build_web_parts(parts), sessions=open_session))
    answer = app.test_client().post(PATH, json=events)
    first = read_fates(parts.sessions)
    again = open_client(parts).post(PATH, json=events)

    assert (answer.status_code, again.status_code) == (429, 200)
    assert first == ([DeliveryState.DELIVERED], [SubscriberState.CONFIRMED], 1)
    assert read_fates(parts.sessions) == (
        [DeliveryState.COMPLAINED], [SubscriberState.COMPLAINED], 2,
    )  # fmt: skip


def test_burst_is_taken_without_a_cookie(parts: Parts, client: FlaskClient, now: datetime) -> None:
    number = add_mail(parts.sessions, now)

    answers = [
        client.post(PATH, json=brevo_event("deferred", number, ANNA, now + timedelta(seconds=n)))
        for n in range(150)
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert "Set-Cookie" not in answers[0].headers
    assert read_fates(parts.sessions)[2] == 150


def test_browser_of_another_site_is_no_harm(
    parts: Parts, client: FlaskClient, now: datetime
) -> None:
    """There is no session to abuse: only the address is the key, and it sets nothing."""
    event = brevo_event("hard_bounce", add_mail(parts.sessions, now), ANNA, now)

    answer = client.post(
        "/hooks/brevo/guess", json=event, headers={"Origin": "https://evil.example"}
    )

    assert (answer.status_code, read_fates(parts.sessions)) == (404, UNTOUCHED)


def test_secret_stays_out_of_the_log(
    parts: Parts, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log("debug", "text")
    app = build_web_app(parts)
    parts.database.dispose()
    app.view_functions["hooks.take"] = lambda **_: 1 / 0

    answer = app.test_client().post(PATH, json={})
    logging.getLogger("werkzeug").error("POST %s HTTP/1.1", PATH)

    said = capsys.readouterr().err
    assert answer.status_code == 500
    assert "ZeroDivisionError" in said
    assert said.count("/hooks/brevo/…") == 2
    assert HOOK_SECRET not in said
