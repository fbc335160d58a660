"""F8, F9, F48 and F49: a mail server that cannot be reached, does not let us in, or is not to be
trusted."""

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
from tests.providers.servers import PickySmtp, run
from tests.sinks import (
    Certificate,
    free_port,
    scripted_smtp,
    smtp_sink,
)
from tests.usecases.readers import set_up, sign_up
from tests.worker.ledger import count_repeats, read_copies


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


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("550 5.7.60 not allowed to send as", "takes no mail from news@example.org:"),
        ("530 5.7.0 authentication required", "answered"),
        ("451 4.7.1 slow down", "answered"),
        ("452 4.3.1 insufficient storage", "answered"),
    ],
)
def test_sign_up_and_newsletter_wait_while_the_server_takes_nothing_from_our_address(
    install_worker: Install, sqlite_url: str, answer: str, said: str
) -> None:
    """F9: nobody is refused or put off for what is not about them, the desk says what the server
    says, and all of it leaves when the server takes it."""
    watch, fates, troubles = Watch(), [], set()
    with run(PickySmtp(answer)) as server:
        worker = install_worker(sqlite_url, server.port, engine=ALL_AT_ONCE)
        sessions = worker.parts.sessions
        start_newsletter(worker, 5)
        with sessions() as session:
            set_up(session, watch.now)
            sign_up(session, "jana@example.org", watch.now)
        with hire(worker, watch) as engine:
            for _ in range(9):
                engine.run_once()
                watch.pass_time(timedelta(minutes=16))
                fates.append(read_fates(sessions))
                troubles.add(read_trouble(sessions))
            server.answer = ""
            engine.run_once()

    assert fates == [NOTHING_TRIED] * 9
    assert troubles == {f"The mail server {said} {answer}"}
    assert read_fates(sessions) == {("accepted", 1)}
    assert read_trouble(sessions) == ""
    assert sorted(read_copies(server.bodies)) == ["jana@example.org", *list_readers(5)]
    assert list(read_copies(server.bodies[:1])) == ["jana@example.org"]


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
