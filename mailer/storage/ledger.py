"""The ledger's two commits around the one dangerous moment, and the words that its other questions
share: `claiming`, `interventions` of people, `recovery` by the clock.

A row is written by whoever holds its claim: `generation` goes up with every claim, and every
later write names the generation it was claimed with. A process that wakes up late changes nothing.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Integer,
    Interval,
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
    true,
    update,
)
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import (
    ANSWER_WAIT,
    DeliveryState,
    Next,
)
from mailer.domain.newsletter import NewsletterState
from mailer.storage.db import Moment, is_postgresql
from mailer.storage.deliveries import Attempt, Claim, Delivery
from mailer.storage.newsletters import Newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, Suppression

_S = DeliveryState


OURS_TO_SETTLE = (_S.CLAIMED, _S.HANDING_OFF, _S.UNKNOWN)
"""Unknown too: whoever concluded that we are dead was wrong, and the answer is known after all."""


def hand_off(session: Session, claims: Sequence[tuple[int, int]], now: datetime) -> frozenset[int]:
    """Commit A, for any number of (id, generation): which of these mails may pass the point of no
    return, here and now?

    A row becomes `handing_off` only if the claim is still ours, its lease runs, the newsletter is
    still being sent, and nobody has left, paused or been suppressed meanwhile.
    """
    if not claims:
        return frozenset()
    values = {"rows": json.dumps(claims), "now": now}
    if not is_postgresql(session):
        values["lease_end"] = now + ANSWER_WAIT
    passed = session.connection().execute(_hand_off(is_postgresql(session)), values)
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
            ~must_not_be_mailed(),
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
) -> None:
    """Commit B, for mails that were taken at the first try: (id, generation, code, the provider's
    words, its id for the mail) each. Those that are no longer ours to write stay what they are."""
    if answers:
        values = {"rows": json.dumps(answers), "now": now, "provider": provider}
        session.connection().execute(_accept(is_postgresql(session)), values)


@cache
def _accept(on_postgresql: bool) -> Update:  # noqa: FBT001  a cache key
    cell = _rows(on_postgresql)
    return (
        update(Delivery)
        .where(
            Delivery.id == cell(0, BigInteger),
            Delivery.generation == cell(1, Integer),
            # Not IN, whose list SQLAlchemy would write out anew each time.
            or_(*(Delivery.state == state for state in OURS_TO_SETTLE)),
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


def _held(claim_id: int, generation: int) -> ColumnElement[bool]:
    return and_(
        Delivery.id == claim_id,
        Delivery.generation == generation,
        # A verdict that came too late to be used leaves a mail behind that was not sent.
        Delivery.state.in_((_S.CLAIMED, _S.HANDING_OFF)),
    )


def lease_end(session: Session, now: datetime, length: timedelta) -> ColumnElement[Any] | datetime:
    """When a lease that begins now ends, by the one clock that all senders share: the database's
    where there can be several."""
    if is_postgresql(session):
        return func.now() + literal(length, Interval)
    return now + length


def lease_is_over(session: Session, now: datetime) -> ColumnElement[bool]:
    return Delivery.lease_until <= (func.now() if is_postgresql(session) else now)


def must_not_be_mailed() -> ColumnElement[bool]:
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
        (must_not_be_mailed(), _S.SUPPRESSED, "left or suppressed"),
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
        Delivery.state.in_(OURS_TO_SETTLE),
        # What was concluded meanwhile stays so: its newsletter may be over, and nobody would come
        # back for a mail that is put off.
        true() if decided.next_at is None else Delivery.next_at.is_not(None),
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


def is_open(*states: DeliveryState) -> ColumnElement[bool]:
    """In one of these states. What is not over has a `next_at`, and only that is in an index."""
    return and_(Delivery.next_at.is_not(None), Delivery.state.in_(states))


def move(session: Session, which: ColumnElement[bool], values: dict[str, Any]) -> int:
    """Change these rows alike; returns how many there were. Only the two commits, claims and what
    is put off have statements of their own."""
    moved = session.connection().execute(update(Delivery).where(which).values(values))
    return moved.rowcount
