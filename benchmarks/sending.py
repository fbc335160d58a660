"""The whole sending loop, ledger written on SQLite with `synchronous=FULL`, over one connection,
against the naive way (build and send each message with the standard library on one reused
connection) and against Postfix's own load generator. All into the same kind of smtp-sink."""

import os
import pwd
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.letters import BASE_URL, ENVELOPE, LINKS, SECRET, make_letter, make_person
from benchmarks.rounds import Watch, Work, compare
from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.message.build import build
from mailer.message.render import Renderer
from mailer.providers.smtp import SmtpSender
from mailer.sections import Smtp
from mailer.storage import migrate
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Cohort, Newsletter
from mailer.storage.subscribers import Subscriber
from mailer.usecases.writing import LetterWriter
from mailer.worker.builder import Builder, Sending
from mailer.worker.engine import Engine

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
MESSAGES = 3_000
SIZE = 8_000
PORT = 2599


def measure() -> Iterator[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="mailer-bench-"))
    try:
        with _run_sink():
            what = "send an 8 KB letter, ledger on SQLite, one connection"
            yield compare(what, _ours(folder), "building and sending each", _naive)
            yield compare(what, _ours(folder), "smtp-source -d", _smtp_source)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _run_sink() -> Iterator[None]:
    user = ["-u", pwd.getpwuid(os.geteuid()).pw_name] if os.geteuid() == 0 else []
    sink = _find("smtp-sink")
    process = subprocess.Popen([sink, *user, f"127.0.0.1:{PORT}", "64"], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield
    finally:
        process.terminate()
        process.wait(5)


def _ours(folder: Path) -> Work:
    """The worker's engine as it is, on a fresh database with the audience written down."""

    def work(watch: Watch) -> int:
        database = open_engine(f"sqlite:///{folder}/{time.monotonic_ns()}.db")
        migrate.upgrade(database)
        sessions = open_sessions(database)
        with sessions() as session:
            _fill(session)
        engine = _build_engine(sessions)
        with watch.running():
            while engine.run_once():
                pass
        engine.shut_down()
        database.dispose()
        return MESSAGES

    return work


def _build_engine(sessions: Sessions) -> Engine:
    smtp = Smtp(host="127.0.0.1", port=PORT, security="none", messages_per_connection=10_000)
    sending = Sending("news@example.org", "", "", BASE_URL, SECRET)
    builder = Builder(sending, LINKS, LetterWriter(Renderer(), LINKS, BASE_URL))
    return Engine(sessions, SmtpSender(smtp), builder, clock.fixed(NOW), "bench")


def _fill(session: Session) -> None:
    letter = make_letter(SIZE)
    newsletter = Newsletter(
        slug="bench",
        kind=NewsletterKind.LETTER,
        state=NewsletterState.SENDING,
        title="Bench",
        audience_count=MESSAGES,
        created_at=NOW,
        changed_at=NOW,
    )
    session.add(newsletter)
    session.flush()
    cohort = Cohort(
        newsletter_id=newsletter.id,
        key="all",
        language="cs",
        subject=letter.subject,
        preheader=letter.preheader,
        html=letter.html,
        text=letter.text,
        created_at=NOW,
    )
    session.add(cohort)
    session.flush()
    session.execute(insert(Subscriber), [_subscriber(number) for number in range(1, MESSAGES + 1)])
    session.execute(
        insert(Delivery),
        [_delivery(number, newsletter.id, cohort.id) for number in range(1, MESSAGES + 1)],
    )


def _subscriber(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "public_id": UUID(int=number),
        "address": f"reader{number}@example.org",
        "address_key": f"reader{number}",
        "state": SubscriberState.CONFIRMED,
        "language": "cs",
        "content_languages": ("cs",),
        "created_at": NOW,
    }


def _delivery(number: int, newsletter_id: int, cohort_id: int) -> dict[str, Any]:
    return {
        "newsletter_id": newsletter_id,
        "cohort_id": cohort_id,
        "subscriber_id": number,
        "reader_id": UUID(int=number),
        "kind": DeliveryKind.NEWSLETTER,
        "language": "cs",
        "address": f"reader{number}@example.org",
        "address_key": f"reader{number}",
        "state": DeliveryState.QUEUED,
        "next_at": NOW,
        "expires_at": NOW + timedelta(days=5),
        "created_at": NOW,
        "changed_at": NOW,
    }


def _naive(watch: Watch) -> int:
    """What most scripts do: build each message, hand it to smtplib, keep the connection."""
    letter, number_of_messages = make_letter(SIZE), MESSAGES // 5
    with watch.running(), smtplib.SMTP("127.0.0.1", PORT) as server:
        for number in range(number_of_messages):
            person = make_person(number, NOW)
            content = build(letter, ENVELOPE, person, base_url=BASE_URL)
            server.sendmail("news@example.org", [person.address], content)
    return number_of_messages


def _smtp_source(watch: Watch) -> int:
    command = [
        _find("smtp-source"),
        "-d",
        "-s",
        "1",
        "-m",
        str(MESSAGES),
        "-l",
        str(SIZE),
        f"127.0.0.1:{PORT}",
    ]
    with watch.running():
        subprocess.run(command, check=True)
    return MESSAGES


def _find(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        raise SystemExit(f"{name} is missing: install Postfix (apt-get install postfix).")
    return path
