"""F8 to F19, F48 and F49: what a mail server may do to us, and what becomes of the mail."""

import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select

from mailer.boot import Parts
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Suppression
from tests.faults.workers import (
    ALL_AT_ONCE,
    NOTHING_TRIED,
    Install,
    Watch,
    hire,
    list_readers,
    read_fates,
    read_trouble,
    start_newsletter,
)
from tests.letters import start_letter
from tests.service import at_work, wait_until
from tests.sinks import (
    Certificate,
    Conversation,
    ScriptedSmtp,
    free_port,
    in_thread,
    scripted_smtp,
    slow_smtp,
    smtp_sink,
)
from tests.worker.ledger import count_repeats, read_account, read_copies, read_deliveries


def test_server_that_is_down_for_six_hours_costs_nobody_an_attempt(
    install_worker: Install, sqlite_url: str
) -> None:
    """F8: the circuit opens, the desk says why, and when the server is back everything leaves."""
    port, watch = free_port(), Watch()
    worker = install_worker(sqlite_url, port, engine=ALL_AT_ONCE)
    sessions = worker.parts.sessions
    start_newsletter(worker)
    with hire(worker, watch) as engine:
        for _ in range(6 * 60):
            engine.run_once()
            watch.pass_time(timedelta(minutes=1))
        fates, trouble = read_fates(sessions), read_trouble(sessions)
        with smtp_sink(port=port) as sink:
            watch.pass_time(timedelta(minutes=15))
            engine.run_once()
            arrived = read_copies(mail.content for mail in sink.mails())

    assert fates == NOTHING_TRIED
    assert trouble == (
        f"The mail server 127.0.0.1:{port} cannot be reached (Connection refused). "
        "Check host and port."
    )
    assert read_trouble(sessions) == ""
    assert sorted(arrived) == list_readers(20)
    assert count_repeats(arrived) == 0
    assert read_fates(sessions) == {("accepted", 1)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-r", "CONNECT"), "greeted with 450"),
        (("-f", "EHLO"), "answered EHLO with 500"),
        (("-q", "CONNECT"), "broke off while the connection was set up"),
        (("-Q", "EHLO"), "answered EHLO with 421"),
    ],
)
def test_server_that_does_not_let_us_in_costs_nobody_an_attempt(
    install_worker: Install, sqlite_url: str, options: Sequence[str], said: str
) -> None:
    """F9: the circuit opens, and no claim is kept."""
    with smtp_sink(*options) as sink:
        worker = install_worker(sqlite_url, sink.port)
        start_newsletter(worker)
        with hire(worker, Watch()) as engine:
            tried = [engine.run_once() for _ in range(3)]

    assert tried == [0, 0, 0]
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert said in read_trouble(worker.parts.sessions)


def test_wrong_password_costs_nobody_an_attempt(install_worker: Install, sqlite_url: str) -> None:
    """F9: one try, then the circuit is open."""
    answers = {"AUTH": "535 5.7.8 wrong password"}
    with scripted_smtp(answers, extensions=("PIPELINING", "AUTH PLAIN")) as server:
        signing_in = {"username": "news", "password": "wrong"}
        worker = install_worker(sqlite_url, server.port, smtp=signing_in)
        start_newsletter(worker)
        with hire(worker, Watch()) as engine:
            tried = [engine.run_once() for _ in range(3)]
        verbs = server.verbs()

    assert tried == [0, 0, 0]
    assert verbs.count("AUTH") == 1
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert read_trouble(worker.parts.sessions).endswith(
        "refused smtp.username and smtp.password with 535 5.7.8 wrong password"
    )


@pytest.mark.parametrize(
    ("option", "command", "fates"),
    [
        # not now: F10 and, at the dot, F12
        ("-r", "MAIL", {("deferred", 1)}),
        ("-r", "RCPT", {("deferred", 1)}),
        ("-r", "DATA", {("deferred", 1)}),
        ("-r", ".", {("deferred", 1)}),
        # never: F11 and, at the dot, F12
        ("-f", "RCPT", {("rejected", 1)}),
        ("-f", ".", {("rejected", 1)}),
        ("-A", "0", {("rejected", 1)}),
    ],
)
def test_every_mail_ends_as_the_server_says(
    install_worker: Install,
    sqlite_url: str,
    option: str,
    command: str,
    fates: set[tuple[str, int]],
) -> None:
    """F10, F11, F12, F50: each in the state that its answer means, and the books agree."""
    readers, watch = 6, Watch()
    with smtp_sink(option, command) as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, readers)
        with hire(worker, watch) as engine:
            engine.run_once()

    rows = read_deliveries(worker.parts.sessions)
    assert read_fates(worker.parts.sessions) == fates
    assert read_account(worker.parts.sessions, newsletter_id).adds_up
    assert count_rows(worker.parts.sessions, Attempt) == readers
    # RFC 5321 4.5.4.1 asks for half an hour at least before it is tried again.
    waits = {
        row.next_at - watch.now
        for row in rows
        if row.state == DeliveryState.DEFERRED and row.next_at
    }
    assert waits <= {timedelta(minutes=30)}
    assert read_reader_states(worker.parts.sessions) == {SubscriberState.CONFIRMED}


def test_answer_that_is_lost_is_neither_yes_nor_no(
    install_worker: Install, sqlite_url: str
) -> None:
    """F14: the connection breaks after every dot. What was handed over is unknown, is sent once
    more and never a third time; the desk learns that the server is out of order."""
    readers, watch = 3, Watch()
    with smtp_sink("-q", ".") as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, readers)
        timetable = Parts(worker.parts.config, watch).build_timetable()
        with hire(worker, watch) as engine:
            engine.run_once()
            first = read_fates(worker.parts.sessions)
            for _ in range(12):
                watch.pass_time(timedelta(minutes=16))
                timetable.sort_out_mail()
                engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    assert ("unknown", 1) in first
    assert first <= {("unknown", 1), *NOTHING_TRIED}
    assert account.by_state == {DeliveryState.UNKNOWN: readers}
    assert account.open == 0
    assert {row.attempts for row in read_deliveries(worker.parts.sessions)} == {2}


def count_rows(sessions: Sessions, table: type) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def read_reader_states(sessions: Sessions) -> set[SubscriberState]:
    with sessions() as session:
        return set(session.scalars(select(Subscriber.state)))


def test_address_that_does_not_exist_is_dropped_once_and_alone(
    install_worker: Install, sqlite_url: str
) -> None:
    """F11: the others get their mail; who bounced is suppressed once and gets nothing again."""
    gone = list_readers(3)[1]
    answers = {f"RCPT TO:<{gone}>": "550 5.1.1 no such user"}
    watch = Watch()
    with scripted_smtp(answers, extensions=("PIPELINING",)) as server:
        worker = install_worker(sqlite_url, server.port, engine=ALL_AT_ONCE)
        sessions = worker.parts.sessions
        first = start_newsletter(worker, 3)
        with hire(worker, watch) as engine:
            engine.run_once()
            second = start_letter(sessions, watch.now)
            engine.run_once()
        copies = read_copies(server.bodies)

    assert read_account(sessions, first).by_state == {
        DeliveryState.ACCEPTED: 2,
        DeliveryState.REJECTED: 1,
    }
    assert read_account(sessions, second).by_state == {DeliveryState.ACCEPTED: 2}
    assert gone not in copies
    assert count_rows(sessions, Suppression) == 1


def test_newsletter_that_is_refused_ten_times_in_a_row_pauses(
    install_worker: Install, sqlite_url: str
) -> None:
    """F12: somebody looks before more mail is refused, and the desk says what the server said."""
    with smtp_sink("-f", ".", "-B", "554 5.7.1 looks like spam") as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, 30)
        with hire(worker, Watch()) as engine:
            engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    with worker.parts.sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
    assert account.adds_up
    # The eleventh may have been in hand already.
    assert 10 <= account.count(DeliveryState.REJECTED) <= 11
    assert account.count(DeliveryState.QUEUED) == 30 - account.count(DeliveryState.REJECTED)
    assert newsletter.state == "paused"
    assert newsletter.reason.endswith("were refused. The last answer: 5.7.1 looks like spam")


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
def test_server_that_takes_its_leave_costs_nobody_their_mail(
    install_worker: Install, sqlite_url: str, command: str
) -> None:
    """F13: 421 at any step. Nobody is refused, and everybody is reached when it is well again."""
    readers, watch, port = 6, Watch(), free_port()
    worker = install_worker(sqlite_url, port, engine=ALL_AT_ONCE)
    sessions = worker.parts.sessions
    newsletter_id = start_newsletter(worker, readers)
    with hire(worker, watch) as engine:
        with smtp_sink("-Q", command, port=port):
            for _ in range(4):
                engine.run_once()
                watch.pass_time(timedelta(minutes=15))
        states = {row.state for row in read_deliveries(sessions)}
        with smtp_sink(port=port) as sink:
            for _ in range(4):
                watch.pass_time(timedelta(hours=1))
                engine.run_once()
            copies = read_copies(mail.content for mail in sink.mails())

    assert states <= {DeliveryState.QUEUED, DeliveryState.DEFERRED}
    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == 0
    assert read_account(sessions, newsletter_id).by_state == {DeliveryState.ACCEPTED: readers}


def test_slow_answer_is_waited_for_while_nobody_else_tries(
    install_worker: Install, url: str
) -> None:
    """F15: the answer comes much later than other answers may; until then the mail is nobody
    else's for longer than any answer is waited for, whoever looks for dead processes."""
    with slow_smtp(2.5) as server:
        worker = install_worker(url, server.port, smtp={"reply_seconds": 1})
        sessions, timetable = worker.parts.sessions, worker.parts.build_timetable()
        newsletter_id = start_newsletter(worker, 1)
        with at_work(worker):
            wait_until(lambda: server.bodies, worker.said)
            timetable.sort_out_mail()
            (held,) = read_deliveries(sessions)
            wait_until(lambda: not read_account(sessions, newsletter_id).open, worker.said)

    assert held.state == DeliveryState.HANDING_OFF
    assert held.lease_until
    assert held.lease_until - held.changed_at > timedelta(minutes=14)
    assert len(server.bodies) == 1
    assert read_fates(sessions) == {("accepted", 1)}


@pytest.mark.parametrize("options", [("-r", "QUIT"), ("-W", "QUIT:60"), ("-q", "QUIT")])
def test_farewell_that_fails_changes_nothing(
    install_worker: Install, sqlite_url: str, options: Sequence[str]
) -> None:
    """F16: the mail stays accepted, and the goodbye takes five seconds at most."""
    with smtp_sink(*options) as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        start_newsletter(worker, 3)
        with hire(worker, Watch()) as engine:
            engine.run_once()
            began = time.monotonic()
        took = time.monotonic() - began

    assert took < 7
    assert read_fates(worker.parts.sessions) == {("accepted", 1)}


def test_address_that_this_server_cannot_take_stops_nobody_else(
    install_worker: Install, sqlite_url: str
) -> None:
    """F17: no SMTPUTF8 is offered, and one address needs it."""
    with smtp_sink() as sink:
        worker = install_worker(sqlite_url, sink.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, 3)
        with worker.parts.sessions() as session:
            session.get_one(Delivery, 2).address = "böb@example.org"
        with hire(worker, Watch()) as engine:
            engine.run_once()

    rows = read_deliveries(worker.parts.sessions)
    assert [row.state.value for row in rows] == ["accepted", "rejected", "accepted"]
    assert rows[1].last_text
    assert read_account(worker.parts.sessions, newsletter_id).adds_up


def test_letter_that_is_too_big_pauses_the_newsletter_and_rejects_nobody(
    install_worker: Install, sqlite_url: str
) -> None:
    """F18: one clear reason for the newsletter."""
    with scripted_smtp(extensions=("PIPELINING", "SIZE 500")) as server:
        worker = install_worker(sqlite_url, server.port, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, 5)
        with hire(worker, Watch()) as engine:
            engine.run_once()
        bodies = server.bodies

    with worker.parts.sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
    assert bodies == []
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert newsletter.state == "paused"
    assert newsletter.reason.endswith("the server takes no more than 500.")


class Tired(ScriptedSmtp):
    """Takes `most` mails over a connection, and hangs up at the next, with a word or without."""

    def __init__(self, most: int, last_word: str) -> None:
        self.most, self.last_word = most, last_word
        super().__init__(extensions=("PIPELINING",))

    def reply_to(self, talk: Conversation, line: str) -> str:
        reply = super().reply_to(talk, line)
        is_tired = line.startswith("MAIL") and len(talk.bodies) >= self.most
        return self.last_word if is_tired else reply


@pytest.mark.parametrize("last_word", ["421 4.7.0 enough for today", "drop the connection"])
@pytest.mark.parametrize("connections", [1, 4])
def test_server_that_drops_a_connection_after_some_mails_loses_nobody(
    install_worker: Install, sqlite_url: str, last_word: str, connections: int
) -> None:
    """F19: a new connection, nobody twice and nobody lost."""
    readers, watch = 250, Watch()
    with Tired(50, last_word) as server, in_thread(server):
        smtp = {"connections": connections, "messages_per_connection": 1000}
        worker = install_worker(sqlite_url, server.port, smtp=smtp, engine=ALL_AT_ONCE)
        newsletter_id = start_newsletter(worker, readers)
        with hire(worker, watch) as engine:
            for _ in range(3):
                engine.run_once()
                watch.pass_time(timedelta(minutes=31))
        copies = read_copies(server.bodies)

    assert sorted(copies) == list_readers(readers)
    assert count_repeats(copies) == 0
    assert read_account(worker.parts.sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: readers
    }


def test_name_that_cannot_be_resolved_costs_nobody_an_attempt(
    install_worker: Install, sqlite_url: str
) -> None:
    """F48: DNS fails, the circuit opens."""
    worker = install_worker(sqlite_url, 2525, smtp={"host": "mail.invalid"})
    start_newsletter(worker, 3)

    with hire(worker, Watch()) as engine:
        tried = [engine.run_once() for _ in range(2)]

    assert tried == [0, 0]
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert read_trouble(worker.parts.sessions).startswith(
        "The mail server mail.invalid:2525 cannot be reached"
    )


def test_network_that_swallows_everything_is_given_up_in_time(
    install_worker: Install, sqlite_url: str
) -> None:
    """F48: nobody answers the call, as with an IPv6 route into nowhere."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = int(deaf.getsockname()[1])
        # The queue of who wants to be let in is full: every further call goes unanswered.
        callers = [socket.socket() for _ in range(3)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
        worker = install_worker(sqlite_url, port, smtp={"connect_seconds": 0.5})
        start_newsletter(worker, 3)
        with hire(worker, Watch()) as engine:
            began = time.monotonic()
            tried = engine.run_once()
            took = time.monotonic() - began
        for caller in callers:
            caller.close()

    assert (tried, read_fates(worker.parts.sessions)) == (0, NOTHING_TRIED)
    assert took < 5
    assert "cannot be reached" in read_trouble(worker.parts.sessions)


def test_server_without_encryption_gets_no_mail(install_worker: Install, sqlite_url: str) -> None:
    """F49: STARTTLS is not offered, and nothing is sent in the clear instead."""
    with smtp_sink() as sink:
        worker = install_worker(sqlite_url, sink.port, smtp={"security": "starttls"})
        start_newsletter(worker, 3)
        with hire(worker, Watch()) as engine:
            engine.run_once()
        arrived = sink.mails()

    assert arrived == []
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert "does not offer STARTTLS" in read_trouble(worker.parts.sessions)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_server_whose_certificate_is_over_gets_no_mail(
    install_worker: Install,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    security: str,
) -> None:
    """F49: the issuer is known and the name is right, but the certificate has expired."""
    certificate = make_expired_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with scripted_smtp(
        extensions=("STARTTLS",),
        tls=certificate.server_context(),
        tls_at_once=security == "tls",
    ) as server:
        smtp = {"host": "localhost", "security": security}
        worker = install_worker(sqlite_url, server.port, smtp=smtp)
        start_newsletter(worker, 3)
        with hire(worker, Watch()) as engine:
            engine.run_once()
        bodies = server.bodies

    assert bodies == []
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert "certificate has expired" in read_trouble(worker.parts.sessions)


def make_expired_certificate(folder: Path) -> Certificate:
    """For `localhost`, over since yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=10))
        .not_valid_after(today - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "expired.pem", folder / "expired-key.pem")
    files.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_every_server_fault_leaves_books_that_agree(install_worker: Install, url: str) -> None:
    """F50, over a server that is in another mood at every mail."""
    readers = 40
    moods = ["250 taken", "451 later", "554 5.7.1 no", "reset the connection", "421 gone"]
    with scripted_smtp({".": moods * 4 + ["250 taken"]}, extensions=("PIPELINING",)) as server:
        worker = install_worker(url, server.port, smtp={"connections": 2})
        newsletter_id = start_newsletter(worker, readers)
        with hire(worker, watch := Watch()) as engine:
            for _ in range(60):
                engine.run_once()
                watch.pass_time(timedelta(minutes=10))

    account = read_account(worker.parts.sessions, newsletter_id)
    assert account.adds_up
    assert account.count(DeliveryState.CLAIMED, DeliveryState.HANDING_OFF) == 0
