"""Opening a session: what stands in the way is said in a sentence, and nothing stays open."""

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailer.providers.base import ProviderDown
from mailer.providers.smtp_opening import open_session
from mailer.sections.mail import Smtp
from tests.sinks import (
    DROP,
    RESET,
    SILENCE,
    Certificate,
    free_port,
    make_certificate,
    scripted_smtp,
    smtp_sink,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    return certificate


NO_WAY_IN = (
    "offers no sign-in with a password (AUTH PLAIN or LOGIN). "
    "Check smtp.port and smtp.security, or empty smtp.username."
)


def plain(port: int) -> Smtp:
    return Smtp(host="127.0.0.1", port=port, security="none", connect_seconds=2, reply_seconds=0.5)


def signing_in(port: int) -> Smtp:
    words = {"username": "news", "password": SecretStr("hřebík")}
    return plain(port).model_copy(update=words)


def encrypted(port: int, security: str) -> Smtp:
    return plain(port).model_copy(update={"host": "localhost", "security": security})


def test_session_knows_what_the_server_offers() -> None:
    with scripted_smtp(extensions=["SIZE 1000", "pipelining", "AUTH PLAIN LOGIN"]) as server:
        session = open_session(plain(server.port))
        session.close()

    assert session.extensions == {"SIZE": "1000", "PIPELINING": "", "AUTH": "PLAIN LOGIN"}


@pytest.mark.parametrize(("helo", "line"), [("", "EHLO [127.0.0.1]"), ("a.test", "EHLO a.test")])
def test_server_is_greeted_by_name_or_address(helo: str, line: str) -> None:
    with scripted_smtp() as server:
        open_session(plain(server.port).model_copy(update={"helo": helo})).close()

    assert server.commands == ["CONNECT", line]


def test_closed_port_is_the_providers_fault() -> None:
    port = free_port()

    with pytest.raises(ProviderDown) as down:
        open_session(plain(port))

    assert down.value.text == (
        f"The mail server 127.0.0.1:{port} cannot be reached (Connection refused). "
        "Check host and port."
    )


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".test", ""])
def test_unknown_host_is_the_providers_fault(host: str) -> None:
    config = plain(free_port()).model_copy(update={"host": host})

    with pytest.raises(ProviderDown):
        open_session(config)


@pytest.mark.parametrize(
    ("answers", "text", "code"),
    [
        ({"CONNECT": "554 5.3.2 not today"}, "greeted with 554 5.3.2 not today", 554),
        ({"CONNECT": "421 too many"}, "greeted with 421 too many", 421),
        ({"EHLO": "502 who are you"}, "answered EHLO with 502 who are you", 502),
        ({"EHLO": "421 bye"}, "answered EHLO with 421 bye", 421),
        (
            {"CONNECT": DROP},
            "broke off while the connection was set up: the server closed the connection.",
            0,
        ),
        (
            {"EHLO": SILENCE},
            "broke off while the connection was set up: no answer (timed out).",
            0,
        ),
        (
            {"CONNECT": "SSH-2.0-OpenSSH_9.2p1"},
            "broke off while the connection was set up: the answer was not SMTP.",
            0,
        ),
    ],
)
def test_unwelcoming_server_is_the_providers_fault(
    answers: dict[str, str], text: str, code: int
) -> None:
    with scripted_smtp(answers) as server, pytest.raises(ProviderDown) as down:
        open_session(plain(server.port))

    assert down.value.text == f"The mail server 127.0.0.1:{server.port} {text}"
    assert down.value.code == code


def test_reset_at_the_start_is_the_providers_fault() -> None:
    with scripted_smtp({"EHLO": RESET}) as server, pytest.raises(ProviderDown):
        open_session(plain(server.port))


@pytest.mark.parametrize(
    ("fault", "code"),
    [(("-r", "CONNECT"), 450), (("-f", "EHLO"), 500), (("-Q", "CONNECT"), 421), (("-e",), 500)],
)
def test_postfix_sink_that_refuses_is_the_providers_fault(
    fault: tuple[str, ...], code: int
) -> None:
    with smtp_sink(*fault) as sink, pytest.raises(ProviderDown) as down:
        open_session(plain(sink.port))

    assert down.value.code == code


def test_starttls_encrypts_before_anything_is_said(trusted: Certificate) -> None:
    context = trusted.server_context()
    with scripted_smtp(extensions=["STARTTLS", "AUTH PLAIN"], tls=context) as server:
        config = encrypted(server.port, "starttls").model_copy(update={"username": "news"})
        open_session(config).close()

    assert server.verbs() == ["CONNECT", "EHLO", "STARTTLS", "EHLO", "AUTH"]


def test_tls_encrypts_from_the_first_byte(trusted: Certificate) -> None:
    with scripted_smtp(tls=trusted.server_context(), tls_at_once=True) as server:
        open_session(encrypted(server.port, "tls")).close()

    assert server.verbs() == ["CONNECT", "EHLO"]


def test_missing_starttls_is_never_worked_around() -> None:
    with scripted_smtp(extensions=["AUTH PLAIN"]) as server:
        config = signing_in(server.port).model_copy(update={"security": "starttls"})
        with pytest.raises(ProviderDown) as down:
            open_session(config)

    assert down.value.text == (
        f"The mail server 127.0.0.1:{server.port} does not offer STARTTLS, so nothing was sent. "
        'Set smtp.security to "tls" (most often with port 465), or to "none" if the server is on '
        "this machine."
    )
    assert server.verbs() == ["CONNECT", "EHLO"]


def test_refused_starttls_is_never_worked_around(trusted: Certificate) -> None:
    answers = {"STARTTLS": "454 TLS not available"}
    context = trusted.server_context()
    with (
        scripted_smtp(answers, ["STARTTLS"], context) as server,
        pytest.raises(ProviderDown) as down,
    ):
        open_session(encrypted(server.port, "starttls"))

    assert down.value.code == 454
    assert server.verbs() == ["CONNECT", "EHLO", "STARTTLS"]


def test_words_slipped_in_before_encryption_are_an_attack(trusted: Certificate) -> None:
    answers = {"STARTTLS": "220 go on\r\n250 injected"}
    with (
        scripted_smtp(answers, ["STARTTLS"], trusted.server_context()) as server,
        pytest.raises(ProviderDown) as down,
    ):
        open_session(encrypted(server.port, "starttls"))

    assert down.value.text == (
        f"The mail server localhost:{server.port} broke off while the connection was set up: "
        "the server spoke before encryption began."
    )


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_unknown_certificate_is_refused(certificate: Certificate, security: str) -> None:
    with (
        scripted_smtp(
            extensions=["STARTTLS"],
            tls=certificate.server_context(),
            tls_at_once=security == "tls",
        ) as server,
        pytest.raises(ProviderDown) as down,
    ):
        open_session(encrypted(server.port, security))

    assert down.value.text == (
        f"The certificate of localhost:{server.port} cannot be trusted: "
        "self-signed certificate. smtp.host must be the name in the certificate, and this "
        "machine must know its issuer."
    )


def test_certificate_of_another_host_is_refused(trusted: Certificate) -> None:
    with scripted_smtp(tls=trusted.server_context(), tls_at_once=True) as server:
        config = encrypted(server.port, "tls").model_copy(update={"host": "127.0.0.1"})
        with pytest.raises(ProviderDown) as down:
            open_session(config)

    assert down.value.text == (
        f"The certificate of 127.0.0.1:{server.port} cannot be trusted: IP address mismatch, "
        "certificate is not valid for '127.0.0.1'. smtp.host must be the name in the certificate, "
        "and this machine must know its issuer."
    )


def test_encryption_on_a_plain_port_says_what_to_check(trusted: Certificate) -> None:
    with scripted_smtp() as server, pytest.raises(ProviderDown) as down:
        open_session(encrypted(server.port, "tls"))

    assert down.value.text.endswith("Check that smtp.security fits smtp.port.")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("offer", "lines"),
    [
        ("AUTH PLAIN", [f"AUTH PLAIN {b64(chr(0) + 'news' + chr(0) + 'hřebík')}"]),
        ("AUTH login plain", [f"AUTH PLAIN {b64(chr(0) + 'news' + chr(0) + 'hřebík')}"]),
        ("AUTH LOGIN CRAM-MD5", ["AUTH LOGIN", b64("news"), b64("hřebík")]),
    ],
)
def test_sign_in_uses_what_is_offered(offer: str, lines: list[str]) -> None:
    answers: dict[str, str | list[str]] = {
        "AUTH LOGIN": "334 VXNlcm5hbWU6",
        b64("news"): "334 UGFzc3dvcmQ6",
        b64("hřebík"): "235 welcome",
    }
    with scripted_smtp(answers, [offer]) as server:
        open_session(signing_in(server.port)).close()

    assert server.commands[2:] == lines


@pytest.mark.parametrize(
    ("answers", "offer", "code", "text"),
    [
        (
            {"AUTH": "535 5.7.8 wrong"},
            "AUTH PLAIN",
            535,
            "refused smtp.username and smtp.password with 535 5.7.8 wrong",
        ),
        (
            {"AUTH": "454 4.7.0 later"},
            "AUTH PLAIN",
            454,
            "refused smtp.username and smtp.password with 454 4.7.0 later",
        ),
        (
            {"AUTH": "535 5.7.8 wrong"},
            "AUTH LOGIN",
            535,
            "refused smtp.username and smtp.password with 535 5.7.8 wrong",
        ),
        (
            {},
            "AUTH GSSAPI",
            0,
            NO_WAY_IN,
        ),
        (
            {},
            "SIZE 1",
            0,
            NO_WAY_IN,
        ),
    ],
)
def test_failed_sign_in_is_the_providers_fault(
    answers: dict[str, str], offer: str, code: int, text: str
) -> None:
    with scripted_smtp(answers, [offer]) as server, pytest.raises(ProviderDown) as down:
        open_session(signing_in(server.port))

    assert down.value.text == f"The mail server 127.0.0.1:{server.port} {text}"
    assert down.value.code == code


def test_password_never_appears_in_what_is_said(tmp_path: Path) -> None:
    answers = {"AUTH": "535 no"}
    with scripted_smtp(answers, ["AUTH PLAIN"]) as server, pytest.raises(ProviderDown) as down:
        open_session(signing_in(server.port))

    told = f"{down.value!r} {down.value.text}"
    assert [secret in told for secret in ("hřebík", b64("hřebík"))] == [False, False]
