"""How somebody becomes a subscriber and stops being one. Whoever types an address into a form
learns nothing about it: what happens next is only told to the owner of its mailbox."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.domain.consent import (
    CONFIRMATIONS_WITHIN,
    UNCONFIRMED_KEPT,
    ConsentAction,
    SignUpStep,
    SubscriberState,
    decide_sign_up,
)
from mailer.domain.errors import ExpiredLink, Refused
from mailer.message.links import Purpose, TimedLink
from mailer.message.vocabulary import N_
from mailer.storage import audit, interventions
from mailer.storage.redemptions import redeem
from mailer.storage.subscribers import (
    Subscriber,
    find_by_key,
    find_by_public_id,
    list_unconfirmed_since,
)
from mailer.storage.suppressions import Scope, is_suppressed, lift, suppress
from mailer.usecases import letters
from mailer.usecases.addresses import Address
from mailer.usecases.consents import Trace, record
from mailer.usecases.personal_data import erase
from mailer.usecases.preferences import Wishes, fit, grant

MAIL_LIVES = timedelta(days=1)
"""How long a mail that somebody waits for is tried: later it would only puzzle them."""

UNDO_WITHIN = timedelta(hours=1)
"""How long leaving can be taken back with the same link. Links live for years and newsletters
get forwarded: after that the mailbox has to confirm again."""

FORGOTTEN_AT_ONCE = 50
"""Erased in one transaction: somebody may be waiting to sign up."""

_TOO_LATE = N_("This can no longer be undone. Please sign up again.")


def sign_up(
    session: Session,
    address: Address,
    key: str,
    wishes: Wishes,
    *,
    trace: Trace,
    now: datetime,
) -> SignUpStep:
    """Take an address from the sign-up form; `key` is that of `address.key_text`.

    Queues at most one mail: to confirm, or to tell a subscriber that they are one already. Nobody
    is mailed more often than `decide_sign_up` allows. The answer is for the desk and for tests;
    visitors must see the same page whatever it is. Raises Invalid as `preferences.fit` does.
    """
    fitting = fit(session, wishes)
    subscriber = _find(session, key)
    step = _decide(session, subscriber, key, now)
    if subscriber is None and step is SignUpStep.CONFIRM:
        subscriber = _add(session, address, key, fitting, trace, now)
    elif subscriber and subscriber.state is not SubscriberState.CONFIRMED:
        grant(subscriber, fitting)
    if subscriber is None:
        step = SignUpStep.NOTHING
    elif step is not SignUpStep.NOTHING:
        record(session, subscriber, ConsentAction.REQUESTED, trace, now)
    _answer(session, subscriber, step, trace.language, now)
    return step


def send_link(session: Session, key: str, *, trace: Trace, now: datetime) -> SignUpStep:
    """Mail somebody the link to their own page, or once more the one to confirm.

    Under the same limits and with the same silence as `sign_up`; an unknown address gets nothing.
    """
    subscriber = _find(session, key)
    step = _decide(session, subscriber, key, now) if subscriber else SignUpStep.NOTHING
    if subscriber and step is SignUpStep.CONFIRM and subscriber.left_at:
        # They left: their page still opens, but nothing asks them to come back.
        step = SignUpStep.ALREADY
    _answer(session, subscriber, step, trace.language, now, already="preferences")
    return step


def find_confirming(session: Session, link: TimedLink) -> Subscriber:
    """Whom a confirmation link is about.

    Raises ExpiredLink when it must not work any more: they are erased, the address is dead, or
    the link was made before they left.
    """
    subscriber = find_by_public_id(session, UUID(str(link.subject)))
    if subscriber is None:
        raise ExpiredLink
    if subscriber.state in (SubscriberState.BOUNCED, SubscriberState.COMPLAINED):
        raise ExpiredLink
    left_at = subscriber.left_at
    # Links are dated in whole seconds.
    if left_at and link.issued_at < left_at.replace(microsecond=0):
        raise ExpiredLink
    return subscriber


def confirm(session: Session, link: TimedLink, *, trace: Trace, now: datetime) -> Subscriber:
    """Make the owner of the mailbox a subscriber; the link works once.

    Following it again, or another link of the same sign-up, changes nothing and answers the same
    as long as they are subscribed. Raises ExpiredLink as `find_confirming` does, and for a used
    link of somebody who is not subscribed.
    """
    subscriber = _lock(session, find_confirming(session, link))
    is_first = redeem(session, link.jti, Purpose.CONFIRM, now)
    if subscriber.state is SubscriberState.CONFIRMED:
        return subscriber
    if not is_first:
        raise ExpiredLink
    subscriber.confirmed_at = now
    _let_in(session, subscriber)
    record(session, subscriber, ConsentAction.CONFIRMED, trace, now)
    return subscriber


def unsubscribe(session: Session, subscriber: Subscriber, *, trace: Trace, now: datetime) -> bool:
    """No more newsletters from this moment, not even those being sent. False on a repeat.

    Writes the withdrawal into the proof of consent and keeps the address from being mailed
    again, until its owner confirms anew.
    """
    if _lock(session, subscriber).state is SubscriberState.UNSUBSCRIBED:
        return False
    subscriber.state = SubscriberState.UNSUBSCRIBED
    subscriber.left_at = now
    subscriber.paused_until = None
    interventions.take_back(session, subscriber.id, now)
    suppress(session, subscriber.address_key, Scope.NEWSLETTERS, "left", now)
    record(session, subscriber, ConsentAction.WITHDRAWN, trace, now)
    return True


def may_undo(subscriber: Subscriber, now: datetime) -> bool:
    """Whether leaving can still be taken back: soon, and by someone who had confirmed."""
    return (
        subscriber.state is SubscriberState.UNSUBSCRIBED
        and subscriber.confirmed_at is not None
        and subscriber.left_at is not None
        and now - subscriber.left_at <= UNDO_WITHIN
    )


def undo(session: Session, subscriber: Subscriber, *, trace: Trace, now: datetime) -> None:
    """Take leaving back. A repeat changes nothing; Refused when it is too late."""
    if _lock(session, subscriber).state is SubscriberState.CONFIRMED:
        return
    if not may_undo(subscriber, now):
        raise Refused(_TOO_LATE)
    _let_in(session, subscriber)
    record(session, subscriber, ConsentAction.RESTORED, trace, now)


def forget_unconfirmed(session: Session, now: datetime, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Erase up to `limit` sign-ups that nobody confirmed in time, and with the last of them what
    was kept to count the mails to those erased a month ago. Returns how many sign-ups."""
    forgotten = list_unconfirmed_since(session, now - UNCONFIRMED_KEPT, limit)
    for subscriber in forgotten:
        erase(session, subscriber, who=audit.CLOCK, now=now)
    if len(forgotten) < limit:
        interventions.drop_keys(session, now - CONFIRMATIONS_WITHIN)
    return len(forgotten)


def _find(session: Session, key: str) -> Subscriber | None:
    subscriber = find_by_key(session, key)
    return _lock(session, subscriber) if subscriber else None


def _lock(session: Session, subscriber: Subscriber) -> Subscriber:
    """Hold the row until the transaction ends: two requests at once must not both act on it."""
    session.flush()  # refreshing would drop what was changed and not written yet
    session.refresh(subscriber, with_for_update=True)
    return subscriber


def _decide(session: Session, subscriber: Subscriber | None, key: str, now: datetime) -> SignUpStep:
    return decide_sign_up(
        subscriber.state if subscriber else None,
        letters.list_asked_for(session, key, subscriber, now),
        now,
        is_suppressed=is_suppressed(session, key, Scope.EVERYTHING),
    )


def _add(
    session: Session, address: Address, key: str, wishes: Wishes, trace: Trace, now: datetime
) -> Subscriber | None:
    """A new row; None when another request wrote the same address at this very moment."""
    subscriber = Subscriber(
        address=address.mailbox,
        address_key=key,
        state=SubscriberState.PENDING,
        source=trace.source,
        created_at=now,
    )
    grant(subscriber, wishes)
    try:
        with session.begin_nested():
            session.add(subscriber)
    except IntegrityError:
        return None
    return subscriber


def _answer(
    session: Session,
    subscriber: Subscriber | None,
    step: SignUpStep,
    language: str,
    now: datetime,
    already: str = "already",
) -> None:
    """Queue the mail, or note that none was: either way a row is written, so that neither the
    page nor the time it takes tells a stranger who is subscribed."""
    if subscriber is None or step is SignUpStep.NOTHING:
        audit.record(
            session,
            audit.VISITOR,
            "sign-up not answered",
            now,
            thing="subscriber",
            thing_id=subscriber.id if subscriber else None,
        )
        return
    is_new = step is SignUpStep.CONFIRM
    letters.queue(
        session,
        "confirm" if is_new else already,
        subscriber=subscriber,
        language=language,
        context={"jti": letters.make_jti()} if is_new else {},
        now=now,
        lives=MAIL_LIVES,
    )


def _let_in(session: Session, subscriber: Subscriber) -> None:
    subscriber.state = SubscriberState.CONFIRMED
    subscriber.left_at = None
    subscriber.paused_until = None
    lift(session, subscriber.address_key, Scope.NEWSLETTERS)
