"""A subscriber moves to another mailbox, which has to agree before anything changes."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from mailer.domain.consent import (
    ConsentAction,
    SignUpStep,
    SubscriberState,
    decide_sign_up,
)
from mailer.domain.errors import ExpiredLink, Refused, TooMany
from mailer.message.links import Purpose, TimedLink
from mailer.message.vocabulary import N_
from mailer.storage.deliveries import count_queued
from mailer.storage.redemptions import redeem
from mailer.storage.subscribers import Subscriber, find_by_key, find_by_public_id
from mailer.storage.suppressions import Scope, is_suppressed, lift
from mailer.usecases import letters
from mailer.usecases.addresses import Address
from mailer.usecases.consents import Trace, record
from mailer.usecases.personal_data import erase

MAILS_PER_DAY = 3
A_DAY = timedelta(days=1)

_ENOUGH = N_("You have tried three addresses today. Please try again tomorrow.")
_TAKEN = N_("This address has a subscription of its own already.")
_SETTLED = (SubscriberState.CONFIRMED, SubscriberState.BOUNCED, SubscriberState.COMPLAINED)


def ask(
    session: Session,
    subscriber: Subscriber,
    address: Address,
    key: str,
    *,
    trace: Trace,
    now: datetime,
) -> None:
    """Ask the new mailbox whether mail may come there; nothing changes yet.

    The page must say the same whatever happens. If the new address belongs to a subscriber, its
    owner is told so by mail; if it must not be mailed, nothing leaves. The form must not become a
    way to write to strangers: the limits of `decide_sign_up` hold for the new address, whoever
    types it, and TooMany is raised after three tries a day.
    """
    if subscriber.state is not SubscriberState.CONFIRMED or key == subscriber.address_key:
        return
    day = now - A_DAY
    if count_queued(session, subscriber.id, "address_change", day) >= MAILS_PER_DAY:
        raise TooMany(_ENOUGH)
    holder = find_by_key(session, key)
    step = decide_sign_up(
        holder.state if holder else None,
        letters.list_asked_for(session, key, holder, now),
        now,
        is_suppressed=is_suppressed(session, key, Scope.EVERYTHING),
    )
    if holder and step is SignUpStep.ALREADY:
        _tell_holder(session, holder, trace.language, now)
    elif step is SignUpStep.CONFIRM:
        _ask_mailbox(session, subscriber, address, key, trace.language, now)


def find_moving(session: Session, link: TimedLink) -> Subscriber:
    """Whom a link to confirm a new address is about; ExpiredLink when they have left."""
    subscriber = find_by_public_id(session, UUID(str(link.subject)))
    if subscriber is None or subscriber.state is not SubscriberState.CONFIRMED:
        raise ExpiredLink
    return subscriber


def confirm(
    session: Session, link: TimedLink, address: Address, key: str, *, trace: Trace, now: datetime
) -> Subscriber:
    """Move the subscription to the address the link was mailed to; the link works once.

    Following it again changes nothing. Raises Refused when that address became a subscriber of
    its own meanwhile, ExpiredLink when the link was used and the subscriber has moved on since.
    """
    subscriber = find_moving(session, link)
    session.refresh(subscriber, with_for_update=True)
    is_first = redeem(session, link.jti, Purpose.ADDRESS_CHANGE, now)
    if subscriber.address_key == key:
        return subscriber
    if not is_first:
        raise ExpiredLink
    _make_room(session, key, now)
    subscriber.address, subscriber.address_key = address.mailbox, key
    lift(session, key, Scope.NEWSLETTERS)
    record(session, subscriber, ConsentAction.CHANGED, trace, now)
    return subscriber


def _ask_mailbox(
    session: Session,
    subscriber: Subscriber,
    address: Address,
    key: str,
    language: str,
    now: datetime,
) -> None:
    letters.queue(
        session,
        "address_change",
        subscriber=subscriber,
        address=address.mailbox,
        address_key=key,
        language=language,
        context={"jti": letters.make_jti(), "to": address.mailbox},
        now=now,
        lives=A_DAY,
    )


def _tell_holder(session: Session, holder: Subscriber, language: str, now: datetime) -> None:
    letters.queue(
        session,
        "already",
        subscriber=holder,
        language=language,
        context={},
        now=now,
        lives=A_DAY,
    )


def _make_room(session: Session, key: str, now: datetime) -> None:
    """An unconfirmed sign-up, or a row of someone who left, gives way to the mailbox's owner."""
    holder = find_by_key(session, key)
    if holder is None:
        return
    if holder.state in _SETTLED:
        raise Refused(_TAKEN)
    erase(session, holder, who="subscriber", now=now)
