"""The people whom an import of subscribers brought, by its source, and the mails that ask them:
added and taken back in bulk. Whether that may be done is decided in `usecases/import_records`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.storage import audit
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter
from mailer.storage.subscribers import Subscriber

Rows = Sequence[Mapping[str, Any]]


def add_people(session: Session, rows: Rows) -> Sequence[int]:
    """Their ids, in the order of the rows. Raises IntegrityError for somebody who is there."""
    adding = insert(Subscriber).returning(Subscriber.id, sort_by_parameter_order=True)
    return session.scalars(adding, rows).all()


def add_proofs(session: Session, rows: Rows) -> None:
    session.execute(insert(Consent), rows)


def add_questions(session: Session, rows: Rows) -> None:
    session.execute(insert(Delivery), rows)


def take_questions_back(session: Session, source: str) -> None:
    """Delete the questions to them that nobody has begun to send."""
    theirs = Delivery.subscriber_id.in_(_brought_by(source))
    _delete(session, delete(Delivery).where(theirs, _is_waiting()))


def has_mail(session: Session, source: str, since: datetime, *, is_begun: bool) -> bool:
    """Whether there is mail to one of them, or only such that somebody has begun to send.
    Newsletters that were over before `since` have none, and are not looked through."""
    which = ~_is_waiting() if is_begun else true()
    lasted = or_(Newsletter.finished_at.is_(None), Newsletter.changed_at >= since)
    issues = select(Newsletter.id).where(lasted)
    theirs = Delivery.subscriber_id.in_(_brought_by(source))
    return any(
        session.scalar(select(Delivery.id).where(theirs, which, place).limit(1)) is not None
        for place in (Delivery.newsletter_id.is_(None), Delivery.newsletter_id.in_(issues))
    )


def erase_people(session: Session, source: str) -> int:
    """Delete them. Returns how many there were."""
    return _delete(session, delete(Subscriber).where(Subscriber.id.in_(_brought_by(source))))


def _brought_by(source: str) -> Select[int]:
    """Ids of the people of an import who have done nothing themselves yet."""
    consented = exists().where(Consent.subscriber_id == Subscriber.id, Consent.source != source)
    # A sign-up that came too soon after the question leaves no consent, only a line in the log.
    signed_up = select(AuditEntry.thing_id).where(
        AuditEntry.thing == "subscriber",
        AuditEntry.thing_id.is_not(None),
        AuditEntry.who == audit.VISITOR,
    )
    return select(Subscriber.id).where(
        Subscriber.source == source, ~consented, Subscriber.id.not_in(signed_up)
    )


def _is_waiting() -> ColumnElement[bool]:
    """A question that nobody has begun to send."""
    return and_(
        Delivery.newsletter_id.is_(None),
        Delivery.state == DeliveryState.QUEUED,
        Delivery.attempts == 0,
    )


def _delete(session: Session, statement: Delete) -> int:
    session.flush()
    deleted = session.connection().execute(statement).rowcount
    session.expire_all()
    return deleted
