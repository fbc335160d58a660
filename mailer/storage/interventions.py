"""What people's decisions make of mail that is under way: a coordinator cancels or tries again, a
reader leaves or wants to be forgotten. Who may decide is asked elsewhere."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true, update
from sqlalchemy.orm import Session

from mailer.domain.delivery import OPEN_STATES, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.storage.deliveries import Attempt, Delivery, is_to
from mailer.storage.ledger import end_as, move, must_not_be_mailed
from mailer.storage.newsletters import Newsletter

_S = DeliveryState


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


def cancel_open(session: Session, newsletter_id: int, now: datetime) -> int:
    """Cancel what has not begun to leave. What is in a sender's hands at this moment still leaves,
    or comes back and is cancelled later (`recovery.cancel_left_over`): waiting for it while holding
    others could make the sender wait for us."""
    waiting = (_S.QUEUED, _S.CLAIMED, _S.DEFERRED)
    at_rest = (
        select(Delivery.id)
        .where(Delivery.newsletter_id == newsletter_id, Delivery.state.in_(waiting))
        .with_for_update(skip_locked=True)
    )
    values = {"state": end_as(_S.CANCELLED), "next_at": None, "changed_at": now}
    return move(session, Delivery.id.in_(at_rest), values)


def leave_unknown(session: Session, newsletter_id: int, now: datetime, language: str = "") -> int:
    """Mails of unknown fate (to readers of `language`, if one is given) stay what they are: the
    one resend that was due is called off."""
    waiting = and_(
        Delivery.newsletter_id == newsletter_id,
        _reads(language),
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
    language: str = "",
) -> int:
    """A coordinator asks for failed mails to be tried again, those to readers of `language` if one
    is given. Dead addresses are not: tried again, they would pause the newsletter."""
    return move(
        session,
        _may_be_tried_again(newsletter_id, states, language),
        {"state": _S.QUEUED, "next_at": now, "expires_at": expires_at, "changed_at": now},
    )


def count_retriable(
    session: Session, newsletter_id: int, states: Iterable[DeliveryState], language: str = ""
) -> int:
    """How many mails `requeue` would queue."""
    which = _may_be_tried_again(newsletter_id, states, language)
    return session.scalar(select(func.count()).select_from(Delivery).where(which)) or 0


def _may_be_tried_again(
    newsletter_id: int, states: Iterable[DeliveryState], language: str
) -> ColumnElement[bool]:
    """Not those to people erased, nor to whoever the last check would turn down anyway."""
    return and_(
        Delivery.newsletter_id == newsletter_id,
        Delivery.state.in_(tuple(states)),
        Delivery.address != "",
        ~must_not_be_mailed(),
        _reads(language),
    )


def _reads(language: str) -> ColumnElement[bool]:
    return Delivery.language == language if language else true()


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
        # What is still to be said about a mail, even about one that arrived, may repeat the
        # address: nobody who saw it before writes it down any more.
        "generation": Delivery.generation + 1,
    }
    move(session, theirs, nameless)


def drop_keys(session: Session, before: datetime) -> None:
    """Keyed hashes that outlived the people erased and are too old for any cap."""
    stale = and_(
        Delivery.newsletter_id.is_(None),
        Delivery.subscriber_id.is_(None),
        Delivery.address == "",
        Delivery.address_key != "",
        Delivery.created_at < before,
    )
    move(session, stale, {"address_key": ""})
