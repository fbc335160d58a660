"""Mails for the tests of the senders."""

from collections.abc import Iterable

from mailer.providers.base import Fate, Mail, Outcome

CONTENT = b"Subject: Hello\r\nTo: ann@example.org\r\n\r\nWe meet on Friday.\r\n"

Ending = tuple[Fate, str, int]
"""How a mail ended, where, and with which code."""

ACCEPTED: Ending = (Fate.ACCEPTED, "dot", 250)


def a_mail(
    key: int = 1,
    recipient: str = "ann@example.org",
    content: bytes = CONTENT,
    sender: str = "news@example.org",
    idempotency_key: str = "",
) -> Mail:
    return Mail(key, sender, recipient, content, idempotency_key)


def several(count: int, content: bytes = CONTENT) -> list[Mail]:
    """Mails 1, 2, 3 … to reader1@example.org and so on."""
    return [a_mail(key, f"reader{key}@example.org", content) for key in range(1, count + 1)]


def numbered(count: int) -> list[Mail]:
    """As `several`, and the content of each says its key, for `key_of`."""
    return [
        a_mail(key, f"reader{key}@example.org", f"Subject: {key}\r\n\r\nHi\r\n".encode())
        for key in range(1, count + 1)
    ]


def key_of(body: bytes) -> int:
    return int(body.split(b"\r\n", 1)[0].removeprefix(b"Subject: "))


def endings(outcomes: Iterable[Outcome]) -> list[Ending]:
    return [(outcome.fate, outcome.phase, outcome.code) for outcome in outcomes]
