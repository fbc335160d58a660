"""Servers that leave, let in few, or fall silent: nobody is lost, nobody gets a second copy."""

import time
from typing import Any

import pytest

from mailer.providers.base import Fate, Outcome
from tests.providers.mails import ACCEPTED, a_mail, endings, key_of, numbered, several
from tests.providers.senders import PIPELINING, sender_to
from tests.providers.servers import LEAVES, FickleSmtp, LimitedSmtp, SluggishSmtp, run
from tests.providers.works import FakeWork, hand_over, hand_over_in_rounds, try_to_hand_over
from tests.sinks import (
    DROP,
    SILENCE,
    THEN_DROP,
    Certificate,
    Conversation,
    ScriptedSmtp,
    make_certificate,
    scripted_smtp,
)

BOTH_WAYS = pytest.mark.parametrize("extensions", [PIPELINING, ()], ids=["pipelined", "lock-step"])


@BOTH_WAYS
@pytest.mark.parametrize("leaves", [way for way in LEAVES if way != "at the dot"])
@pytest.mark.parametrize("connections", [1, 4])
def test_server_that_leaves_after_some_mails_gets_each_once(
    extensions: tuple[str, ...], leaves: str, connections: int
) -> None:
    """F13, F19."""
    with (
        run(LimitedSmtp(extensions, mails=7, leaves=leaves)) as server,
        sender_to(server.port, connections=connections, reply_seconds=5) as sender,
    ):
        work = hand_over(sender, numbered(60))

    assert work.fates == [Fate.ACCEPTED] * 60
    assert sorted(key_of(body) for body in server.bodies) == list(range(1, 61))


@BOTH_WAYS
@pytest.mark.parametrize("connections", [1, 4])
def test_server_that_leaves_at_a_dot_puts_mails_off(
    extensions: tuple[str, ...], connections: int
) -> None:
    """F13: each connection takes seven mails and answers the eighth dot with 421."""
    with (
        run(LimitedSmtp(extensions, mails=7, leaves="at the dot")) as server,
        sender_to(server.port, connections=connections, reply_seconds=5) as sender,
    ):
        works = hand_over_in_rounds(sender, numbered(60))

    outcomes = [outcome for work in works for outcome in work.outcomes]
    accepted = [outcome.key for outcome in outcomes if outcome.fate is Fate.ACCEPTED]
    # Who meets the eighth place twice is deferred, as if it were the mail's fault.
    deferred = [outcome.key for outcome in outcomes if outcome.fate is Fate.RETRY]
    assert sorted(accepted + deferred) == list(range(1, 61))
    assert len(deferred) <= 5
    turned_back = [ending for ending in endings(outcomes) if ending[0] is Fate.HELD]
    assert turned_back == [(Fate.HELD, "dot", 421)] * len(turned_back)
    assert len(server.bodies) == len(accepted + deferred + turned_back)


def test_connection_that_hangs_does_not_hold_up_the_others() -> None:
    """F14: silence after a dot."""

    class FirstFallsSilent(ScriptedSmtp):
        def reply_to(self, talk: Conversation, line: str) -> str:
            usual = super().reply_to(talk, line)
            return SILENCE if (talk.number, line) == (1, ".") else usual

    with (
        run(FirstFallsSilent(extensions=PIPELINING)) as server,
        sender_to(server.port, connections=4, dot_seconds=1, reply_seconds=1) as sender,
    ):
        work = hand_over(sender, several(60))

    silent = work.fates.index(Fate.UNKNOWN) + 1
    words = "After the final dot: no answer (timed out)."
    assert work.sorted_outcomes[silent - 1] == Outcome(silent, Fate.UNKNOWN, "dot", 0, words)
    assert (work.fates.count(Fate.ACCEPTED), len(work.fates)) == (59, 60)
    # What waited behind it on the same connection was offered again on another one, after it.
    assert [outcome.key for outcome in work.outcomes].index(silent) == 58


@pytest.mark.parametrize("connections", [1, 4])
def test_server_that_never_answers_a_dot_does_not_get_the_whole_list(connections: int) -> None:
    with (
        scripted_smtp({".": DROP}, PIPELINING) as server,
        sender_to(server.port, connections=connections, reply_seconds=5) as sender,
    ):
        first, down = try_to_hand_over(sender, several(100))
        second, _ = try_to_hand_over(sender, several(100))

    assert down is not None
    assert down.text == "After the final dot: the server closed the connection."
    assert set(first.fates) == {Fate.UNKNOWN}
    assert 2 * connections < len(first.outcomes) <= 3 * connections
    # At the next try, one of each connection is enough to know.
    assert 1 <= len(second.outcomes) <= connections


def test_patience_with_an_answer_ends_though_it_trickles() -> None:
    class Trickles(ScriptedSmtp):
        def reply_to(self, talk: Conversation, line: str) -> str:
            usual = super().reply_to(talk, line)
            for _ in range(40 if line == "." else 0):
                talk.request.sendall(b"250-wait\r\n")
                time.sleep(0.1)
            return usual

    with run(Trickles(extensions=PIPELINING)) as server, sender_to(server.port) as sender:
        began = time.monotonic()
        work = hand_over(sender, [a_mail()])
        took = time.monotonic() - began

    assert work.fates == [Fate.UNKNOWN]
    assert took < 3


def test_body_that_gets_along_may_take_longer_than_an_answer() -> None:
    content = b"Subject: long\r\n\r\n" + b"sixteen letters.\r\n" * 120_000
    with (
        run(SluggishSmtp(0.005)) as server,
        sender_to(server.port, reply_seconds=0.6, dot_seconds=5) as sender,
    ):
        began = time.monotonic()
        work = hand_over(sender, [a_mail(content=content)])
        took = time.monotonic() - began

    assert work.fates == [Fate.ACCEPTED]
    assert took > 1.2  # twice the patience with an answer
    assert server.verbs().count("CONNECT") == 1


@pytest.fixture
def certificate(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Certificate:
    made = make_certificate(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.mark.parametrize("security", ["none", "tls"])
def test_answer_counts_though_the_connection_ends_with_it(
    certificate: Certificate, security: str
) -> None:
    is_encrypted = security == "tls"
    server = ScriptedSmtp(
        {".": f"250 taken{THEN_DROP}"},
        PIPELINING,
        tls=certificate.server_context() if is_encrypted else None,
        tls_at_once=is_encrypted,
    )
    settings: dict[str, Any] = {"host": "localhost", "security": security, "connections": 2}
    with run(server), sender_to(server.port, reply_seconds=5, **settings) as sender:
        work = hand_over(sender, numbered(12))

    assert work.fates == [Fate.ACCEPTED] * 12
    assert sorted(key_of(body) for body in server.bodies) == list(range(1, 13))


@pytest.mark.parametrize("security", ["none", "tls"])
@pytest.mark.parametrize(
    ("answer", "fate"),
    [("552 5.3.4 too big", Fate.REFUSED), ("452 4.3.1 no room", Fate.RETRY)],
)
def test_refusal_in_mid_body_is_heard_before_the_connection_ends(
    certificate: Certificate, security: str, answer: str, fate: Fate
) -> None:
    is_encrypted = security == "tls"
    server = ScriptedSmtp(
        {"DATA": [f"354 go\r\n{answer}{THEN_DROP}", "354 go"]},
        PIPELINING,
        tls=certificate.server_context() if is_encrypted else None,
        tls_at_once=is_encrypted,
    )
    long = b"Subject: long\r\n\r\n" + b"sixteen letters.\r\n" * 300_000
    settings: dict[str, Any] = {"host": "localhost", "security": security}
    with run(server), sender_to(server.port, reply_seconds=5, **settings) as sender:
        work = hand_over(sender, [a_mail(1, content=long), a_mail(2)])

    assert endings(work.outcomes) == [(fate, "data", int(answer[:3])), ACCEPTED]
    assert work.asked == [[2]]


def test_idle_connection_on_which_the_server_speaks_is_left() -> None:
    with (
        run(FickleSmtp(extensions=PIPELINING)) as server,
        sender_to(server.port, connections=2, reply_seconds=5) as sender,
    ):
        hand_over(sender, several(30))
        time.sleep(0.05)
        # Both are idle at first; one carries the mail when the server speaks on the other.
        during = FakeWork([a_mail()], during=lambda _: server.speak(b"421 idle too long\r\n"))
        sender.send(during)
        after = hand_over(sender, several(30))

    assert during.fates in ([Fate.HELD], [Fate.ACCEPTED])
    assert after.fates == [Fate.ACCEPTED] * 30
    assert server.verbs().count("CONNECT") == 4
