"""The configuration's word for a provider becomes a sender."""

from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from mailer import config as configuration
from mailer.config import Config
from mailer.providers.base import Fate, Sender
from mailer.providers.brevo import BrevoSender
from mailer.providers.inbox import InboxServer
from mailer.providers.memory import MemorySender
from mailer.providers.registry import build_sender
from mailer.providers.smtp import SmtpSender
from mailer.storage.maildir import list_messages
from tests.providers.mails import a_mail, several
from tests.providers.works import hand_over
from tests.sinks import brevo_stub, free_port, scripted_smtp, smtp_sink

PROVIDERS = get_args(configuration.Mail.model_fields["provider"].annotation)


def a_config(provider: str, **sections: Any) -> Config:
    site = {"secret_keys": [SecretStr("k" * 32)]}
    return Config(site=site, mail={"provider": provider}, **sections)


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        ("smtp", SmtpSender),
        ("brevo", BrevoSender),
        ("inbox", SmtpSender),
        ("memory", MemorySender),
    ],
)
def test_each_provider_has_its_sender(provider: str, kind: type) -> None:
    with closing(build_sender(a_config(provider))) as sender:
        assert type(sender) is kind
        assert sender.name == provider


def test_every_provider_of_the_configuration_can_be_built() -> None:
    senders: list[Sender] = [build_sender(a_config(provider)) for provider in PROVIDERS]
    for sender in senders:
        sender.close()

    assert [sender.name for sender in senders] == list(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_is_in_the_guide(provider: str) -> None:
    guide = Path(__file__).parents[2] / "docs" / "providers.md"

    assert f'provider = "{provider}"' in guide.read_text(encoding="utf-8")


def test_smtp_sender_goes_where_the_configuration_says() -> None:
    with smtp_sink() as sink:
        smtp = {"host": "127.0.0.1", "port": sink.port, "security": "none"}
        with closing(build_sender(a_config("smtp", smtp=smtp))) as sender:
            work = hand_over(sender, [a_mail()])
        arrived = sink.mails()

    assert work.fates == [Fate.ACCEPTED]
    assert [mail.recipient_args for mail in arrived] == [("<ann@example.org>",)]


def test_smtp_sender_opens_as_many_connections_as_the_configuration_says() -> None:
    with scripted_smtp() as server:
        smtp = {"host": "127.0.0.1", "port": server.port, "security": "none", "connections": 3}
        with closing(build_sender(a_config("smtp", smtp=smtp))) as sender:
            hand_over(sender, several(20))

    assert server.most_open == 3
    assert len(server.bodies) == 20


def test_brevo_sender_fills_its_requests_as_the_configuration_says() -> None:
    with brevo_stub() as stub:
        brevo = {"api_key": "xkeysib-secret", "base_url": stub.url, "batch_size": 3}
        with closing(build_sender(a_config("brevo", brevo=brevo))) as sender:
            work = hand_over(sender, several(5, b"From: a@example.org\r\n\r\nHi\r\n"))

    assert work.asked == [[1, 2, 3], [4, 5]]


def test_inbox_sender_reaches_the_inbox(tmp_path: Path) -> None:
    config = a_config("inbox", inbox={"port": free_port(), "directory": tmp_path / "box"})
    server = InboxServer(config.inbox)
    server.start()
    with closing(build_sender(config)) as sender:
        work = hand_over(sender, [a_mail()])
    server.stop()

    assert work.fates == [Fate.ACCEPTED]
    assert [message.subject for message in list_messages(tmp_path / "box")] == ["Hello"]
