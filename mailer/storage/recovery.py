"""What the clock sorts out in the ledger: what dead processes held, unknown fates whose wait is
over, mail past its time. What changes a single mail on its way is in `ledger`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from mailer.domain.delivery import TRANSACTIONAL_ATTEMPTS, DeliveryState, Priority
from mailer.domain.newsletter import NewsletterState
from mailer.storage.deliveries import Delivery
from mailer.storage.ledger import end_as, is_open, lease_is_over, move
from mailer.storage.newsletters import Newsletter

_S = DeliveryState

SECOND_LOOK = timedelta(minutes=1)

TAKEN_OVER = 1000
"""Rows per statement: SQLite takes no more than some thousand values in one."""


def list_owners(session: Session) -> list[str]:
    """Every process that holds mail at present."""
    held = is_open(_S.CLAIMED, _S.HANDING_OFF)
    return list(session.scalars(select(Delivery.lease_owner).where(held).distinct()))


def recover(
    session: Session,
    now: datetime,
    wait: timedelta | None,
    *,
    sole_sender: bool = False,
    dead_owners: Iterable[str] = (),
) -> None:
    """Take over from a process that died: what it had only claimed is queued again, what it was
    handing off is `unknown` until `wait` is over, or for good if that is None (mail that a person
    asked for: sent again at once, up to its cap).

    `sole_sender`: the caller holds the lock that proves every other process dead. `dead_owners`:
    processes that are known to be dead. Otherwise only rows whose lease has run out are touched.
    """
    proven = Delivery.lease_owner.in_(tuple(dead_owners)) if dead_owners else false()
    dead = true() if sole_sender else or_(lease_is_over(session, now), proven)
    claimed = and_(is_open(_S.CLAIMED), dead)
    _take_over(session, claimed, {"state": _S.QUEUED, "changed_at": now})
    in_hand = and_(is_open(_S.HANDING_OFF), dead)
    # Somebody sits and waits for these: better twice soon than once in a quarter of an hour. Only
    # a lost lock may mislead, so whoever is alive after all has a minute to tell the answer.
    urgent_at = now if sole_sender else now + SECOND_LOOK
    _take_over(
        session,
        and_(in_hand, Delivery.newsletter_id.is_(None), Delivery.attempts < TRANSACTIONAL_ATTEMPTS),
        {"state": _S.UNKNOWN, "next_at": urgent_at, "is_repeat": True, "changed_at": now},
    )
    again_at = now + wait if wait is not None else None
    _take_over(
        session,
        and_(in_hand, ~Delivery.is_repeat),
        {"state": _S.UNKNOWN, "next_at": again_at, "is_repeat": True, "changed_at": now},
    )
    _take_over(session, in_hand, {"state": _S.UNKNOWN, "next_at": None, "changed_at": now})


def _take_over(session: Session, which: ColumnElement[bool], values: dict[str, Any]) -> None:
    """Like `move`, for those rows that nobody else is taking over at this moment: two who lock the
    same rows in another order would wait for each other."""
    free = select(Delivery.id).where(which).order_by(Delivery.id)
    ids = session.scalars(free.with_for_update(skip_locked=True)).all()
    for start in range(0, len(ids), TAKEN_OVER):
        move(session, and_(which, Delivery.id.in_(ids[start : start + TAKEN_OVER])), values)


def requeue_unknown(session: Session, now: datetime) -> None:
    """Unknown mails whose wait is over go out once more, with the same Message-ID."""
    waited = and_(is_open(_S.UNKNOWN), Delivery.next_at <= now)
    move(session, waited, {"state": _S.QUEUED, "changed_at": now})


def has_left_over(session: Session, now: datetime) -> bool:
    """Whether a mail waits for `recover`, `requeue_unknown`, `cancel_left_over` or `expire`. Reads
    only, so that nobody waits while the open mails of a large newsletter are looked through."""
    stopped = Delivery.newsletter_id.in_(
        select(Newsletter.id).where(Newsletter.state == NewsletterState.CANCELLED)
    )
    left_over = or_(
        and_(Delivery.state == _S.UNKNOWN, Delivery.next_at <= now),
        and_(Delivery.state.in_((_S.CLAIMED, _S.HANDING_OFF)), lease_is_over(session, now)),
        and_(Delivery.state.in_((_S.QUEUED, _S.DEFERRED)), Delivery.expires_at <= now),
        stopped,
    )
    # Counted: asked for the first one only, PostgreSQL would read the whole table and not the index
    # of what is open, in the belief that one turns up soon.
    query = select(func.count()).where(Delivery.next_at.is_not(None), left_over)
    return bool(session.scalar(query))


def doubt_open(session: Session, newsletter_id: int, now: datetime) -> int:
    """Whatever of a newsletter has not ended may have left all the same: it is `unknown` for good,
    and whoever holds it at present does not any more. Returns how many mails."""
    return _doubt(session, Delivery.newsletter_id == newsletter_id, now)


def doubt_in_bulk(session: Session, now: datetime) -> int:
    """The same for mail to persons that nobody sits and waits for."""
    in_bulk = and_(Delivery.newsletter_id.is_(None), Delivery.priority == Priority.IN_BULK)
    return _doubt(session, in_bulk, now)


def _doubt(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    return move(
        session,
        and_(which, Delivery.next_at.is_not(None)),
        {
            "state": _S.UNKNOWN,
            "next_at": None,
            "is_repeat": True,
            "generation": Delivery.generation + 1,
            "changed_at": now,
        },
    )


def expire(session: Session, now: datetime) -> None:
    """Mails that nobody would want any more do not leave."""
    move(
        session,
        and_(is_open(_S.QUEUED, _S.DEFERRED), Delivery.expires_at <= now),
        {"state": end_as(_S.EXPIRED), "reason": "too late", "next_at": None, "changed_at": now},
    )


def cancel_left_over(session: Session, now: datetime) -> None:
    """Mails that were in hand when their newsletter was cancelled, and came back unsent: nobody
    would try them again. Those of unknown fate stay what they are."""
    cancelled = select(Newsletter.id).where(Newsletter.state == NewsletterState.CANCELLED)
    theirs = and_(Delivery.newsletter_id.in_(cancelled), Delivery.next_at.is_not(None))
    ended = {"next_at": None, "changed_at": now}
    unsent = and_(theirs, Delivery.state.in_((_S.QUEUED, _S.DEFERRED)))
    move(session, and_(theirs, Delivery.state == _S.UNKNOWN), ended)
    move(session, unsent, {**ended, "state": end_as(_S.CANCELLED)})
