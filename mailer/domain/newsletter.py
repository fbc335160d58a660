"""The life of a newsletter: which state may follow which, and what stands between it and sending."""

from datetime import datetime, timedelta
from enum import StrEnum

from mailer.domain.errors import Invalid, WrongState
from mailer.domain.walltime import exists, to_utc

GRACE = timedelta(minutes=10)
"""Between "send" and the first mail, so that a mistake seen at once can be stopped."""


LONGEST_PLANNED = timedelta(days=60)

NO_SUCH_HOUR = (
    "The clocks change in that night and this hour is left out. Choose an earlier or a later time."
)
HAS_PASSED = "This time has passed. Choose a later one, or “now”."
TOO_FAR = "This is more than 60 days away. Choose an earlier time."


class NewsletterKind(StrEnum):
    LETTER = "letter"
    DIGEST = "digest"
    NOTICE = "notice"
    CORRECTION = "correction"


class NewsletterState(StrEnum):
    """scheduled: approved, waits for its time (the grace is the last ten minutes of it).
    preparing: the audience is being written down. missed: its time passed while nobody served."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"
    SKIPPED_EMPTY = "skipped_empty"
    MISSED = "missed"


_S = NewsletterState
_MAY_BECOME: dict[NewsletterState, frozenset[NewsletterState]] = {
    _S.DRAFT: frozenset({_S.SCHEDULED, _S.CANCELLED, _S.SKIPPED_EMPTY}),
    _S.SCHEDULED: frozenset({_S.DRAFT, _S.PREPARING, _S.CANCELLED, _S.MISSED}),
    _S.PREPARING: frozenset({_S.SENDING, _S.PAUSED, _S.CANCELLED, _S.SKIPPED_EMPTY}),
    _S.SENDING: frozenset({_S.PAUSED, _S.SENT, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.PREPARING, _S.SENDING, _S.CANCELLED}),
    _S.MISSED: frozenset({_S.DRAFT, _S.CANCELLED}),
    _S.SENT: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SKIPPED_EMPTY: frozenset(),
}


def check_move(state: NewsletterState, wanted: NewsletterState) -> None:
    """Raise WrongState unless a newsletter in `state` may become `wanted`."""
    if wanted not in _MAY_BECOME[state]:
        raise WrongState("newsletter", state.replace("_", " "), wanted.replace("_", " "))


def may_edit(state: NewsletterState) -> bool:
    return state == NewsletterState.DRAFT


def read_departure(wall: datetime, tz: str, now: datetime) -> datetime:
    """The moment (UTC) that a person typed as a time on the clocks of `tz`.

    Raises Invalid for `send_at`: an hour that a clock change skips, a time that has passed, or
    one further away than anybody plans. An hour that comes twice is the first of the two.
    """
    if not exists(wall, tz):
        raise Invalid("send_at", NO_SUCH_HOUR)
    moment = to_utc(wall, tz)
    if moment <= now:
        raise Invalid("send_at", HAS_PASSED)
    if moment - now > LONGEST_PLANNED:
        raise Invalid("send_at", TOO_FAR)
    return moment


def earliest_departure(
    asked_for: datetime | None, now: datetime, grace: timedelta = GRACE
) -> datetime:
    """When the first mail may leave: at the time asked for, but never before the grace is over."""
    return max(asked_for or now, now + grace)
