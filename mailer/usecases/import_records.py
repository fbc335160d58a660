"""What is left of an import: its number, what the log says about it, and the way to take it back.

Everybody whom import 3 brought has the source `import:3`; its counts stand in the log.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import NotFound, Refused
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, hold_audiences
from mailer.storage.subscribers import Subscriber
from mailer.usecases.subscriptions import VISITOR

THING = "subscriber import"
IMPORTED, UNDONE = "subscribers imported", "subscriber import undone"
UNDO_WITHIN = timedelta(hours=24)

_TOO_LATE = N_("An import can be taken back for 24 hours. This one is older.")
_MAILED = N_("Mail has gone to people of this import, so it can no longer be taken back.")


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """`mode` and `counts` as they were when it was carried out; `undone_at` None: it stands."""

    number: int
    at: datetime
    who: str
    mode: str
    counts: dict[str, int]
    undone_at: datetime | None


def new_number(session: Session) -> int:
    """The number after the last one that the log knows."""
    last = select(func.max(AuditEntry.thing_id)).where(AuditEntry.thing == THING)
    return (session.scalar(last) or 0) + 1


def make_source(number: int) -> str:
    """What tells the people of this import from all others."""
    return f"import:{number}"


def get_record(session: Session, number: int) -> ImportRecord:
    """What the log says about an import; NotFound when none of that number was carried out."""
    entries = audit.list_about(session, THING, number)
    done = next((entry for entry in entries if entry.action == IMPORTED), None)
    if done is None:
        raise NotFound("import", number)
    undone = next((entry for entry in entries if entry.action == UNDONE), None)
    return _as_record(done, undone.at if undone else None)


def list_records(session: Session, limit: int = 10) -> list[ImportRecord]:
    """The last imports, newest first."""
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.thing == THING, AuditEntry.action.in_((IMPORTED, UNDONE)))
        .order_by(AuditEntry.id.desc())
        .limit(2 * limit)
    ).all()
    undone = {entry.thing_id: entry.at for entry in entries if entry.action == UNDONE}
    done = [entry for entry in entries if entry.action == IMPORTED]
    return [_as_record(entry, undone.get(entry.thing_id)) for entry in done[:limit]]


def may_undo(session: Session, record: ImportRecord, now: datetime) -> bool:
    """Whether an import can be taken back at this moment."""
    if record.undone_at or now - record.at > UNDO_WITHIN:
        return False
    return not _has_mail(session, record, ~_is_waiting())


def undo(session: Session, number: int, who: str, now: datetime) -> int:
    """Erase everybody whom an import brought; returns how many. A repeat changes nothing.

    Whoever has signed up themselves in the meantime stays. Raises Refused after 24 hours, or as
    soon as one mail to one of them has begun to leave or a newsletter counts with them.
    """
    record = get_record(session, number)
    if record.undone_at:
        return 0
    if now - record.at > UNDO_WITHIN:
        raise Refused(_TOO_LATE)
    hold_audiences(session)
    theirs = Delivery.subscriber_id.in_(_brought_by(number))
    # Take away first, look afterwards: the worker may be claiming a mail at this moment.
    _delete(session, delete(Delivery).where(theirs, _is_waiting()))
    if _has_mail(session, record, true()):
        raise Refused(_MAILED)
    erased = _delete(session, delete(Subscriber).where(Subscriber.id.in_(_brought_by(number))))
    audit.record(session, who, UNDONE, now, thing=THING, thing_id=number, erased=erased)
    return erased


def _as_record(entry: AuditEntry, undone_at: datetime | None) -> ImportRecord:
    counts = dict(entry.detail)
    mode = str(counts.pop("mode"))
    return ImportRecord(entry.thing_id or 0, entry.at, entry.who, mode, counts, undone_at)


def _brought_by(number: int) -> Select[int]:
    """Ids of the people of an import who have done nothing themselves yet."""
    source = make_source(number)
    consented = exists().where(Consent.subscriber_id == Subscriber.id, Consent.source != source)
    # A sign-up that came too soon after the question leaves no consent, only a line in the log.
    signed_up = select(AuditEntry.thing_id).where(
        AuditEntry.thing == "subscriber",
        AuditEntry.thing_id.is_not(None),
        AuditEntry.who == VISITOR,
    )
    return select(Subscriber.id).where(
        Subscriber.source == source, ~consented, Subscriber.id.not_in(signed_up)
    )


def _has_mail(session: Session, record: ImportRecord, which: ColumnElement[bool]) -> bool:
    """Whether such a mail to one of the people of an import exists. Newsletters that were over
    before it have none, and are not looked through."""
    since = or_(Newsletter.finished_at.is_(None), Newsletter.changed_at >= record.at)
    issues = select(Newsletter.id).where(since)
    theirs = Delivery.subscriber_id.in_(_brought_by(record.number))
    return any(
        session.scalar(select(Delivery.id).where(theirs, which, place).limit(1)) is not None
        for place in (Delivery.newsletter_id.is_(None), Delivery.newsletter_id.in_(issues))
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
