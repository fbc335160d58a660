"""What the doctor sees of mail servers, mailboxes and the DNS: real servers on loopback."""

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dns import message, rcode, rrset
from dns.resolver import Resolver

from mailer.boot import Parts
from mailer.config import load
from mailer.doctor import Diagnosis, examine
from mailer.message.dkim import Key
from tests.mailboxes import Dovecot
from tests.sinks import scripted_smtp

KEY = Key("example.org", "news", generate_private_key(65537, 2048))
NAME = KEY.record_name
PEM = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
STRINGS = f'"{KEY.record[:200]}" "{KEY.record[200:]}"'
MISSING = Diagnosis(
    is_good=False,
    what=f"There is no DKIM record {NAME}.",
    advice="Publish what `mailer dkim show` prints. Until then, mail counts as not signed.",
)
OTHER = Diagnosis(
    is_good=False,
    what=f"The DKIM record {NAME} does not fit the key that mail is signed with.",
    advice="Publish only the one that `mailer dkim show` prints, or configure the key that "
    "belongs to the published one. Until then, mail seems to be forged.",
)


@contextmanager
def name_server(*records: str, code: rcode.Rcode = rcode.NOERROR) -> Iterator[Resolver]:
    """A resolver that asks a server with these TXT records for every name."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_answer, args=(server, records, code))
        thread.start()
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
        yield resolver
        server.sendto(b"", server.getsockname())
        thread.join()


def _answer(server: socket.socket, records: tuple[str, ...], code: rcode.Rcode) -> None:
    while (asked := server.recvfrom(4096))[0]:
        question = message.from_wire(asked[0])
        answer = message.make_response(question)
        answer.set_rcode(code)
        if records:
            name = question.question[0].name
            answer.answer.append(rrset.from_text(name, 60, "IN", "TXT", *records))
        server.sendto(answer.to_wire(), asked[1])


def list_diagnoses(resolver: Resolver, folder: Path, provider: str = "smtp") -> list[Diagnosis]:
    config = load(
        site={"secret_keys": ["k" * 40]},
        database={"url": f"sqlite:///{folder}/mailer.db"},
        mail={"from_address": "news@example.org", "provider": provider},
        smtp={"host": "127.0.0.1", "port": 9, "security": "none"},
        dkim={"selector": "news", "private_key": PEM},
    )
    parts = Parts(config)
    diagnoses = examine(parts, lambda: resolver)
    parts.database.dispose()
    return [one for one in diagnoses if "DKIM" in one.what or "[dkim]" in one.what]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILER_CONFIG", raising=False)


@pytest.mark.parametrize(
    "record",
    [
        STRINGS,
        STRINGS.replace("v=DKIM1; k=rsa; ", ""),
        STRINGS.replace("; ", " ;t=s; "),
    ],
)
def test_published_key_is_found(tmp_path: Path, record: str) -> None:
    with name_server(record) as resolver:
        diagnoses = list_diagnoses(resolver, tmp_path)

    assert diagnoses == [
        Diagnosis(True, f"The DKIM record {NAME} fits the key that mail is signed with.")
    ]


@pytest.mark.parametrize(
    ("records", "code", "diagnosis"),
    [
        ((), rcode.NXDOMAIN, MISSING),
        ((), rcode.NOERROR, MISSING),
        (('"v=DKIM1; k=rsa; p=AAAA"',), rcode.NOERROR, OTHER),
        (('"v=DKIM1; p="',), rcode.NOERROR, OTHER),
        (('"v=spf1 -all"',), rcode.NOERROR, OTHER),
        ((STRINGS.replace("k=rsa", "k=ed25519"),), rcode.NOERROR, OTHER),
        ((STRINGS, '"v=DKIM1; p=AAAA"'), rcode.NOERROR, OTHER),
    ],
)
def test_record_that_verifiers_cannot_use_is_told(
    tmp_path: Path, records: tuple[str, ...], code: rcode.Rcode, diagnosis: Diagnosis
) -> None:
    with name_server(*records, code=code) as resolver:
        diagnoses = list_diagnoses(resolver, tmp_path)

    assert diagnoses == [diagnosis]


def test_silence_of_the_dns_is_told_apart_from_a_missing_record(tmp_path: Path) -> None:
    with name_server(code=rcode.SERVFAIL) as resolver:
        diagnoses = list_diagnoses(resolver, tmp_path)

    assert [(one.is_good, one.what.partition(":")[0]) for one in diagnoses] == [
        (False, f"The DKIM record {NAME} cannot be looked up")
    ]


@pytest.mark.parametrize(
    ("secret", "diagnosis"),
    [
        (
            "",
            Diagnosis(
                is_good=False,
                what="Brevo cannot report bounces and complaints: dead addresses are mailed again.",
                advice="Set brevo.webhook_secret, then run this again for the address to enter at "
                "Brevo.",
            ),
        ),
        (
            "s" * 40,
            Diagnosis(
                is_good=True,
                what=f"Brevo reports to https://news.example.org/hooks/brevo/{'s' * 40} "
                "(enter it at Brevo as a transactional webhook).",
            ),
        ),
    ],
)
def test_way_back_from_brevo_is_told(tmp_path: Path, secret: str, diagnosis: Diagnosis) -> None:
    parts = Parts(
        load(
            site={"secret_keys": ["k" * 40], "base_url": "https://news.example.org"},
            database={"url": f"sqlite:///{tmp_path}/mailer.db"},
            mail={"provider": "brevo"},
            brevo={"api_key": "key", "webhook_secret": secret},
        )
    )
    diagnoses = examine(parts)
    parts.database.dispose()

    assert [one for one in diagnoses if "report" in one.what] == [diagnosis]


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ("235 welcome", Diagnosis(True, "The mail server {place} lets us in.")),
        (
            "535 5.7.8 wrong",
            Diagnosis(
                False,
                "The mail server {place} refused smtp.username and smtp.password with 535 5.7.8 "
                "wrong",
                "Check the [smtp] section: host, port, security, username, password and helo.",
            ),
        ),
    ],
)
def test_mail_server_is_entered_as_the_sender_enters_it(
    tmp_path: Path, answer: str, diagnosis: Diagnosis
) -> None:
    with scripted_smtp({"AUTH": answer}, ["AUTH PLAIN"]) as server:
        place = {"host": "127.0.0.1", "port": server.port, "security": "none"}
        identity = {"helo": "news.example.org", "username": "news", "password": "hřebík"}
        parts = Parts(
            load(
                site={"secret_keys": ["k" * 40]},
                database={"url": f"sqlite:///{tmp_path}/mailer.db"},
                smtp={**place, **identity},
            )
        )
        diagnoses = examine(parts)
        parts.database.dispose()

    (found,) = [one for one in diagnoses if "mail server" in one.what]
    what = diagnosis.what.format(place=f"127.0.0.1:{server.port}")
    assert found == Diagnosis(diagnosis.is_good, what, diagnosis.advice)
    secret = b64encode("\0news\0hřebík".encode()).decode()
    assert server.commands[:3] == ["CONNECT", "EHLO news.example.org", f"AUTH PLAIN {secret}"]
    assert server.verbs().count("QUIT") == diagnosis.is_good


def test_key_that_is_not_used_is_told(tmp_path: Path) -> None:
    diagnoses = list_diagnoses(Resolver(configure=False), tmp_path, provider="brevo")

    assert diagnoses == [
        Diagnosis(True, "Brevo signs mail with its own key; the one in [dkim] is not used.")
    ]


@pytest.mark.parametrize(
    ("folder", "diagnosis"),
    [
        ("INBOX", Diagnosis(True, "Bounces can be read: {box} opens. Mails in it: 1.")),
        (
            "Lost",
            Diagnosis(
                False,
                "Bounces cannot be read from {box}: Mailbox doesn't exist: Lost",
                "Check the [bounces] section: host, port, security, username, password and folder.",
            ),
        ),
    ],
)
def test_box_of_bounces_is_opened(
    tmp_path: Path, dovecot: Dovecot, folder: str, diagnosis: Diagnosis
) -> None:
    owner = f"doctor-{folder}"
    dovecot.put(owner, b"Subject: Hello\r\n\r\n")
    parts = Parts(
        load(
            site={"secret_keys": ["k" * 40]},
            database={"url": f"sqlite:///{tmp_path}/mailer.db"},
            mail={"provider": "brevo"},
            bounces=dovecot.section(owner, folder=folder),
        )
    )
    diagnoses = examine(parts)
    parts.database.dispose()

    box = f"“{folder}” at localhost:{dovecot.tls_port}"
    (found,) = [one for one in diagnoses if "Bounces" in one.what]
    assert (found.is_good, found.advice) == (diagnosis.is_good, diagnosis.advice)
    assert found.what.startswith(diagnosis.what.format(box=box))
