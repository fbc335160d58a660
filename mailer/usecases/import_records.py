"""What is left of an import: its number, what the log says about it, and the way to take it back.

Everybody whom import 3 brought has the source `import:3`; its counts stand in the log.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.errors import NotFound, Refused
from mailer.message.vocabulary import N_
from mailer.storage import audit, import_records
from mailer.storage.audit import AuditEntry
from mailer.storage.newsletters import hold_audiences

THING = "subscriber import"
IMPORTED, UNDONE = "subscribers imported", "subscriber import undone"
UNDO_WITHIN = timedelta(hours=24)
MOST_LISTED = 10

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
    return (audit.find_last_number(session, THING) or 0) + 1


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


def list_records(session: Session) -> list[ImportRecord]:
    """The last imports, newest first."""
    entries = audit.list_entries(
        session, thing=THING, actions=(IMPORTED, UNDONE), limit=2 * MOST_LISTED
    )
    undone = {entry.thing_id: entry.at for entry in entries if entry.action == UNDONE}
    done = [entry for entry in entries if entry.action == IMPORTED]
    return [_as_record(entry, undone.get(entry.thing_id)) for entry in done[:MOST_LISTED]]


def may_undo(session: Session, record: ImportRecord, now: datetime) -> bool:
    """Whether an import can be taken back at this moment."""
    if record.undone_at or now - record.at > UNDO_WITHIN:
        return False
    source = make_source(record.number)
    return not import_records.has_mail(session, source, record.at, is_begun=True)


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
    source = make_source(number)
    # Take away first, look afterwards: the worker may be claiming a mail at this moment.
    import_records.take_questions_back(session, source)
    if import_records.has_mail(session, source, record.at, is_begun=False):
        raise Refused(_MAILED)
    erased = import_records.erase_people(session, source)
    audit.record(session, who, UNDONE, now, thing=THING, thing_id=number, erased=erased)
    return erased


def _as_record(entry: AuditEntry, undone_at: datetime | None) -> ImportRecord:
    counts = dict(entry.detail)
    mode = str(counts.pop("mode"))
    return ImportRecord(entry.thing_id or 0, entry.at, entry.who, mode, counts, undone_at)
