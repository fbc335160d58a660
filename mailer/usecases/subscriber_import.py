"""Brings people from elsewhere onto the list: reads, plans, carries out, takes back.

Only addresses that nobody here has ever seen are added. Whoever left, bounced or complained stays
out, whatever the file or the coordinator says; repeating an import changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.domain.consent import ConsentAction, SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.errors import Invalid, InvalidAddress, NotFound, Refused
from mailer.domain.imports import (
    Columns,
    Fate,
    ImportRow,
    Problem,
    Rows,
    Standing,
    decide_fate,
    find_columns,
    read_rows,
    suggest_domain,
)
from mailer.domain.imports_table import Unreadable, UnreadableTable, decode, read_table
from mailer.i18n import interface_for
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.deliveries import Delivery
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, Suppression
from mailer.usecases import letters
from mailer.usecases.addresses import Address, read_address
from mailer.usecases.import_wishes import load_vocabulary
from mailer.usecases.preferences import Wishes, fit

THING = "subscriber import"
IMPORTED, UNDONE = "subscribers imported", "subscriber import undone"

GRACE = timedelta(minutes=10)
"""Nobody is asked before that: time to notice the wrong file."""
MAIL_LIVES = timedelta(days=3)
UNDO_WITHIN = timedelta(hours=24)
LONGEST_EVIDENCE = 500
_CHUNK = 1000

UNREADABLE = {
    Unreadable.EMPTY: N_("There is no address in this."),
    Unreadable.TOO_BIG: N_("This file is too big. It can have 20 MB; split it into smaller ones."),
    Unreadable.TOO_LONG: N_(
        "There are more than 200,000 people in this file. Split it into smaller ones."
    ),
    Unreadable.TOO_WIDE: N_(
        "Line %(line)s is too long, or has more than 200 columns. Is this a list of addresses?"
    ),
    Unreadable.WORKBOOK: N_(
        "This is a workbook. Open it in your spreadsheet program and save it as CSV."
    ),
    Unreadable.NOT_TEXT: N_("This is not a text file. Save the list as CSV and try again."),
}
PROBLEMS = {
    Problem.QUOTES: N_("The quotation marks in this line do not match."),
    Problem.NO_ADDRESS: N_("There is no e-mail address in this line."),
    Problem.STATUS: N_("This status is unknown, so we cannot tell whether the person has left."),
}

_NO_EVIDENCE = N_("Write down where and when these people agreed.")
_LONG_EVIDENCE = N_("This is too long. Use at most 500 characters.")
_MEANWHILE = N_("Somebody from this list signed up at this very moment. Please try again.")
_TOO_LATE = N_("An import can be taken back for 24 hours. This one is older.")
_MAILED = N_("Mail has gone to people of this import, so it can no longer be taken back.")


class Mode(StrEnum):
    """ask: each person gets a mail and joins by pressing the button in it. confirmed: they have
    agreed elsewhere, in a way that can be proved, and join at once."""

    ASK = "ask"
    CONFIRMED = "confirmed"


class UnreadableFile(Invalid):
    """The file as a whole cannot be used. `message` is the sentence before `line` is put in."""

    def __init__(self, cause: UnreadableTable) -> None:
        self.message, self.line = UNREADABLE[cause.reason], cause.line
        super().__init__("file", self.message % {"line": cause.line})


@dataclass(frozen=True, slots=True)
class Person:
    """One address of the file and what becomes of it."""

    line: int
    address: Address
    key: str
    fate: Fate
    wishes: Wishes
    is_unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Unusable:
    """A line that brings nobody, and why, in words; `text` is what stands there."""

    line: int
    text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A new address that looks like a slip. It is imported as it is: only a person may mend it."""

    line: int
    address: str
    meant: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do at this moment. Nothing has happened yet."""

    people: tuple[Person, ...]
    invalid: tuple[Unusable, ...]
    suggestions: tuple[Suggestion, ...]

    def list_people(self, fate: Fate) -> list[Person]:
        """Those of one fate, in the order of the file."""
        return [person for person in self.people if person.fate is fate]

    def counts(self) -> dict[str, int]:
        """How many addresses meet each fate, and how many lines are no use."""
        fates = Counter(person.fate for person in self.people)
        return {fate.value: fates[fate] for fate in Fate} | {"invalid": len(self.invalid)}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`asked` and `confirmed` are how many were added in each way."""

    number: int
    asked: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """What the log keeps of an import: who did it when, how, and with which counts."""

    number: int
    at: datetime
    who: str
    mode: str
    counts: dict[str, int]
    undone_at: datetime | None


def read_file(data: bytes) -> str:
    """An uploaded file as text, checked as far as `read_people` would. Raises UnreadableFile."""
    try:
        text = decode(data)
    except UnreadableTable as cause:
        raise UnreadableFile(cause) from cause
    read_people(text)
    return text


def read_people(text: str, columns: Columns | None = None) -> Rows:
    """The people in a file or a pasted list; columns are guessed unless given.

    Raises UnreadableFile when the text as a whole cannot be used.
    """
    try:
        table = read_table(text)
        return read_rows(table, columns or find_columns(table))
    except UnreadableTable as cause:
        raise UnreadableFile(cause) from cause


def plan_import(
    session: Session, rows: Rows, defaults: Wishes, address_key: Callable[[str], str]
) -> ImportPlan:
    """Decide about every row; changes nothing.

    `defaults` is what people get whose row says nothing about languages or topics. Of an address
    that the file has twice the first counts, unless one of them says that the person left.
    Raises Invalid for unusable defaults.
    """
    granted = fit(session, defaults)
    readable, invalid = _read_addresses(rows)
    keys = [address_key(address.key_text) for _, address in readable]
    gone = {
        key
        for (row, _), key in zip(readable, keys, strict=True)
        if row.standing is Standing.GONE
    }
    known = _Known(session, keys)
    vocabulary = load_vocabulary(session)
    people: list[Person] = []
    seen: set[str] = set()
    for (row, address), key in zip(readable, keys, strict=True):
        standing = Standing.GONE if key in gone else row.standing
        fate = Fate.DOUBLE if key in seen else known.decide(key, standing)
        seen.add(key)
        wishes = Wishes(
            vocabulary.read_languages(row.languages) or granted.languages,
            vocabulary.read_topics(row.topics) or granted.topics,
            granted.cadence,
        )
        is_unconfirmed = standing is Standing.UNCONFIRMED
        people.append(Person(row.line, address, key, fate, wishes, is_unconfirmed))
    return ImportPlan(tuple(people), tuple(invalid), tuple(_suggest(people)))


def carry_out(
    session: Session,
    plan: ImportPlan,
    mode: Mode,
    *,
    number: int,
    evidence: str,
    who: str,
    now: datetime,
) -> ImportResult:
    """Add the new people of a plan that was made in this same transaction.

    `evidence` says where and when they agreed and goes into each one's proof of consent. In the
    mode `confirmed` whoever the file marks as unconfirmed is asked all the same. `number` comes
    from `new_number`. Raises Invalid without evidence, Refused when somebody of the plan signs up
    by the form at this very moment.
    """
    proof = _read_evidence(evidence)
    newcomers = plan.list_people(Fate.NEW)
    asked = [one for one in newcomers if mode is Mode.ASK or one.is_unconfirmed]
    confirmed = [one for one in newcomers if not (mode is Mode.ASK or one.is_unconfirmed)]
    try:
        for chunk in _chunks(asked):
            _ask(session, _add(session, chunk, _Entry.asked(number, proof, now)), now)
        for chunk in _chunks(confirmed):
            _add(session, chunk, _Entry.confirmed(number, proof, now))
    except IntegrityError as error:
        raise Refused(_MEANWHILE) from error
    audit.record(
        session,
        who,
        IMPORTED,
        now,
        thing=THING,
        thing_id=number,
        mode=mode.value,
        **plan.counts(),
    )
    return ImportResult(number, len(asked), len(confirmed))
