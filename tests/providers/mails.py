"""Mails and gates for the tests of the senders."""

from collections.abc import Iterable, Sequence

from mailer.providers.base import Mail

CONTENT = b"Subject: Hello\r\nTo: ann@example.org\r\n\r\nWe meet on Friday.\r\n"


def a_mail(
    key: int = 1,
    recipient: str = "ann@example.org",
    content: bytes = CONTENT,
    sender: str = "news@example.org",
    idempotency_key: str = "",
) -> Mail:
    return Mail(key, sender, recipient, content, idempotency_key)


class RecordingGate:
    """Lets every mail pass but those in `closed_for`; `asked` is what it was asked, in order."""

    def __init__(self, closed_for: Iterable[int] = ()) -> None:
        self.closed_for = frozenset(closed_for)
        self.asked: list[list[int]] = []

    def __call__(self, keys: Sequence[int]) -> frozenset[int]:
        self.asked.append(list(keys))
        return frozenset(keys) - self.closed_for
