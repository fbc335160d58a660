"""Several connections at once: who gets which mail, what is said in one write, and how their
commits travel together."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailer.providers.base import Fate, Mail
from mailer.providers.smtp import SmtpSender
from tests.providers.mails import CONTENT, several
from tests.providers.senders import PIPELINING, plain, sender_to
from tests.providers.servers import GatheringSmtp, SluggishSmtp, run
from tests.providers.works import Commit, FakeWork, hand_over
from tests.sinks import Certificate, make_certificate, scripted_smtp, slow_smtp, smtp_sink

BOTH_WAYS = pytest.mark.parametrize("extensions", [PIPELINING, ()], ids=["pipelined", "lock-step"])
CONNECTIONS = pytest.mark.parametrize("connections", [1, 4, 16])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@CONNECTIONS
@BOTH_WAYS
def test_every_mail_arrives_once(extensions: tuple[str, ...], connections: int) -> None:
    with (
        scripted_smtp(extensions=extensions) as server,
        sender_to(server.port, connections=connections) as sender,
    ):
        work = hand_over(sender, several(100))

    assert work.fates == [Fate.ACCEPTED] * 100
    assert sorted(work.passed) == list(range(1, 101))
    rcpts = sorted(line for line in server.commands if line.startswith("RCPT"))
    assert rcpts == sorted(f"RCPT TO:<reader{key}@example.org>" for key in range(1, 101))
    assert len(server.bodies) == 100
    assert server.most_open <= connections


def test_postfix_sink_gets_every_mail_once_over_sixteen_connections() -> None:
    with smtp_sink() as sink, sender_to(sink.port, connections=16) as sender:
        work = hand_over(sender, several(300))
        recipients = sorted(mail.recipient_args[0] for mail in sink.mails())

    assert work.fates == [Fate.ACCEPTED] * 300
    assert recipients == sorted(f"<reader{key}@example.org>" for key in range(1, 301))


def test_mails_are_on_their_way_at_the_same_time() -> None:
    with (
        run(GatheringSmtp(4)) as server,
        sender_to(server.port, connections=4, dot_seconds=6, reply_seconds=6) as sender,
    ):
        work = hand_over(sender, several(40))

    assert work.fates == [Fate.ACCEPTED] * 40
    assert server.most_open == 4


def test_no_more_connections_are_opened_than_there_is_mail() -> None:
    with scripted_smtp(extensions=PIPELINING) as server:
        with sender_to(server.port, connections=16) as sender:
            hand_over(sender, several(2))

        # Fewer when the first one has carried both before the second one is let in.
        assert server.verbs().count("CONNECT") in (1, 2)


class LateWork(FakeWork):
    """Has the second mail only when the first is on its way, and so on."""

    def take(self) -> Mail | None:
        return super().take() if len(self.passed) == len(self.taken) else None


def test_mail_that_comes_while_others_are_under_way_goes_along() -> None:
    work = LateWork(several(20))
    with slow_smtp(0.01) as server, sender_to(server.port, connections=4) as sender:
        sender.send(work)

    assert work.fates == [Fate.ACCEPTED] * 20


def test_connections_share_their_commits() -> None:
    with (
        scripted_smtp(extensions=PIPELINING) as server,
        sender_to(server.port, connections=8, reply_seconds=5) as sender,
    ):
        work = FakeWork(several(80), during=lambda _: time.sleep(0.03))
        sender.send(work)

    assert sum(len(commit.asked) for commit in work.commits) == 80
    assert max(len(commit.asked) for commit in work.commits) >= 4
    # A commit for each mail would be 80, two for each 160.
    assert len(work.commits) <= 40


def test_lone_connection_settles_and_asks_in_one_commit() -> None:
    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:
        work = hand_over(sender, several(3))

    assert work.commits == [Commit([], [1]), Commit([1], [2]), Commit([2], [3]), Commit([3], [])]


@CONNECTIONS
def test_no_more_mails_hang_in_the_balance_than_there_are_connections(connections: int) -> None:
    in_balance: list[int] = []

    def count(commit: Commit) -> None:
        ended = {outcome.key for outcome in work.outcomes} | {*commit.ended}
        in_balance.append(len({*work.passed, *commit.asked} - ended))

    work = FakeWork(several(100), during=count)
    with slow_smtp(0.005) as server, sender_to(server.port, connections=connections) as sender:
        sender.send(work)

    assert max(in_balance) <= connections
    assert work.fates == [Fate.ACCEPTED] * 100


def test_dot_and_next_envelope_leave_in_one_write() -> None:
    # The pause gives the server's thread the time to take in the body by itself.
    work = FakeWork(several(3), during=lambda _: time.sleep(0.03))
    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:
        sender.send(work)

    envelopes = [
        f"MAIL FROM:<news@example.org>\r\nRCPT TO:<reader{key}@example.org>\r\nDATA\r\n".encode()
        for key in (1, 2, 3)
    ]
    assert server.chunks[1:] == [
        envelopes[0],
        CONTENT,
        b".\r\n" + envelopes[1],
        CONTENT,
        b".\r\n" + envelopes[2],
        CONTENT,
        b".\r\n",
        b"QUIT\r\n",
    ]


def test_lock_step_waits_for_each_answer() -> None:
    work = FakeWork(several(2), during=lambda _: time.sleep(0.03))
    with scripted_smtp() as server, sender_to(server.port) as sender:
        sender.send(work)

    said = [
        [
            b"MAIL FROM:<news@example.org>\r\n",
            f"RCPT TO:<reader{key}@example.org>\r\n".encode(),
            b"DATA\r\n",
            CONTENT,
            b".\r\n",
        ]
        for key in (1, 2)
    ]
    assert server.chunks[1:] == [*said[0], *said[1], b"QUIT\r\n"]


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "tls"])
def test_body_beyond_all_buffers_goes_to_a_slow_reader(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, is_encrypted: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    content = b"Subject: long\r\n\r\n" + b"sixteen letters.\r\n" * 250_000
    server = SluggishSmtp(0.0005, certificate.server_context() if is_encrypted else None)
    settings: dict[str, Any] = {"host": "localhost", "security": "tls" if is_encrypted else "none"}
    with (
        run(server),
        sender_to(server.port, connections=2, reply_seconds=10, **settings) as sender,
    ):
        work = hand_over(sender, several(3, content))

    assert work.fates == [Fate.ACCEPTED] * 3
    assert [body == content for body in server.bodies] == [True] * 3


def test_long_wait_for_one_slow_reader_does_not_stop_the_others() -> None:
    content = b"Subject: long\r\n\r\n" + b"sixteen letters.\r\n" * 250_000
    slow, *quick = several(30)
    mails = [slow._replace(content=content), *quick]
    with (
        run(SluggishSmtp(0.002)) as server,
        sender_to(server.port, connections=2, reply_seconds=10) as sender,
    ):
        work = hand_over(sender, mails)

    assert work.fates == [Fate.ACCEPTED] * 30
    assert work.outcomes[-1].key == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_connections_work_side_by_side(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with scripted_smtp(
        extensions=["STARTTLS", "PIPELINING"],
        tls=certificate.server_context(),
        tls_at_once=security == "tls",
    ) as server:
        settings: dict[str, Any] = {"host": "localhost", "security": security, "connections": 4}
        with sender_to(server.port, reply_seconds=5, **settings) as sender:
            work = FakeWork(several(60), during=lambda _: time.sleep(0.01))
            sender.send(work)

    assert work.fates == [Fate.ACCEPTED] * 60
    assert server.bodies == [CONTENT] * 60
    assert server.verbs().count("CONNECT") == 4


def count_open() -> tuple[int, int]:
    """Files and sockets, and threads."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def test_nothing_is_left_behind() -> None:
    before = count_open()
    with scripted_smtp(extensions=PIPELINING) as server:
        for _ in range(3):
            sender = SmtpSender(plain(server.port, connections=8, messages_per_connection=5))
            hand_over(sender, several(100))
            sender.close()

    # A connection that was on its way when its sender closed turns round at the door.
    wait_until(lambda: count_open() == before)
