"""The demo's inbox: what lies there can be listed and read, and nothing else can."""

from datetime import timedelta
from pathlib import Path

import pytest

from mailer.domain.errors import NotFound
from mailer.storage.maildir import (
    MOST_LISTED,
    FullMessage,
    InboxMessage,
    get_message,
    list_messages,
)
from tests.mailbags import ARRIVED, LETTER, keep


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def test_empty_inbox_is_an_empty_list(inbox: Path) -> None:
    assert list_messages(inbox) == []


def test_mail_is_listed_with_its_envelope(inbox: Path) -> None:
    name = keep(inbox, b"Subject: Hello\r\n there\r\n\r\nHi\r\n", "jiří@example.org")

    assert list_messages(inbox) == [
        InboxMessage(
            id=name,
            recipient="jiří@example.org",
            sender="news@example.org",
            subject="Hello there",
            date=ARRIVED,
            size=30,
        )
    ]


def test_newest_mail_comes_first(inbox: Path) -> None:
    for recipient, hours in (("a@example.org", 0), ("b@example.org", 2), ("c@example.org", 1)):
        keep(inbox, recipient=recipient, at=ARRIVED + timedelta(hours=hours))

    assert [message.recipient[0] for message in list_messages(inbox)] == ["b", "c", "a"]


def test_oldest_mail_of_a_full_inbox_is_not_listed(inbox: Path) -> None:
    names = [
        keep(inbox, at=ARRIVED + timedelta(seconds=second)) for second in range(MOST_LISTED + 2)
    ]

    assert [message.id for message in list_messages(inbox)] == names[:1:-1]


def test_letter_is_read_with_all_its_parts(inbox: Path) -> None:
    name = keep(inbox, LETTER)
    (listed,) = list_messages(inbox)

    message = get_message(inbox, name)

    assert listed.subject == "Setkání"
    assert message == FullMessage(
        about=listed,
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


def test_message_larger_than_what_the_list_reads_has_its_true_size(inbox: Path) -> None:
    content = b"Subject: large\r\n\r\n" + b"x" * 200_000

    keep(inbox, content)

    assert [message.size for message in list_messages(inbox)] == [len(content)]


def test_message_moved_by_a_mail_reader_keeps_its_id(inbox: Path) -> None:
    name = keep(inbox)
    (inbox / "new" / name).rename(inbox / "cur" / f"{name}:2,S")

    assert [message.id for message in list_messages(inbox)] == [name]
    assert get_message(inbox, name).raw == LETTER


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
def test_only_ids_of_the_list_can_be_read(inbox: Path, message_id: str) -> None:
    keep(inbox)
    (inbox.parent / "secret").write_text("not a mail")

    with pytest.raises(NotFound):
        get_message(inbox, message_id)


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
def test_broken_message_is_listed_and_shown_raw(inbox: Path, content: bytes) -> None:
    name = keep(inbox, content)

    (listed,) = list_messages(inbox)

    assert (listed.sender, listed.recipient) == ("news@example.org", "bob@example.org")
    assert get_message(inbox, name).raw == content


def test_file_that_is_no_message_does_no_harm(inbox: Path) -> None:
    (inbox / "new").mkdir(parents=True)
    (inbox / "new" / "stray").write_bytes(b"")

    (listed,) = list_messages(inbox)

    assert (listed.id, listed.subject) == ("stray", "")
    assert get_message(inbox, "stray").text == ""
