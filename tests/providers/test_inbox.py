"""The demo's mail server: everything that arrives over real SMTP is kept as it came."""

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer.providers.base import Fate, Mail
from mailer.providers.inbox import InboxServer
from mailer.providers.smtp import SmtpSender
from mailer.sections.mail import Inbox, Smtp
from mailer.storage.maildir import InboxMessage, get_message, list_messages
from tests.providers.mails import CONTENT, a_mail
from tests.providers.works import hand_over
from tests.sinks import free_port


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    config = Inbox(port=free_port(), directory=tmp_path / "a" / "inbox")
    server = InboxServer(config)
    server.start()
    yield config
    server.stop()


def post(inbox: Inbox, *mails: Mail) -> list[Fate]:
    config = Smtp(host=inbox.host, port=inbox.port, security="none", reply_seconds=5)
    with closing(SmtpSender(config)) as sender:
        return hand_over(sender, mails).fates


def test_mail_is_kept_with_its_envelope(inbox: Inbox) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)

    fates = post(inbox, a_mail(sender="bounce+1@example.org", recipient="bob@example.org"))

    (message,) = list_messages(inbox.directory)
    assert fates == [Fate.ACCEPTED]
    assert message == InboxMessage(
        id=message.id,
        recipient="bob@example.org",
        sender="bounce+1@example.org",
        subject="Hello",
        date=message.date,
        size=len(CONTENT),
    )
    assert before < message.date <= datetime.now(UTC) + timedelta(seconds=2)


def test_dots_and_foreign_letters_arrive_unchanged(inbox: Inbox) -> None:
    content = "Subject: x\r\n\r\n.\r\n..\r\n.hidden řeč\r\n".encode()

    fates = post(inbox, a_mail(recipient="jiří@example.org", content=content))

    (listed,) = list_messages(inbox.directory)
    assert fates == [Fate.ACCEPTED]
    assert listed.recipient == "jiří@example.org"
    assert get_message(inbox.directory, listed.id).raw == content


def test_each_recipient_has_a_copy(inbox: Inbox) -> None:
    with socket.create_connection((inbox.host, inbox.port), 5) as client:
        stream = client.makefile("rb")
        stream.readline()
        for line in (
            b"HELO x",
            b"MAIL FROM:<>",
            b"RCPT TO:<a@example.org>",
            b"RCPT TO:<b@example.org>",
            b"DATA",
            b"Subject: both\r\n\r\nHi\r\n.",
        ):
            client.sendall(line + b"\r\n")
            stream.readline()
        stream.close()

    listed = list_messages(inbox.directory)
    assert sorted((message.recipient, message.sender) for message in listed) == [
        ("a@example.org", ""),
        ("b@example.org", ""),
    ]


def test_message_beyond_twenty_megabytes_is_unfit(inbox: Inbox) -> None:
    huge = b"Subject: huge\r\n\r\n" + b"0123456789abcdef\r\n" * (21 * 1024 * 1024 // 18)

    fates = post(inbox, a_mail(1, content=huge), a_mail(2))

    assert fates == [Fate.UNFIT, Fate.ACCEPTED]
    assert [message.subject for message in list_messages(inbox.directory)] == ["Hello"]


def test_taken_port_is_an_error(inbox: Inbox) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        InboxServer(inbox).start()


def test_stopped_server_is_gone_and_can_start_again(tmp_path: Path) -> None:
    config = Inbox(port=free_port(), directory=tmp_path / "inbox")
    server = InboxServer(config)
    server.stop()
    server.start()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((config.host, config.port), 1)

    server.start()
    fates = post(config, a_mail())
    server.stop()

    assert fates == [Fate.ACCEPTED]
