"""The port between the engine and whoever carries the mail. Holds no provider's words.

A Sender is used by one thread. It keeps its connection between calls and opens a new one when
the old one is gone. It never raises for one bad address: every mail of the batch gets exactly
one Outcome, in any order. A fault that is the provider's and not the mail's (refused connection,
failed sign-in, 421, 429, TLS, DNS) raises ProviderDown *before* any mail it concerns was let
through the gate; mails already yielded keep their outcome, the rest are untouched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, ready to hand over. `content` is CRLF bytes without dot-stuffing.

    `key` is the delivery's id, `idempotency_key` the same across repeats of that delivery.
    """

    key: int
    sender: str
    recipient: str
    content: bytes
    idempotency_key: str = ""


class Fate(StrEnum):
    """What became of a mail that was offered.

    accepted: the provider took responsibility. retry: it said "not now". refused: it said "never".
    unknown: the answer was lost after the gate; it may or may not arrive. held: the gate closed,
    nothing was handed over.
    """

    ACCEPTED = "accepted"
    RETRY = "retry"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`phase` is where it ended (connect, mail, rcpt, data, dot, request), `code` the SMTP or
    HTTP status (0 when there was none), `text` the provider's words, 500 characters at most."""

    key: int
    fate: Fate
    phase: str = ""
    code: int = 0
    text: str = ""
    provider_message_id: str = ""


Gate = Callable[[Sequence[int]], frozenset[int]]
"""Called with the keys of mails about to pass the point of no return, right before it.

Returns those that may pass, their state committed as `handing_off`; the others are yielded HELD.
SMTP asks for one key before the final dot, an HTTP batch for all keys before the request.
"""


class ProviderDown(Exception):
    """The provider, not the mail, is at fault. Nobody's attempt is spent.

    `retry_at` is set when the provider said when to come back.
    """

    def __init__(self, text: str, code: int = 0, retry_at: datetime | None = None) -> None:
        self.text, self.code, self.retry_at = text[:500], code, retry_at
        super().__init__(self.text)


class Sender(Protocol):
    """A way to hand mail over."""

    name: str
    batch_size: int
    """How many mails `send` may be given at once; it bounds the repeats of a crash for HTTP."""

    def send(self, batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        """Hand over `batch`, yielding an outcome per mail as it becomes known."""
        ...

    def close(self) -> None:
        """Say goodbye politely, within five seconds; errors are of no consequence."""
        ...
