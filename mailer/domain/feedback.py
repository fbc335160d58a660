"""What comes back about mail that left, and what it says about an address. Pure reading of codes
and words; what follows from it is written by `usecases/feedback`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp2

from mailer.domain.delivery import DeliveryState

# RFC 3463: 5.1.1 bad mailbox, 5.1.2 bad domain, 5.1.3 bad syntax, 5.1.6 moved, 5.1.10 null MX.
_DEAD = re.compile(r"\b5\.1\.(1|2|3|6|10)\b")
PERMANENT = 5
_PHASES_OF_THE_ADDRESS = frozenset({"rcpt", "request"})

PARKED = timedelta(hours=1)
"""How long feedback waits for a mail that is not there, or that has not left as far as we know."""

HALF_LIFE = timedelta(days=120)
WORN_OUT = 5.0
"""Soft bounces that make an address a dead one, each worth half after every HALF_LIFE: six in a
row for weekly readers, ten for monthly ones."""


class FeedbackKind(StrEnum):
    """soft_bounce: may work next time. blocked: refused for a policy, which is not the person's
    fault. delayed: still under way. unsubscribed: by a button of the provider's own."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    SOFT_BOUNCE = "soft_bounce"
    HARD_BOUNCE = "hard_bounce"
    BLOCKED = "blocked"
    COMPLAINT = "complaint"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One thing that a provider, or somebody's mail server, says about one mail.

    `event_id` is the same whenever the same thing is said again. `delivery_id` is known where the
    answer carries an id of ours whose signature held; else `provider_message_id` names the mail.
    `status` is an enhanced status code such as 5.1.1 (RFC 3463), "" where none was given.
    """

    provider: str
    event_id: str
    kind: FeedbackKind
    at: datetime
    delivery_id: int | None = None
    provider_message_id: str = ""
    address: str = ""
    status: str = ""
    text: str = ""


_S = DeliveryState

UNSENT_STATES = frozenset({_S.QUEUED, _S.CLAIMED, _S.DEFERRED})
"""Of a repeat too: then a first copy may have arrived."""

_ROAD = (_S.UNKNOWN, _S.ACCEPTED, _S.DELIVERED, _S.BOUNCED, _S.COMPLAINED)
"""What a mail that left goes through. Feedback moves it forward only, whatever comes first."""

_PROVES: Mapping[FeedbackKind, DeliveryState] = {
    FeedbackKind.DELAYED: _S.ACCEPTED,
    FeedbackKind.DELIVERED: _S.DELIVERED,
    FeedbackKind.UNSUBSCRIBED: _S.DELIVERED,
    FeedbackKind.SOFT_BOUNCE: _S.BOUNCED,
    FeedbackKind.HARD_BOUNCE: _S.BOUNCED,
    FeedbackKind.BLOCKED: _S.BOUNCED,
    FeedbackKind.COMPLAINT: _S.COMPLAINED,
}


def is_dead_address(phase: str, code: int, text: str) -> bool:
    """Whether a refusal means that the address does not exist, rather than that this mail was
    not wanted: only then is the address never tried again."""
    is_permanent = code // 100 == PERMANENT
    return is_permanent and phase in _PHASES_OF_THE_ADDRESS and bool(_DEAD.search(text))


def must_wait(state: DeliveryState, *, is_repeat: bool) -> bool:
    """Whether feedback comes before the answer that the mail was handed over at all: that answer
    is written first. A mail that waits for its one repeat has left before."""
    return state is _S.HANDING_OFF or (state in UNSENT_STATES and not is_repeat)


def may_give_up(state: DeliveryState | None, waited: timedelta) -> bool:
    """Whether to wait no longer; `state` None: there is no such mail. One that is being handed
    over gets its answer, or is sorted out as unknown, however long that takes."""
    return state is not _S.HANDING_OFF and waited >= PARKED


def after_feedback(
    state: DeliveryState, kind: FeedbackKind, *, is_repeat: bool = False
) -> DeliveryState | None:
    """What a mail becomes by what was said about it; None: it stays what it is.

    Only for a mail that need not wait (`must_wait`). Whatever is said proves that the mail was
    taken, so a mail of unknown fate, or one that waits for its repeat, is resolved by it.
    """
    here = _S.UNKNOWN if state in UNSENT_STATES and is_repeat else state
    proven = _PROVES[kind]
    if here not in _ROAD or _ROAD.index(proven) <= _ROAD.index(here):
        return None
    return proven


def is_outlived(dead_at: datetime, arrived_at: datetime | None) -> bool:
    """Whether an address that was said to be dead took mail later: then it lives."""
    return arrived_at is not None and arrived_at > dead_at


def is_worn_out(
    bounced_at: Iterable[datetime], delivered_at: datetime | None, now: datetime
) -> bool:
    """Whether an address that bounced softly counts as dead: `bounced_at` holds one moment per
    mail, `delivered_at` is when a mail last arrived, which makes good for all before it."""
    since = (moment for moment in bounced_at if delivered_at is None or moment > delivered_at)
    return sum(exp2((moment - now) / HALF_LIFE) for moment in since) >= WORN_OUT
