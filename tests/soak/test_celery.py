"""One newsletter to very many, through RabbitMQ and two workers of which one is killed and started
again every few seconds. `make soak` runs it and prints the toll; `make test` has the short way.

MAILER_SOAK_RECIPIENTS and MAILER_SOAK_SECONDS say how many readers, and how long between kills.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from mailer import clock
from mailer.domain.consent import Cadence, SubscriberState
from mailer.storage.subscribers import Subscriber
from mailer.usecases import newsletters
from tests.brokers import Broker
from tests.fleet import WINDOW, install_fleet, send_under_fire
from tests.letters import WHO, add_letter
from tests.service import Installation
from tests.sinks import Sink, smtp_sink
from tests.worker.ledger import Copies, count_repeats, read_account

pytestmark = pytest.mark.soak

RECIPIENTS = int(os.environ.get("MAILER_SOAK_RECIPIENTS", "100000"))
SECONDS = float(os.environ.get("MAILER_SOAK_SECONDS", "5"))
CHUNK, HEAD_BYTES = 10_000, 8192


def test_workers_killed_every_few_seconds_lose_nobody(
    tmp_path: Path, postgres_url: str, rabbitmq: Broker
) -> None:
    """Every lost answer may repeat a mail, with its Message-ID, and nobody gets a third one."""
    engine = {"claim_size": 500, "poll_seconds": 1.0}
    with (
        smtp_sink() as sink,
        install_fleet(tmp_path, postgres_url, rabbitmq.url, sink.port, engine=engine) as workers,
    ):
        add_many(workers, RECIPIENTS)
        newsletter_id, began_at = approve_letter(workers), time.monotonic()
        kills = send_under_fire(workers, newsletter_id, SECONDS)
        seconds = time.monotonic() - began_at
        copies = read_heads(sink)
        account = read_account(workers.parts.sessions, newsletter_id)

    repeats = count_repeats(copies)
    print(f"\n{RECIPIENTS} readers, {kills} kills, {repeats} repeats, {seconds:.0f} seconds")
    assert len(copies) == account.audience == RECIPIENTS
    assert account.adds_up
    assert account.open == 0
    assert max(len(ids) for ids in copies.values()) <= 2
    assert all(len(set(ids)) == 1 for ids in copies.values())
    assert repeats <= kills * WINDOW


def add_many(workers: Installation, number: int) -> None:
    now = clock.now()
    rows: dict[str, Any] = {
        "state": SubscriberState.CONFIRMED,
        "language": "en",
        "content_languages": ("en",),
        "topics": ("events",),
        "cadence": Cadence.WEEKLY,
        "created_at": now,
        "confirmed_at": now,
    }
    for start in range(0, number, CHUNK):
        names = (f"reader{i:07}@example.org" for i in range(start, min(start + CHUNK, number)))
        with workers.parts.sessions() as session:
            session.execute(
                insert(Subscriber),
                [{**rows, "address": name, "address_key": name} for name in names],
            )


def approve_letter(workers: Installation) -> int:
    now = clock.now()
    with workers.parts.sessions() as session:
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
        return letter.id


def read_heads(sink: Sink) -> Copies:
    """Who got what, from the first lines of each mail: there are very many."""
    copies: Copies = {}
    for file in sink.directory.iterdir():
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        address, message_id = _field(head, b"X-Rcpt-Args: <"), _field(head, b"Message-ID: <")
        copies.setdefault(address, []).append(message_id)
    return copies


def _field(head: bytes, name: bytes) -> str:
    return head.partition(b"\n" + name)[2].partition(b">")[0].decode()
