"""The ports between the service and whoever carries the mail: a Sender takes it, a Hook hears what
became of it later. Holds no provider's words.

A Sender is used by one thread. It asks the `Work` it is given for mail whenever it has room, and
before any mail passes the point of no return it asks the ledger, through `Work.commit`, whether
it may. It never raises for one bad address: every mail that it took and began ends in exactly one
Outcome. A fault that is the provider's and not the mail's (refused connection, failed sign-in,
421, 429, TLS, DNS) becomes ProviderDown, raised when every outcome is committed; mails that were
taken and have no outcome were not handed over, and are still the engine's.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from mailer.domain.feedback import Feedback


class Mail(NamedTuple):
    """One message, ready to hand over. `content` is CRLF bytes without dot-stuffing.

    `key` is the delivery's id, `idempotency_key` the same across repeats of that delivery.
    `is_smooth`: whoever built it vouches that it is ASCII, that its lines have 998 characters at
    most and end with CRLF, and that none begins with a dot; else a sender looks for itself.
    """

    key: int
    sender: str
    recipient: str
    content: bytes
    idempotency_key: str = ""
    is_smooth: bool = False


class Fate(StrEnum):
    """What became of a mail that was offered.

    accepted: the provider took responsibility. retry: it said "not now". refused: it said "never".
    unknown: the answer was lost after the point of no return; it may or may not arrive. seen: as
    unknown, but the provider had it before, so whether it gets another copy is for a person to say.
    held: it was not handed over at all, and nothing speaks against doing so later. unfit: not the
    address but the letter cannot go this way (too big), so neither can its sisters.
    """

    ACCEPTED = "accepted"
    RETRY = "retry"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SEEN = "seen"
    HELD = "held"
    UNFIT = "unfit"


class Outcome(NamedTuple):
    """`phase` is where it ended (connect, mail, rcpt, data, dot, request), `code` the SMTP or
    HTTP status (0 when there was none), `text` the provider's words, 500 characters at most."""

    key: int
    fate: Fate
    phase: str = ""
    code: int = 0
    text: str = ""
    provider_message_id: str = ""


class ProviderDown(Exception):
    """The provider, not the mail, is at fault. Nobody's attempt is spent.

    `retry_at` is set when the provider said when to come back.
    """

    def __init__(self, text: str, code: int = 0, retry_at: datetime | None = None) -> None:
        self.text, self.code, self.retry_at = text[:500], code, retry_at
        super().__init__(self.text)


VERDICT_HOLDS = 60
"""Seconds. A process that was stopped in between for longer must ask again: by now somebody else
may have concluded that it is dead."""


class Work(Protocol):
    """What the engine gives a Sender: mail to take, and the ledger to write into."""

    def take(self) -> Mail | None:
        """The next mail to begin, or None when none is to be begun now. Asked again whenever
        there is room."""
        ...

    def commit(self, outcomes: Sequence[Outcome], keys: Sequence[int]) -> frozenset[int]:
        """One transaction for both commits: what became of mails (B), and which of the mails
        `keys` may pass the point of no return now (A), their state committed as `handing_off`.

        The others must not be sent and end HELD. Never raises for a database out of reach: then
        the outcomes are kept in a journal and nothing may pass.
        """
        ...


class Sender(Protocol):
    """A way to hand mail over."""

    name: str

    def send(self, work: Work) -> None:
        """Hand over what `work` gives, until it gives nothing more and every outcome is
        committed. Raises ProviderDown, also only then."""
        ...

    def close(self) -> None:
        """Say goodbye politely, within five seconds; errors are of no consequence."""
        ...


class Hook(Protocol):
    """A way to hear what became of mail."""

    name: str

    def read(self, body: bytes) -> list[Feedback]:
        """What a report says about our mails; what it says about other things is left out.

        Whoever calls has proved where the report comes from. Raises Unreadable, and then nothing
        of the report counts.
        """
        ...
