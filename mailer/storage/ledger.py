"""The ledger's questions: the only statements that change the state of a delivery.

A row is written by whoever holds its claim: `generation` goes up with every claim, and every
later write names the generation it was claimed with. A process that wakes up late changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, or_, select, true, update
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import (
    ANSWER_WAIT,
    OPEN_STATES,
    TRANSACTIONAL_ATTEMPTS,
    DeliveryState,
    Next,
    Priority,
)
from mailer.domain.newsletter import NewsletterState
from mailer.storage.deliveries import Attempt, Claim, Delivery
from mailer.storage.newsletters import Newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, Suppression

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
    """Mails of newsletters that are being sent, the oldest newsletter first."""
    sending = select(Newsletter.id).where(Newsletter.state == NewsletterState.SENDING)
    due = _due(now).where(Delivery.newsletter_id.in_(sending))
    order = (Delivery.newsletter_id, Delivery.next_at, Delivery.id)
    return _claim(session, due.order_by(*order), owner, now, lease, limit)


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
    rows = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(chosen))
        .values(
            state=_S.CLAIMED,
            generation=Delivery.generation + 1,
            lease_owner=owner,
            lease_until=now + lease,
            changed_at=now,
        )
        .returning(*(getattr(Delivery, name) for name in Claim.__slots__))
        .execution_options(synchronize_session=False)
    )
    return sorted((Claim(*row) for row in rows), key=lambda claim: claim.id)


def hand_off(session: Session, claim_id: int, generation: int, now: datetime) -> bool:
    """Commit A: may this mail pass the point of no return, here and now?

    True, and the row is `handing_off`, only if the claim is still ours, its lease runs, the
    newsletter is still being sent, and nobody has left, paused or been suppressed meanwhile.
    """
    may_leave = and_(
        _held(claim_id, generation),
        Delivery.lease_until > now,
        Delivery.expires_at > now,
        ~_must_not_be_mailed(),
        ~_has_paused(now),
        or_(Delivery.newsletter_id.is_(None), _is_being_sent()),
    )
    begun = {
        "state": _S.HANDING_OFF,
        "attempts": Delivery.attempts + 1,
        # The claim may be almost over while the answer takes its time.
        "lease_until": now + ANSWER_WAIT,
        "changed_at": now,
    }
    return _move(session, may_leave, begun) == 1


def _held(claim_id: int, generation: int) -> ColumnElement[bool]:
    return and_(
        Delivery.id == claim_id, Delivery.generation == generation, Delivery.state == _S.CLAIMED
    )


def _must_not_be_mailed() -> ColumnElement[bool]:
    """Suppressed altogether; or, for a newsletter, left or suppressed for newsletters."""
    suppressed = exists().where(
        Suppression.address_key == Delivery.address_key,
        or_(Suppression.scope == Scope.EVERYTHING, Delivery.newsletter_id.is_not(None)),
    )
    stays = exists().where(
        Subscriber.id == Delivery.subscriber_id, Subscriber.state == SubscriberState.CONFIRMED
    )
    return or_(suppressed, and_(Delivery.newsletter_id.is_not(None), ~stays))


def _has_paused(now: datetime) -> ColumnElement[bool]:
    """A reader of newsletters who wants none at present."""
    pauses = exists().where(Subscriber.id == Delivery.subscriber_id, Subscriber.paused_until > now)
    return and_(Delivery.newsletter_id.is_not(None), pauses)


def _is_being_sent() -> ColumnElement[bool]:
    return exists().where(
        Newsletter.id == Delivery.newsletter_id, Newsletter.state == NewsletterState.SENDING
    )


def settle_held(session: Session, claim_id: int, generation: int, now: datetime) -> None:
    """The gate stayed shut for a claimed mail: write down why. A lost claim is left alone."""
    for condition, state, reason in (
        (_must_not_be_mailed(), _S.SUPPRESSED, "left or suppressed"),
        (_has_paused(now), _S.SUPPRESSED, "paused"),
        (Delivery.expires_at <= now, _S.EXPIRED, "too late"),
        (true(), _S.QUEUED, ""),
    ):
        values = {"state": state, "reason": reason, "changed_at": now}
        if _move(session, and_(_held(claim_id, generation), condition), values):
            return


def record(
    session: Session,
    claim: Claim,
    decided: Next,
    now: datetime,
    *,
    outcome: str,
    provider: str = "",
    phase: str = "",
    code: int = 0,
    text: str = "",
    provider_message_id: str = "",
) -> bool:
    """Commit B: write what became of a mail. False if the row is no longer ours to write.

    Anything but an acceptance at the first try also leaves a row in `attempt`.
    """
    values = {
        "state": decided.state,
        "next_at": decided.next_at,
        "last_code": code,
        "last_text": text[:500],
        "provider": provider,
        "provider_message_id": provider_message_id[:200],
        "is_repeat": claim.is_repeat or decided.state == _S.UNKNOWN,
        "changed_at": now,
    }
    ours = and_(
        Delivery.id == claim.id,
        Delivery.generation == claim.generation,
        Delivery.state.in_((_S.CLAIMED, _S.HANDING_OFF)),
    )
    if not _move(session, ours, values):
        return False
    if decided.state != _S.ACCEPTED or claim.attempts:
        session.add(
            Attempt(
                delivery_id=claim.id,
                at=now,
                outcome=outcome,
                phase=phase,
                code=code,
                text=text[:500],
            )
        )
    return True


def release(session: Session, owner: str, now: datetime) -> int:
    """Give back what this process claimed and did not begin. Returns how many."""
    return _move(
        session,
        and_(Delivery.lease_owner == owner, Delivery.state == _S.CLAIMED),
        {"state": _S.QUEUED, "changed_at": now},
    )


def keep_leases(session: Session, owner: str, until: datetime) -> int:
    """Renew the leases of a process that is still at work."""
    return _move(
        session,
        and_(Delivery.lease_owner == owner, Delivery.state == _S.CLAIMED),
        {"lease_until": until},
    )


def recover(
    session: Session, now: datetime, wait: timedelta, *, sole_sender: bool
) -> tuple[int, int]:
    """Take over from a process that died: what it had only claimed is queued again, what it was
    handing off is `unknown` until `wait` is over (mail that a person asked for: at once, up to its
    cap). Returns both counts.

    `sole_sender`: the caller holds the lock that proves every other process dead; otherwise only
    rows whose lease has run out are touched.
    """
    dead = true() if sole_sender else Delivery.lease_until <= now
    queued = _move(
        session,
        and_(Delivery.state == _S.CLAIMED, dead),
        {"state": _S.QUEUED, "changed_at": now},
    )
    in_hand = and_(Delivery.state == _S.HANDING_OFF, dead)
    # Somebody sits and waits for these: better twice now than once in a quarter of an hour.
    urgent = _move(
        session,
        and_(in_hand, Delivery.newsletter_id.is_(None), Delivery.attempts < TRANSACTIONAL_ATTEMPTS),
        {"state": _S.UNKNOWN, "next_at": now, "is_repeat": True, "changed_at": now},
    )
    waiting = _move(
        session,
        and_(in_hand, ~Delivery.is_repeat),
        {"state": _S.UNKNOWN, "next_at": now + wait, "is_repeat": True, "changed_at": now},
    )
    final = _move(session, in_hand, {"state": _S.UNKNOWN, "next_at": None, "changed_at": now})
    return queued, urgent + waiting + final


def requeue_unknown(session: Session, now: datetime) -> int:
    """Unknown mails whose wait is over go out once more, with the same Message-ID."""
    return _move(
        session,
        and_(Delivery.state == _S.UNKNOWN, Delivery.next_at <= now),
        {"state": _S.QUEUED, "changed_at": now},
    )


def expire(session: Session, now: datetime) -> int:
    """Mails that nobody would want any more do not leave."""
    return _move(
        session,
        and_(Delivery.state.in_((_S.QUEUED, _S.DEFERRED)), Delivery.expires_at <= now),
        {"state": _S.EXPIRED, "reason": "too late", "changed_at": now},
    )


def cancel_open(session: Session, newsletter_id: int, now: datetime) -> int:
    """Cancel what has not begun to leave. What is being handed off this moment still finishes."""
    waiting = (_S.QUEUED, _S.CLAIMED, _S.DEFERRED)
    return _move(
        session,
        and_(Delivery.newsletter_id == newsletter_id, Delivery.state.in_(waiting)),
        {"state": _S.CANCELLED, "changed_at": now},
    )


def leave_unknown(session: Session, newsletter_id: int, now: datetime) -> int:
    """Mails of unknown fate stay what they are: the one resend that was due is called off."""
    waiting = and_(
        Delivery.newsletter_id == newsletter_id,
        Delivery.state == _S.UNKNOWN,
        Delivery.next_at.is_not(None),
    )
    return _move(session, waiting, {"next_at": None, "changed_at": now})


def requeue(
    session: Session,
    newsletter_id: int,
    states: Iterable[DeliveryState],
    expires_at: datetime,
    now: datetime,
) -> int:
    """A coordinator asks for failed mails to be tried again; those to people erased are over."""
    return _move(
        session,
        and_(
            Delivery.newsletter_id == newsletter_id,
            Delivery.state.in_(tuple(states)),
            Delivery.address != "",
        ),
        {"state": _S.QUEUED, "next_at": now, "expires_at": expires_at, "changed_at": now},
    )


def forget(session: Session, subscriber_id: int, now: datetime, keys_of: Iterable[str]) -> None:
    """Take a person out of the ledger: the rows stay for its sums, what names them goes.

    What has not begun to leave is cancelled; what may have left is `unknown` and is not sent
    again. Mails of the kinds `keys_of` keep the keyed hash of where they went, until
    `drop_keys`: the caps on mail to strangers count by it.
    """
    session.flush()
    theirs = Delivery.subscriber_id == subscriber_id
    may_have_left = Delivery.state.in_((_S.HANDING_OFF, _S.UNKNOWN))
    # One statement, so that no mail slips from one state into the next between two.
    ended = {
        "state": case((may_have_left, _S.UNKNOWN.value), else_=_S.CANCELLED.value),
        "next_at": None,
        "reason": "erased",
        "changed_at": now,
    }
    _move(session, and_(theirs, Delivery.state.in_((*OPEN_STATES, _S.UNKNOWN))), ended)
    their_ids = select(Delivery.id).where(theirs)
    connection = session.connection()
    # Providers like to repeat the address in what they say.
    connection.execute(update(Attempt).where(Attempt.delivery_id.in_(their_ids)).values(text=""))
    nameless = {
        "address": "",
        "address_key": case(
            (Delivery.template.in_(tuple(keys_of)), Delivery.address_key), else_=""
        ),
        "reader_id": None,
        "context": None,
        "last_text": "",
        "subscriber_id": None,
    }
    _move(session, theirs, nameless)


def drop_keys(session: Session, before: datetime) -> int:
    """Keyed hashes that outlived the people erased and are too old for any cap."""
    stale = and_(
        Delivery.subscriber_id.is_(None),
        Delivery.address == "",
        Delivery.address_key != "",
        Delivery.created_at < before,
    )
    return _move(session, stale, {"address_key": ""})


def _move(session: Session, which: ColumnElement[bool], values: dict[str, Any]) -> int:
    """The one statement that changes states; returns how many rows it changed."""
    moved = session.connection().execute(update(Delivery).where(which).values(values))
    return moved.rowcount
