"""The ledger's questions: the statements that change the state of a delivery, but for what the
clock sorts out (`recovery`).

A row is written by whoever holds its claim: `generation` goes up with every claim, and every
later write names the generation it was claimed with. A process that wakes up late changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Integer,
    Interval,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import (
    ANSWER_WAIT,
    OPEN_STATES,
    DeliveryState,
    Next,
    Priority,
)
from mailer.domain.newsletter import NewsletterState
from mailer.storage.db import Moment
from mailer.storage.deliveries import Attempt, Claim, Delivery, is_to
from mailer.storage.newsletters import Newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, Suppression

_S = DeliveryState

_OURS_TO_SETTLE = (_S.CLAIMED, _S.HANDING_OFF, _S.UNKNOWN)
"""Unknown too: whoever concluded that we are dead was wrong, and the answer is known after all."""


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
    """Mails of a newsletter that is being sent: of the oldest that has any, most urgent first."""
    sending = select(Newsletter.id).where(Newsletter.state == NewsletterState.SENDING)
    for newsletter_id in session.scalars(sending.order_by(Newsletter.id)).all():
        # Without the id: PostgreSQL would sort all that are equally due instead of taking the
        # first of the index, a hundred milliseconds instead of three.
        due = _due(now).where(Delivery.newsletter_id == newsletter_id)
        claims = _claim(session, due.order_by(Delivery.next_at), owner, now, lease, limit)
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
            lease_until=_lease_end(session, now, lease),
            changed_at=now,
        )
        .returning(*(getattr(Delivery, name) for name in Claim._fields))
    )
    return sorted(map(Claim._make, rows), key=lambda claim: (claim.next_at, claim.id))


def hand_off(session: Session, claims: Sequence[tuple[int, int]], now: datetime) -> frozenset[int]:
    """Commit A, for any number of (id, generation): which of these mails may pass the point of no
    return, here and now?

    A row becomes `handing_off` only if the claim is still ours, its lease runs, the newsletter is
    still being sent, and nobody has left, paused or been suppressed meanwhile.
    """
    if not claims:
        return frozenset()
    values = {"rows": json.dumps(claims), "now": now}
    if not _is_postgresql(session):
        values["lease_end"] = now + ANSWER_WAIT
    passed = session.connection().execute(_hand_off(_is_postgresql(session)), values)
    return frozenset(passed.scalars())


@cache
def _hand_off(on_postgresql: bool) -> Update:  # noqa: FBT001  a cache key
    now = bindparam("now", type_=Moment)
    cell = _rows(on_postgresql)
    return (
        update(Delivery)
        .where(
            Delivery.id == cell(0, BigInteger),
            Delivery.generation == cell(1, Integer),
            Delivery.state == _S.CLAIMED,
            Delivery.lease_until > (func.now() if on_postgresql else now),
            Delivery.expires_at > now,
            ~_must_not_be_mailed(),
            ~_has_paused(now),
            or_(Delivery.newsletter_id.is_(None), _is_being_sent()),
        )
        .values(
            state=_S.HANDING_OFF,
            attempts=Delivery.attempts + 1,
            # The claim may be almost over while the answer takes its time.
            lease_until=(
                func.now() + literal(ANSWER_WAIT, Interval)
                if on_postgresql
                else bindparam("lease_end", type_=Moment)
            ),
            changed_at=now,
        )
        .returning(Delivery.id)
    )


def accept(
    session: Session,
    provider: str,
    answers: Sequence[tuple[int, int, int, str, str]],
    now: datetime,
) -> frozenset[int]:
    """Commit B, for mails that were taken at the first try: (id, generation, code, the provider's
    words, its id for the mail) each. Returns those that were still ours to write."""
    if not answers:
        return frozenset()
    values = {"rows": json.dumps(answers), "now": now, "provider": provider}
    written = session.connection().execute(_accept(_is_postgresql(session)), values)
    return frozenset(written.scalars())


@cache
def _accept(on_postgresql: bool) -> Update:  # noqa: FBT001  a cache key
    cell = _rows(on_postgresql)
    return (
        update(Delivery)
        .where(
            Delivery.id == cell(0, BigInteger),
            Delivery.generation == cell(1, Integer),
            # Not IN, whose list SQLAlchemy would write out anew each time.
            or_(*(Delivery.state == state for state in _OURS_TO_SETTLE)),
        )
        .values(
            state=_S.ACCEPTED,
            next_at=None,
            last_code=cell(2, Integer),
            last_text=cell(3, Text),
            provider=bindparam("provider", type_=Text),
            provider_message_id=cell(4, Text),
            changed_at=bindparam("now", type_=Moment),
        )
        .returning(Delivery.id)
    )


def _rows(
    on_postgresql: bool,  # noqa: FBT001
) -> Callable[[int, Any], ColumnElement[Any]]:
    """The parameter `rows`, a JSON list of lists, as a table: a function that gives its cells.
    One parameter for any number of rows, so the statement stays the same."""
    if on_postgresql:
        listed = func.json_array_elements(cast(bindparam("rows", type_=Text), JSON))
        value = listed.table_valued(column("value", JSON)).c.value
        return lambda place, kind: cast(value.op("->>")(place), kind)
    value = func.json_each(bindparam("rows", type_=Text)).table_valued("value").c.value
    return lambda place, kind: func.json_extract(value, f"$[{place}]", type_=kind)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _held(claim_id: int, generation: int) -> ColumnElement[bool]:
    return and_(
        Delivery.id == claim_id,
        Delivery.generation == generation,
        # A verdict that came too late to be used leaves a mail behind that was not sent.
        Delivery.state.in_((_S.CLAIMED, _S.HANDING_OFF)),
    )


def _lease_end(session: Session, now: datetime, length: timedelta) -> ColumnElement[Any] | datetime:
    """When a lease that begins now ends, by the one clock that all senders share: the database's
    where there can be several."""
    if _is_postgresql(session):
        return func.now() + literal(length, Interval)
    return now + length


def lease_is_over(session: Session, now: datetime) -> ColumnElement[bool]:
    return Delivery.lease_until <= (func.now() if _is_postgresql(session) else now)


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


def _has_paused(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """A reader of newsletters who wants none at present."""
    pauses = exists().where(Subscriber.id == Delivery.subscriber_id, Subscriber.paused_until > now)
    return and_(Delivery.newsletter_id.is_not(None), pauses)


def _is_being_sent() -> ColumnElement[bool]:
    return exists().where(
        Newsletter.id == Delivery.newsletter_id, Newsletter.state == NewsletterState.SENDING
    )


def settle_held(session: Session, claim_id: int, generation: int, now: datetime) -> None:
    """A claimed mail was not handed over: write down why, or queue it again as if it had not been
    touched. A lost claim is left alone."""
    for condition, state, reason in (
        (_must_not_be_mailed(), _S.SUPPRESSED, "left or suppressed"),
        (_has_paused(now), _S.SUPPRESSED, "paused"),
        (Delivery.expires_at <= now, _S.EXPIRED, "too late"),
        (true(), _S.QUEUED, ""),
    ):
        values = {
            "state": state if state == _S.QUEUED else end_as(state),
            "reason": reason,
            "attempts": Delivery.attempts - _was_begun(),
            "next_at": Delivery.next_at if state == _S.QUEUED else None,
            "changed_at": now,
        }
        if move(session, and_(_held(claim_id, generation), condition), values):
            return


def end_as(state: DeliveryState) -> ColumnElement[str]:
    """A mail that does not leave any more ends in `state`; one whose first copy may have arrived
    stays unknown, for nobody knows better."""
    return case((Delivery.is_repeat, _S.UNKNOWN.value), else_=state.value)


def _was_begun() -> ColumnElement[int]:
    return case((Delivery.state == _S.HANDING_OFF, 1), else_=0)


def take_back(session: Session, subscriber_id: int, now: datetime) -> None:
    """Nobody may hand a newsletter over to this person on what they saw before: their mails are
    queued anew, so that every verdict on them comes after this transaction. One that is being
    given at this moment is waited for. Takes no time where nothing is being sent."""
    under_way = select(Newsletter.id).where(
        Newsletter.state.in_((NewsletterState.SENDING, NewsletterState.PAUSED))
    )
    theirs = and_(
        Delivery.newsletter_id.in_(under_way),
        Delivery.subscriber_id == subscriber_id,
        Delivery.state.in_((_S.QUEUED, _S.DEFERRED, _S.CLAIMED)),
    )
    anew = case((Delivery.state == _S.CLAIMED, _S.QUEUED.value), else_=Delivery.state)
    move(
        session,
        theirs,
        {"state": anew, "generation": Delivery.generation + 1, "changed_at": now},
    )


def find_claim(session: Session, claim_id: int, generation: int) -> Claim | None:
    """The claim that an outcome in the journal is about, as it was claimed, if the outcome still
    can be settled."""
    row = session.execute(
        select(Delivery.state, *(getattr(Delivery, name) for name in Claim._fields)).where(
            Delivery.id == claim_id,
            Delivery.generation == generation,
            Delivery.state.in_(_OURS_TO_SETTLE),
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
        # One that was turned down before its verdict was an attempt, too.
        "attempts": claim.attempts + 1,
        "is_repeat": claim.is_repeat or decided.state == _S.UNKNOWN,
        "changed_at": now,
    }
    ours = and_(
        Delivery.id == claim.id,
        Delivery.generation == claim.generation,
        Delivery.state.in_(_OURS_TO_SETTLE),
    )
    if not move(session, ours, values):
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


def release(session: Session, owner: str, now: datetime, ids: Sequence[int] | None = None) -> int:
    """Give back what this process claimed and did not begin: these, or all. Returns how many."""
    ours = and_(is_open(_S.CLAIMED), Delivery.lease_owner == owner)
    if ids is not None:
        ours = and_(ours, Delivery.id.in_(ids))
    return move(session, ours, {"state": _S.QUEUED, "changed_at": now})


def is_open(*states: DeliveryState) -> ColumnElement[bool]:
    """In one of these states. What is not over has a `next_at`, and only that is in an index."""
    return and_(Delivery.next_at.is_not(None), Delivery.state.in_(states))


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


def keep_leases(session: Session, owner: str, now: datetime, lease: timedelta) -> int:
    """Renew the leases of a process that is still at work."""
    return move(
        session,
        and_(is_open(_S.CLAIMED), Delivery.lease_owner == owner),
        {"lease_until": _lease_end(session, now, lease)},
    )


def cancel_open(session: Session, newsletter_id: int, now: datetime) -> int:
    """Cancel what has not begun to leave. What is being handed off this moment still finishes."""
    waiting = (_S.QUEUED, _S.CLAIMED, _S.DEFERRED)
    return move(
        session,
        and_(Delivery.newsletter_id == newsletter_id, Delivery.state.in_(waiting)),
        {"state": end_as(_S.CANCELLED), "next_at": None, "changed_at": now},
    )


def leave_unknown(session: Session, newsletter_id: int, now: datetime) -> int:
    """Mails of unknown fate stay what they are: the one resend that was due is called off."""
    waiting = and_(
        Delivery.newsletter_id == newsletter_id,
        Delivery.state == _S.UNKNOWN,
        Delivery.next_at.is_not(None),
    )
    return move(session, waiting, {"next_at": None, "changed_at": now})


def requeue(
    session: Session,
    newsletter_id: int,
    states: Iterable[DeliveryState],
    expires_at: datetime,
    now: datetime,
) -> int:
    """A coordinator asks for failed mails to be tried again; those to people erased are over."""
    return move(
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
    theirs = is_to(subscriber_id)
    may_have_left = or_(Delivery.is_repeat, Delivery.state.in_((_S.HANDING_OFF, _S.UNKNOWN)))
    # One statement, so that no mail slips from one state into the next between two.
    ended = {
        "state": case((may_have_left, _S.UNKNOWN.value), else_=_S.CANCELLED.value),
        "next_at": None,
        "reason": "erased",
        # An answer that is still to come may repeat the address: nobody writes it down any more.
        "generation": Delivery.generation + 1,
        "changed_at": now,
    }
    move(session, and_(theirs, Delivery.state.in_((*OPEN_STATES, _S.UNKNOWN))), ended)
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
    move(session, theirs, nameless)


def drop_keys(session: Session, before: datetime) -> int:
    """Keyed hashes that outlived the people erased and are too old for any cap."""
    stale = and_(
        Delivery.newsletter_id.is_(None),
        Delivery.subscriber_id.is_(None),
        Delivery.address == "",
        Delivery.address_key != "",
        Delivery.created_at < before,
    )
    return move(session, stale, {"address_key": ""})


def move(session: Session, which: ColumnElement[bool], values: dict[str, Any]) -> int:
    """The one statement that changes states; returns how many rows it changed."""
    moved = session.connection().execute(update(Delivery).where(which).values(values))
    return moved.rowcount
