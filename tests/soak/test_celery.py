"""One newsletter to very many, through RabbitMQ and two workers of which one is killed and started
again every few seconds. `make soak` runs it and prints the toll; `make test` has the short way.

MAILER_SOAK_RECIPIENTS and MAILER_SOAK_SECONDS say how many readers, and how long between kills.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from mailer import clock
from mailer.usecases import newsletters
from tests.brokers import Broker
from tests.faults.workers import add_readers
from tests.fleet import WINDOW, install_fleet, send_under_fire
from tests.letters import WHO, add_letter
from tests.service import Installation
from tests.sinks import Sink, smtp_sink
from tests.worker.ledger import Copies, count_repeats, read_account

pytestmark = pytest.mark.soak

RECIPIENTS = int(os.environ.get("MAILER_SOAK_RECIPIENTS", "100000"))
SECONDS = float(os.environ.get("MAILER_SOAK_SECONDS", "5"))
HEAD_BYTES = 8192


def test_workers_killed_every_few_seconds_lose_nobody(
    tmp_path: Path, postgres_url: str, rabbitmq: Broker
) -> None:
    """Every lost answer may repeat a mail, with its Message-ID, and nobody gets a third one."""
    engine = {"claim_size": 500, "poll_seconds": 1.0}
    with (
        smtp_sink() as sink,
        install_fleet(tmp_path, postgres_url, rabbitmq.url, sink.port, engine=engine) as workers,
    ):
        add_readers(workers.parts.sessions, RECIPIENTS, clock.now())
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
