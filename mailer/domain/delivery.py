"""The life of one mail to one person: its states, what an outcome makes of it, when to try again.

`storage/ledger` writes what is decided here; `worker/engine` asks in the right order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum


class DeliveryKind(StrEnum):
    NEWSLETTER = "newsletter"
    TRANSACTIONAL = "transactional"


class Priority(IntEnum):
    """Of transactional mail, which goes first. in_bulk: nobody sits and waits for it, so it takes
    turns with newsletters."""

    WAITED_FOR = 0
    IN_BULK = 1


class DeliveryState(StrEnum):
    """skipped: this reader's letter would have been empty; such rows are not in the audience."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    HANDING_OFF = "handing_off"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    REJECTED = "rejected"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


OPEN_STATES = frozenset(
    {
        DeliveryState.QUEUED,
        DeliveryState.CLAIMED,
        DeliveryState.HANDING_OFF,
        DeliveryState.DEFERRED,
    }
)
"""Not terminal whatever else is known. `unknown` is open too while a resend is due (`next_at`)."""

ARRIVED_STATES = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED})
"""The provider answers for it: the items in it count as told."""

FIRST_RETRY = timedelta(minutes=30)
LONGEST_RETRY = timedelta(hours=8)
UNKNOWN_WAIT = timedelta(minutes=15)
TRANSACTIONAL_ATTEMPTS = 8

ANSWER_WAIT = timedelta(minutes=15)
"""A mail being handed over is nobody else's for this long: more than any answer is waited for
(an SMTP server's to the final dot: ten minutes)."""


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery. `next_at` None: nothing more happens by itself."""

    state: DeliveryState
    next_at: datetime | None = None


def backoff(attempts: int) -> timedelta:
    """How long to wait after that many attempts: 30 min, 1 h, 2 h, 4 h, then every 8 h
    (RFC 5321 section 4.5.4.1 asks for 30 minutes at least)."""
    waits = (FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY, 8 * FIRST_RETRY, LONGEST_RETRY)
    return waits[min(max(0, attempts - 1), len(waits) - 1)]


def after_retry(
    attempts: int, expires_at: datetime, now: datetime, *, is_repeat: bool = False
) -> Next:
    """The provider said "not now"; `attempts` includes this one. Of a repeat the first copy may
    have arrived, so where it comes too late nobody knows."""
    again = now + backoff(attempts)
    if again >= expires_at:
        return Next(DeliveryState.UNKNOWN if is_repeat else DeliveryState.EXPIRED)
    return Next(DeliveryState.DEFERRED, again)


def after_unknown(
    kind: DeliveryKind, attempts: int, now: datetime, *, is_second: bool, resends: bool
) -> Next:
    """The answer was lost. A newsletter is sent once more after a wait, never a third time; mail
    that somebody is waiting for is sent again at once, up to a cap."""
    if kind == DeliveryKind.TRANSACTIONAL:
        again = attempts < TRANSACTIONAL_ATTEMPTS
        return Next(DeliveryState.UNKNOWN, now if again else None)
    if is_second or not resends:
        return Next(DeliveryState.UNKNOWN)
    return Next(DeliveryState.UNKNOWN, now + UNKNOWN_WAIT)


@dataclass(frozen=True, slots=True)
class Account:
    """How many deliveries of a newsletter stand in each state; `audience` is what was promised."""

    audience: int
    by_state: dict[DeliveryState, int]
    waiting_unknown: int = 0

    def count(self, *states: DeliveryState) -> int:
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def open(self) -> int:
        """Mails about which something still happens by itself."""
        return self.count(*OPEN_STATES) + self.waiting_unknown

    @property
    def adds_up(self) -> bool:
        """The accounting identity: everyone promised a letter is in exactly one state."""
        total = sum(self.by_state.values()) - self.count(DeliveryState.SKIPPED)
        return total == self.audience
