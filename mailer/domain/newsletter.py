"""The life of a newsletter: which state may follow which, and when it may leave."""

from datetime import datetime, timedelta
from enum import StrEnum

from mailer.domain.errors import WrongState

LATE_LIMIT = timedelta(hours=72)
"""How late one may still begin to leave by itself; a plan may have a limit of its own."""

LONGEST_LIFE = timedelta(days=5)
"""How long mails of it are tried when nothing ends it before."""

SHORTEST_LIFE = timedelta(days=1)
"""How long they are tried at least, however late it began."""


class NewsletterKind(StrEnum):
    LETTER = "letter"
    DIGEST = "digest"
    NOTICE = "notice"
    CORRECTION = "correction"


class NewsletterState(StrEnum):
    """scheduled: approved, waits for its time, at least until the grace is over.
    preparing: the audience is being written down. sent: nothing more happens by itself, but failed
    mails may be tried again. missed: its time passed while nobody served, or while nobody approved
    it."""

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
    _S.DRAFT: frozenset({_S.SCHEDULED, _S.CANCELLED, _S.SKIPPED_EMPTY, _S.MISSED}),
    _S.SCHEDULED: frozenset({_S.DRAFT, _S.PREPARING, _S.CANCELLED, _S.MISSED}),
    _S.PREPARING: frozenset({_S.SENDING, _S.PAUSED, _S.CANCELLED, _S.SKIPPED_EMPTY}),
    _S.SENDING: frozenset({_S.PAUSED, _S.SENT, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.PREPARING, _S.SENDING, _S.CANCELLED}),
    _S.MISSED: frozenset({_S.DRAFT, _S.CANCELLED}),
    _S.SENT: frozenset({_S.SENDING}),
    _S.CANCELLED: frozenset(),
    _S.SKIPPED_EMPTY: frozenset(),
}

_STANDS: dict[NewsletterState, tuple[str, str]] = {
    _S.DRAFT: ("a draft", "Nothing of it leaves before somebody approves it."),
    _S.SCHEDULED: ("approved", "Stop it first; then it is a draft again."),
    _S.PREPARING: ("being prepared", "It can be paused or cancelled."),
    _S.SENDING: ("being sent", "It can be paused or cancelled."),
    _S.PAUSED: ("paused", "It can be resumed or cancelled."),
    _S.SENT: ("sent", "Only mails that failed can be tried again."),
    _S.CANCELLED: ("cancelled", "Make a new one."),
    _S.SKIPPED_EMPTY: ("left out, as there was nothing new", "Make a new one."),
    _S.MISSED: ("missed", "Stop it first; then it is a draft again. Or cancel it."),
}
"""How a newsletter stands, and what can be done with it then."""


def check_move(state: NewsletterState, wanted: NewsletterState) -> None:
    """Raise WrongState unless a newsletter in `state` may become `wanted`."""
    if wanted not in _MAY_BECOME[state]:
        raise _wrong(state, _STANDS[wanted][0])


def check_resume(state: NewsletterState) -> None:
    """Raise WrongState unless a newsletter in `state` stands still and may go on."""
    if state != _S.PAUSED:
        raise _wrong(state, "resumed")


def check_retry(state: NewsletterState) -> None:
    """Raise WrongState unless failed mails of a newsletter in `state` may be tried again."""
    if state not in (_S.SENT, _S.SENDING, _S.PAUSED):
        raise _wrong(state, "tried again")


def check_edit(state: NewsletterState) -> None:
    """Raise WrongState unless the words of a newsletter in `state` may still be changed."""
    if state != _S.DRAFT:
        raise _wrong(state, "edited")


def _wrong(state: NewsletterState, wanted: str) -> WrongState:
    stands, advice = _STANDS[state]
    return WrongState("newsletter", stands, wanted, advice)


def earliest_departure(asked_for: datetime | None, now: datetime, grace: timedelta) -> datetime:
    """When the first mail may leave: at the time asked for, but never before the grace is over.

    `grace`: between "send" and the first mail, so that a mistake seen at once can be stopped.
    """
    return max(asked_for or now, now + grace)


def last_departure(planned: datetime | None, begins_at: datetime) -> datetime:
    """When the last mail may leave: at the planned end, but a late beginning leaves time for all.

    `planned` None: nothing ends it before its longest life is over.
    """
    return max(planned or begins_at + LONGEST_LIFE, begins_at + SHORTEST_LIFE)
