"""Whatever a server does, at any step, on any connection: the accounts of both sides agree."""

import time
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from mailer.providers import smtp, smtp_lines
from mailer.providers.base import Fate, Mail, Outcome, ProviderDown
from mailer.providers.smtp import SmtpSender
from tests.providers.mails import numbered
from tests.providers.senders import PIPELINING, sender_to
from tests.providers.servers import run
from tests.providers.storms import Storm
from tests.providers.works import FakeWork
from tests.sinks import Certificate, make_certificate

MAILS = 60
MOST_ROUNDS = 60
LONG = b"sixteen letters.\r\n" * 20_000


class Ledger(FakeWork):
    """Lets a mail pass unless the dice say no, and sometimes takes its time to say so."""

    def __init__(self, mails: Sequence[Mail], dice: Random) -> None:
        self.was_interrupted = False
        self._dice = dice
        super().__init__(mails)

    def commit(self, outcomes: Sequence[Outcome], keys: Sequence[int]) -> frozenset[int]:
        if self._dice.random() < 0.05:
            time.sleep(0.005)
        self.closed_for = frozenset(key for key in keys if self._dice.random() < 0.03)
        return super().commit(outcomes, keys)


def weather(sender: SmtpSender, mails: Sequence[Mail], dice: Random) -> list[Ledger]:
    """Offer the mails, and again what was held or not begun, until all have ended."""
    waiting = list(mails)
    rounds: list[Ledger] = []
    while waiting and len(rounds) < MOST_ROUNDS:
        work = Ledger(waiting, dice)
        try:
            sender.send(work)
        except ProviderDown:
            work.was_interrupted = True
        rounds.append(work)
        again = {*work.left, *(o.key for o in work.outcomes if o.fate is Fate.HELD)}
        waiting = [mail for mail in waiting if mail.key in again]
    return rounds


def check_round(work: Ledger, seed: str) -> None:
    ended = [outcome.key for outcome in work.outcomes]
    assert len(ended) == len(set(ended)), f"{seed}: a mail ended twice"
    assert set(ended) <= set(work.taken), f"{seed}: a mail ended that nobody gave"
    assert set(work.passed) <= set(ended), f"{seed}: a mail passed and did not end"
    assert work.was_interrupted or not work.left, f"{seed}: a mail was forgotten"


def check_accounts(rounds: Sequence[Ledger], server: Storm, seed: str) -> None:
    outcomes = [outcome for work in rounds for outcome in work.outcomes]
    passed = [key for work in rounds for key in work.passed]
    keys = {fate: [outcome.key for outcome in outcomes if outcome.fate is fate] for fate in Fate}
    late = {o.key for o in outcomes if o.fate is Fate.UNKNOWN and "timed out" in o.text}
    taken, told = set(server.taken), set(server.told)
    assert max(server.taken.values()) == 1, f"{seed}: somebody got a second copy"
    too_many = {key for key, count in server.dots.items() if count > passed.count(key)}
    assert too_many == set(), f"{seed}: a dot without a verdict"
    accepted = keys[Fate.ACCEPTED]
    assert len(accepted) == len(set(accepted)), f"{seed}: accepted twice"
    assert set(accepted) | (told & late) == told, f"{seed}: accepted is not what the server said"
    assert taken - told <= set(keys[Fate.UNKNOWN]), f"{seed}: taken without a word, not unknown"


def some_long(mails: Sequence[Mail], dice: Random) -> list[Mail]:
    return [
        mail._replace(content=mail.content + LONG) if dice.random() < 0.1 else mail
        for mail in mails
    ]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def haste(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate, and wait for nothing very long."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    monkeypatch.setattr(smtp_lines, "_LOOK_UP_SECONDS", 0.1)
    monkeypatch.setattr(smtp, "REFUSED_DOOR_SECONDS", 0.05)


@pytest.mark.usefixtures("haste")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("connections", "extensions", "security"),
    [
        (1, PIPELINING, "none"),
        (4, PIPELINING, "none"),
        (16, PIPELINING, "none"),
        (4, (), "none"),
        (4, PIPELINING, "tls"),
    ],
    ids=["1", "4", "16", "4-lock-step", "4-tls"],
)
def test_both_sides_agree_on_what_was_delivered(
    certificate: Certificate,
    connections: int,
    extensions: tuple[str, ...],
    security: str,
    seed: int,
) -> None:
    name = f"seed {seed}, {connections} connections"
    dice = Random(name)
    mails = some_long(numbered(MAILS), dice)
    storm = Storm(name, extensions, certificate.server_context() if security == "tls" else None)
    settings: dict[str, Any] = {
        "host": "localhost",
        "security": security,
        "connections": connections,
        "messages_per_connection": 20,
        "reply_seconds": 0.8,
    }
    with run(storm) as server, sender_to(server.port, **settings) as sender:
        rounds = weather(sender, mails, dice)

    for work in rounds:
        check_round(work, name)
    check_accounts(rounds, server, name)
