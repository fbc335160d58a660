"""SMTP senders that lose patience soon, for tests against servers that test it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mailer.providers.smtp import SmtpSender
from mailer.sections.mail import Smtp

PIPELINING = ("PIPELINING", "8BITMIME")


def plain(port: int, **settings: Any) -> Smtp:
    """One unencrypted connection unless `settings` say otherwise."""
    usual = {"host": "127.0.0.1", "security": "none", "connections": 1}
    patience = {"connect_seconds": 2, "reply_seconds": 0.5}
    return Smtp(port=port, **{**usual, **patience, **settings})


@contextmanager
def sender_to(port: int, *, dot_seconds: float = 0.5, **settings: Any) -> Iterator[SmtpSender]:
    sender = SmtpSender(plain(port, **settings), dot_seconds=dot_seconds)
    try:
        yield sender
    finally:
        sender.close()
