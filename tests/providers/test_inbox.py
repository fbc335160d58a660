"""The demo's inbox: what arrives over real SMTP can be listed and read, and nothing else can."""

import mailbox
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer.config import Inbox, Smtp
from mailer.domain.errors import NotFound
from mailer.providers.base import Fate, Mail
from mailer.providers.inbox import (
    FullMessage,
    InboxMessage,
    InboxServer,
    get_message,
    list_messages,
)
from mailer.providers.smtp import SmtpSender
from tests.providers.mails import CONTENT, RecordingGate, a_mail
from tests.sinks import free_port

LETTER = (
    b"Subject: =?utf-8?q?Setk=C3=A1n=C3=AD?=\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"UMWZaWrEjyENCmh0dHBzOi8vbmV3cy5leGFtcGxlLm9yZy9hLg0KaHR0cHM6Ly9uLmV4YW1wbGUub3JnL3QNCg==\r\n"
    b"--b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
    b'<a href=3D"https://news.example.org/a?x=3D1&amp;y=3D2">P=C5=99ij=C4=8F</a>\r\n'
    b'<a href=3D"https://news.example.org/a">again</a><a href=3D"mailto:x@y.z">mail</a>\r\n'
    b"--b--\r\n"
)


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
        return [outcome.fate for outcome in sender.send(mails, RecordingGate())]


def set_arrival(inbox: Inbox, message: InboxMessage, moment: datetime) -> None:
    file = inbox.directory / "new" / message.id
    os.utime(file, (moment.timestamp(), moment.timestamp()))


def test_empty_inbox_is_an_empty_list(tmp_path: Path) -> None:
    assert list_messages(tmp_path / "nothing") == []


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


def test_newest_mail_comes_first(inbox: Inbox) -> None:
    post(inbox, a_mail(1, "a@example.org"), a_mail(2, "b@example.org"), a_mail(3, "c@example.org"))
    hours = {"a@example.org": 8, "b@example.org": 10, "c@example.org": 9}
    for message in list_messages(inbox.directory):
        hour = hours[message.recipient]
        set_arrival(inbox, message, datetime(2026, 11, 22, hour, tzinfo=UTC))

    listed = list_messages(inbox.directory)

    assert [(message.recipient, message.date.hour) for message in listed] == [
        ("b@example.org", 10),
        ("c@example.org", 9),
        ("a@example.org", 8),
    ]
    assert list_messages(inbox.directory, limit=2) == listed[:2]


def test_letter_is_read_with_all_its_parts(inbox: Inbox) -> None:
    post(inbox, a_mail(content=LETTER))
    (listed,) = list_messages(inbox.directory)

    message = get_message(inbox.directory, listed.id)

    assert listed.subject == "Setkání"
    assert message == FullMessage(
        headers=LETTER.split(b"\r\n\r\n")[0].decode().replace("\r\n", "\n"),
        html='<a href="https://news.example.org/a?x=1&amp;y=2">Přijď</a>\n'
        '<a href="https://news.example.org/a">again</a><a href="mailto:x@y.z">mail</a>',
        text="Přijď!\nhttps://news.example.org/a.\nhttps://n.example.org/t\n",
        raw=LETTER,
        links=(
            "https://news.example.org/a?x=1&y=2",
            "https://news.example.org/a",
            "https://n.example.org/t",
        ),
    )


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


def test_message_beyond_twenty_megabytes_is_refused(inbox: Inbox) -> None:
    huge = b"Subject: huge\r\n\r\n" + b"0123456789abcdef\r\n" * (21 * 1024 * 1024 // 18)

    fates = post(inbox, a_mail(1, content=huge), a_mail(2))

    assert fates == [Fate.REFUSED, Fate.ACCEPTED]
    assert [message.subject for message in list_messages(inbox.directory)] == ["Hello"]


def test_message_moved_by_a_mail_reader_keeps_its_id(inbox: Inbox) -> None:
    post(inbox, a_mail())
    (listed,) = list_messages(inbox.directory)
    file = inbox.directory / "new" / listed.id
    file.rename(inbox.directory / "cur" / f"{listed.id}:2,S")

    assert [message.id for message in list_messages(inbox.directory)] == [listed.id]
    assert get_message(inbox.directory, listed.id).raw == CONTENT


@pytest.mark.parametrize(
    "message_id",
    [
        "",
        ".",
        "..",
        "../secret",
        "..%2fsecret",
        "new/../../secret",
        "/etc/passwd",
        "secret",
        "\0",
        "a\nb",
        "1" * 300,
        "*",
        "tmp",
    ],
)
def test_only_ids_of_the_list_can_be_read(inbox: Inbox, message_id: str) -> None:
    post(inbox, a_mail())
    (inbox.directory.parent / "secret").write_text("not a mail")

    with pytest.raises(NotFound):
        get_message(inbox.directory, message_id)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"no header at all\r\n",
        b"Subject: \xff\xfe\r\n\r\n\xff\xfe\r\n",
        b"Subject: =?x-none?q?a?=\r\nContent-Type: text/html; charset=x-none\r\n\r\n<p>\r\n",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary\r\n",
        b"Content-Type: text/html\r\n\r\n<![broken <!-- <a href='https://a.test/\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
        b"Subject: two\r\nSubject: subjects\r\n\r\nx\r\n",
    ],
)
def test_broken_message_is_listed_and_shown_raw(inbox: Inbox, content: bytes) -> None:
    mailbox.Maildir(inbox.directory).add(
        b"Return-Path: <a@example.org>\r\nDelivered-To: b@example.org\r\n" + content
    )

    (listed,) = list_messages(inbox.directory)

    assert (listed.sender, listed.recipient) == ("a@example.org", "b@example.org")
    assert get_message(inbox.directory, listed.id).raw == content


def test_file_that_is_no_message_does_no_harm(inbox: Inbox) -> None:
    (inbox.directory / "new" / "stray").write_bytes(b"")

    (listed,) = list_messages(inbox.directory)

    assert (listed.id, listed.subject) == ("stray", "")
    assert get_message(inbox.directory, "stray").text == ""


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
