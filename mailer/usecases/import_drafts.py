"""An import that a coordinator is still preparing at the desk: the text, and what was chosen so
far. Kept for a day at most, since it is full of addresses of people who are not on the list."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence
from mailer.domain.errors import NotFound, Refused
from mailer.domain.imports import Columns
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.settings import (
    Setting,
    drop_setting,
    find_setting,
    list_stale,
    save_setting,
)
from mailer.usecases import subscriber_import
from mailer.usecases.import_files import read_people
from mailer.usecases.import_records import THING, new_number
from mailer.usecases.preferences import Wishes, fit
from mailer.usecases.subscriber_import import (
    ImportPlan,
    ImportResult,
    Mode,
    plan_import,
    read_evidence,
)

KEPT = timedelta(hours=24)

_TEXT, _CHOICES = "import_text:", "import_choices:"
_MEANWHILE = N_("Somebody else began an import at this very moment. Please try again.")


@dataclass(frozen=True, slots=True)
class Draft:
    """`columns` None: what they mean is guessed. `evidence` empty: not asked yet. The rest
    is what people get whose row says nothing about it."""

    number: int
    text: str
    columns: Columns | None = None
    evidence: str = ""
    languages: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    cadence: Cadence = Cadence.WEEKLY


def begin(session: Session, text: str, who: str, now: datetime) -> int:
    """Keep a list for the next steps; returns the number of the import.

    Raises UnreadableFile when it cannot be used as a whole. Drops drafts that nobody went on with.
    """
    read_people(text)
    forget_abandoned(session, now)
    number = new_number(session)
    try:
        with session.begin_nested():
            session.add(Setting(key=f"{_TEXT}{number}", value=text, changed_at=now))
    except IntegrityError as error:
        raise Refused(_MEANWHILE) from error
    _save(session, Draft(number, ""), now)
    audit.record(session, who, "subscriber import begun", now, thing=THING, thing_id=number)
    return number


def get_draft(session: Session, number: int) -> Draft:
    """The draft, or NotFound when it was carried out, dropped or forgotten."""
    text = find_setting(session, f"{_TEXT}{number}")
    choices = find_setting(session, f"{_CHOICES}{number}")
    if text is None or choices is None:
        raise NotFound("import", number)
    return _as_draft(number, str(text), choices)


def choose_columns(session: Session, draft: Draft, columns: Columns, now: datetime) -> None:
    """Keep what the columns mean. Raises UnreadableFile if that makes too many people."""
    read_people(draft.text, columns)
    _save(session, replace(draft, columns=columns), now)


def give_proof(
    session: Session, draft: Draft, evidence: str, wishes: Wishes, now: datetime
) -> None:
    """Keep where and when people agreed, and what they get who did not say. Raises Invalid."""
    granted = fit(session, wishes)
    given = replace(
        draft,
        evidence=read_evidence(evidence),
        languages=granted.languages,
        topics=granted.topics,
        cadence=granted.cadence,
    )
    _save(session, given, now)


def plan(session: Session, draft: Draft, address_key: Callable[[str], str]) -> ImportPlan:
    """What the draft would do at this moment. Changes nothing."""
    wishes = Wishes(draft.languages, draft.topics, draft.cadence)
    return plan_import(session, read_people(draft.text, draft.columns), wishes, address_key)


def carry_out(
    session: Session,
    draft: Draft,
    mode: Mode,
    address_key: Callable[[str], str],
    who: str,
    now: datetime,
) -> ImportResult:
    """Do what the draft says, decided anew at this moment, and forget it."""
    done = subscriber_import.carry_out(
        session,
        plan(session, draft, address_key),
        mode,
        number=draft.number,
        evidence=draft.evidence,
        who=who,
        now=now,
    )
    drop(session, draft.number)
    return done


def drop(session: Session, number: int) -> None:
    """Forget a draft. A repeat changes nothing."""
    drop_setting(session, f"{_TEXT}{number}")
    drop_setting(session, f"{_CHOICES}{number}")


def forget_abandoned(session: Session, now: datetime) -> int:
    """Drop drafts that nobody has touched for a day. Returns how many."""
    keys = list_stale(session, (_TEXT, _CHOICES), now - KEPT)
    for key in keys:
        drop_setting(session, key)
    return sum(key.startswith(_TEXT) for key in keys)


def _save(session: Session, draft: Draft, now: datetime) -> None:
    choices = asdict(draft)
    del choices["text"], choices["number"]
    save_setting(session, f"{_CHOICES}{draft.number}", choices, now)


def _as_draft(number: int, text: str, choices: dict[str, Any]) -> Draft:
    columns = choices["columns"]
    return Draft(
        number,
        text,
        Columns(**columns | {"gone": tuple(columns["gone"])}) if columns else None,
        str(choices["evidence"]),
        tuple(choices["languages"]),
        tuple(choices["topics"]),
        Cadence(choices["cadence"]),
    )
