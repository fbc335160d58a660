"""Who works on which mail: claims, their leases, and giving them back.

A claim raises the row's generation, so that an older one writes nothing any more (`ledger`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, bindparam, select, update
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState, Priority
from mailer.domain.newsletter import NewsletterState
from mailer.storage.db import Moment
from mailer.storage.deliveries import Claim, Delivery
from mailer.storage.ledger import OURS_TO_SETTLE, is_open, lease_end, move
from mailer.storage.newsletters import Newsletter

_S = DeliveryState


def claim_transactional(
    session: Session,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    priority: Priority | None = None,
) -> list[Claim]:
    """Mail to one person, oldest first: of one priority, or all of it, the urgent first."""
    due = _due(now).where(Delivery.newsletter_id.is_(None))
    if priority is not None:
        due = due.where(Delivery.priority == priority)
    order = (Delivery.priority, Delivery.id)
    return _claim(session, due.order_by(*order), owner, now, lease, limit)


def claim_newsletter(
    session: Session, owner: str, now: datetime, lease: timedelta, limit: int
) -> list[Claim]:
    """Mails of a newsletter that is being sent: of the oldest that has any, most urgent first.

    Whoever was put off or shall get a second try has lost that order with the moment, and has
    waited: they go before those who have not had a turn.
    """
    sending = select(Newsletter).where(Newsletter.state == NewsletterState.SENDING)
    for newsletter in session.scalars(sending.order_by(Newsletter.id)).all():
        due = _due(now).where(Delivery.newsletter_id == newsletter.id)
        began = newsletter.started_at or now
        claims: list[Claim] = []
        for turn in (Delivery.next_at > began, Delivery.next_at <= began):
            # Without the id: PostgreSQL would sort all that are equally due instead of taking the
            # first of the index, a hundred milliseconds instead of three.
            chosen, room = due.where(turn).order_by(Delivery.next_at), limit - len(claims)
            if room:
                claims += _claim(session, chosen, owner, now, lease, room)
        if claims:
            return claims
    return []


def _due(now: datetime) -> Select[int]:
    return select(Delivery.id).where(
        Delivery.state.in_((_S.QUEUED, _S.DEFERRED)), Delivery.next_at <= now
    )


def _claim(
    session: Session,
    due: Select[int],
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
) -> list[Claim]:
    chosen = due.limit(limit).with_for_update(skip_locked=True)
    # On the connection: the session would look for each row among its objects first.
    rows = session.connection().execute(
        update(Delivery)
        .where(Delivery.id.in_(chosen))
        .values(
            state=_S.CLAIMED,
            generation=Delivery.generation + 1,
            lease_owner=owner,
            lease_until=lease_end(session, now, lease),
            changed_at=now,
        )
        .returning(*(getattr(Delivery, name) for name in Claim._fields))
    )
    return sorted(map(Claim._make, rows), key=lambda claim: (claim.next_at, claim.id))


def find_claim(session: Session, claim_id: int, generation: int) -> Claim | None:
    """The claim that an outcome in the journal is about, as it was claimed, if the outcome still
    can be settled."""
    row = session.execute(
        select(Delivery.state, *(getattr(Delivery, name) for name in Claim._fields)).where(
            Delivery.id == claim_id,
            Delivery.generation == generation,
            Delivery.state.in_(OURS_TO_SETTLE),
        )
    ).one_or_none()
    if row is None:
        return None
    claim = Claim._make(row[1:])
    was_begun = row.state != _S.CLAIMED
    # Whoever took us for dead has counted this attempt as the first of two.
    was_taken_over = row.state == _S.UNKNOWN and claim.next_at is not None
    return claim._replace(
        attempts=claim.attempts - was_begun,
        is_repeat=claim.is_repeat and not was_taken_over,
    )


def release(session: Session, owner: str, now: datetime, ids: Sequence[int] | None = None) -> int:
    """Give back what this process claimed and did not begin: these, or all. Returns how many."""
    ours = and_(is_open(_S.CLAIMED), Delivery.lease_owner == owner)
    if ids is not None:
        ours = and_(ours, Delivery.id.in_(ids))
    return move(session, ours, {"state": _S.QUEUED, "changed_at": now})


def put_off(session: Session, owner: str, until: Mapping[int, datetime], now: datetime) -> None:
    """Give back claimed mails that may only leave later: id → when."""
    if not until:
        return
    later = (
        update(Delivery)
        .where(
            Delivery.id == bindparam("which"),
            Delivery.lease_owner == owner,
            Delivery.state == _S.CLAIMED,
        )
        .values(state=_S.QUEUED, next_at=bindparam("moment", type_=Moment), changed_at=now)
    )
    rows = [{"which": delivery_id, "moment": moment} for delivery_id, moment in until.items()]
    session.connection().execute(later, rows)


def keep_leases(session: Session, owner: str, now: datetime, lease: timedelta) -> None:
    """Renew the leases of a process that is still at work."""
    ours = and_(is_open(_S.CLAIMED), Delivery.lease_owner == owner)
    move(session, ours, {"lease_until": lease_end(session, now, lease)})
