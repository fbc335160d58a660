"""Finds the people in a table that somebody brings along: which column means what, who left in
the place they come from, what becomes of an address. Whether an address can be mailed at all is
for `usecases/addresses`; nothing here mends what was typed, it only suggests."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from mailer.domain.consent import SubscriberState
from mailer.domain.imports_table import MOST_ROWS, Record, Table, Unreadable, UnreadableTable
from mailer.domain.spelling import fold

LONGEST_QUOTE = 80


class Standing(StrEnum):
    """What the file itself says about somebody. gone: they left there, or mail came back."""

    ACTIVE = "active"
    UNCONFIRMED = "unconfirmed"
    GONE = "gone"


class Fate(StrEnum):
    """What an import does with an address; only new ones are added, all others stay as they are.

    left, bounced: before, here. gone: where they come from. double: stands further up already.
    """

    NEW = "new"
    ALREADY = "already"
    PENDING = "pending"
    LEFT = "left"
    BOUNCED = "bounced"
    GONE = "gone"
    DOUBLE = "double"


class Problem(StrEnum):
    """Why a line cannot be used, as far as it can be told without reading addresses."""

    QUOTES = "quotes"
    NO_ADDRESS = "no address"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where to look in each row, counted from 0; None: no such column. Without `email` every cell
    with an @ is an address. `gone` are columns that only have an entry for people who left."""

    has_header: bool = False
    email: int | None = None
    language: int | None = None
    topics: int | None = None
    status: int | None = None
    gone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One address as it was written; `languages` and `topics` in whatever words the file has."""

    line: int
    email: str
    languages: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    standing: Standing = Standing.ACTIVE


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that brings nobody. `text` is what stands in the way, cut short."""

    line: int
    problem: Problem
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """All that a table says about people, good and bad, each in the order of the file."""

    rows: tuple[ImportRow, ...]
    bad: tuple[BadLine, ...]


def _plain(name: str) -> str:
    """A heading or status in one spelling, whatever its case, accents and dashes."""
    return " ".join(fold(name).replace("_", " ").replace("-", " ").strip(" :.*'\"").split())


def _words(*texts: str) -> tuple[str, ...]:
    return tuple(_plain(word) for text in texts for word in text.split(", "))


# Names of columns: ours, those of Mailchimp, listmonk, Mailman and Sendy, and what people write
# on top of a list in English, Czech and Ukrainian. The first that a file has is taken.
_EMAIL = _words(
    "email address, e-mail address, email, e-mail, mail, subscriber email",
    "emailová adresa, e-mailová adresa, elektronická adresa, elektronická pošta",
    "електронна пошта, електронна адреса, ел. пошта, емейл, імейл, пошта",
    "address, adresa, адреса",
)
_LANGUAGE = _words(
    "content languages, languages, preferred language, language, lang, locale",
    "jazyky, jazyk, мови, мова",
)
_TOPICS = _words(
    "topics, topic, tags, interests, témata, téma, štítky, zájmy, теми, тема, теги, інтереси"
)
_STATUS = _words("status, subscription status, email marketing status, state, stav, статус, стан")
_GONE = _words(
    "unsub time, clean time, unsubscribed at, unsubscribe date, left, left at",
    "odhlášeno, datum odhlášení, дата відписки",
)

_STANDINGS = {
    Standing.ACTIVE: _words(
        "subscribed, confirmed, active, enabled, ok, yes, 1",
        "přihlášen, přihlášena, přihlášeno, aktivní, potvrzeno, ano",
        "підписаний, підписана, підписано, активний, підтверджено, так",
    ),
    Standing.UNCONFIRMED: _words(
        "unconfirmed, not confirmed, pending, nepotvrzeno, čeká, непідтверджено, очікує"
    ),
    Standing.GONE: _words(
        "unsubscribed, non-subscribed, left, removed, deleted, inactive, archived, disabled",
        "blocklisted, blacklisted, blocked, cleaned, invalid, spam, marked as spam, no, 0",
        "bounce, bounced, soft bounced, hard bounced, complaint, complaints, complained",
        "odhlášen, odhlášena, odhlášeno, neaktivní, nedoručeno, ne",
        "відписаний, відписана, відписано, неактивний, ні",
    ),
}
_BY_STATUS = {word: standing for standing, words in _STANDINGS.items() for word in words}


def find_columns(table: Table) -> Columns:
    """Which column means what, as far as the first row gives it away.

    A column called status counts only if it holds words of ours: "state" may also be a country's.
    """
    names = [_plain(cell) for cell in table.records[0].cells]
    email = _find(names, _EMAIL)
    has_header = email is not None or (len(names) > 1 and not _has_address(table.records[0]))
    if not has_header:
        return Columns()
    below = table.records[1:51]
    status = _find(names, _STATUS)
    if status is not None and not any(_plain(_cell(row, status)) in _BY_STATUS for row in below):
        status = None
    return Columns(
        has_header=True,
        email=_find_addresses(below) if email is None else email,
        language=_find(names, _LANGUAGE),
        topics=_find(names, _TOPICS),
        status=status,
        gone=tuple(at for at, name in enumerate(names) if name in _GONE),
    )


def read_rows(table: Table, columns: Columns) -> Rows:
    """The people in the table. Every line that brings nobody is named, the rest goes on.

    Raises UnreadableTable when cells with several addresses make more rows than a file may have.
    """
    rows: list[ImportRow] = []
    bad = [BadLine(line, Problem.QUOTES) for line in table.broken]
    for record in table.records[1 if columns.has_header else 0 :]:
        found = _read_record(record, columns)
        if isinstance(found, BadLine):
            bad.append(found)
            continue
        rows += found
        if len(rows) > MOST_ROWS:
            raise UnreadableTable(Unreadable.TOO_LONG, record.line)
    return Rows(tuple(rows), tuple(sorted(bad, key=lambda one: one.line)))


def decide_fate(
    standing: Standing, state: SubscriberState | None, *, has_left: bool, is_dead: bool
) -> Fate:
    """What becomes of an address, `state` being that of its subscriber here, if there is one.

    `has_left` and `is_dead` are what suppression says; it outlives the subscriber, and it wins.
    """
    if is_dead or state in (SubscriberState.BOUNCED, SubscriberState.COMPLAINED):
        return Fate.BOUNCED
    if has_left or state is SubscriberState.UNSUBSCRIBED:
        return Fate.LEFT
    if state is SubscriberState.CONFIRMED:
        return Fate.ALREADY
    if standing is Standing.GONE:
        return Fate.GONE
    return Fate.PENDING if state is SubscriberState.PENDING else Fate.NEW


_MAILBOXES = _words(
    "gmail.com, seznam.cz, centrum.cz, outlook.com, hotmail.com, icloud.com, yahoo.com, ukr.net",
    "protonmail.com",
)
# Real ones that are only a letter or two away from those above.
_ALSO_REAL = frozenset(
    _words(
        "email.com, mail.com, ymail.com, email.cz, mail.cz, hotmail.cz, outlook.cz, outlook.de",
        "centrum.sk, yahoo.de, yahoo.fr, yahoo.it, yahoo.co.uk, hotmail.fr, hotmail.it",
    )
)
_ALIKE = 0.77
_FURTHEST = 2


def suggest_domain(address: str) -> str | None:
    """The address as it was probably meant, when its domain is a slip away from a mail service
    that many use: `anna@gmail.con` → `anna@gmail.com`. None when nothing looks wrong."""
    local, _, domain = address.rpartition("@")
    meant = _find_mailbox(domain.lower())
    return f"{local}@{meant}" if local and meant else None


@lru_cache(maxsize=4096)
def _find_mailbox(domain: str) -> str | None:
    if domain in _MAILBOXES or domain in _ALSO_REAL:
        return None
    near = [known for known in _MAILBOXES if abs(len(known) - len(domain)) <= _FURTHEST]
    return next(iter(get_close_matches(domain, near, n=1, cutoff=_ALIKE)), None)


def _find(names: Sequence[str], wanted: Iterable[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _has_address(record: Record) -> bool:
    return any("@" in cell for cell in record.cells)


def _find_addresses(records: Sequence[Record]) -> int | None:
    """The column with most addresses in it; None when there is none at all."""
    counts: dict[int, int] = {}
    for record in records:
        for at, cell in enumerate(record.cells):
            if "@" in cell:
                counts[at] = counts.get(at, 0) + 1
    return max(counts, key=lambda at: counts[at]) if counts else None


def _cell(record: Record, at: int | None) -> str:
    """A cell; empty when the row is too short or there is no such column."""
    return record.cells[at] if at is not None and at < len(record.cells) else ""


def _read_record(record: Record, columns: Columns) -> list[ImportRow] | BadLine:
    cells = record.cells if columns.email is None else (_cell(record, columns.email),)
    addresses = [address for cell in cells for address in _take_addresses(cell)]
    if not addresses:
        text = next(filter(None, cells), "")
        return BadLine(record.line, Problem.NO_ADDRESS, text[:LONGEST_QUOTE])
    standing = _read_standing(record, columns)
    if standing is None:
        status = _cell(record, columns.status)
        return BadLine(record.line, Problem.STATUS, status[:LONGEST_QUOTE])
    languages = _split(_cell(record, columns.language), r"[,;|/\s]+")
    topics = _split(_cell(record, columns.topics), r"[,;|]+")
    return [ImportRow(record.line, one, languages, topics, standing) for one in addresses]


def _read_standing(record: Record, columns: Columns) -> Standing | None:
    """None for a word that nobody knows: it may mean that the person left."""
    if any(_cell(record, at) for at in columns.gone):
        return Standing.GONE
    status = _plain(_cell(record, columns.status))
    return _BY_STATUS.get(status) if status else Standing.ACTIVE


def _split(cell: str, between: str) -> tuple[str, ...]:
    return tuple(word for part in re.split(between, cell) if (word := part.strip(" \"'")))


_IN_ANGLES = re.compile(r"<([^<>]*@[^<>]*)>")


def _take_addresses(cell: str) -> list[str]:
    """What may be addresses in a cell: `Anna <anna@example.org>`, several after one another, or
    behind the apostrophe that keeps a spreadsheet from calculating."""
    found = _IN_ANGLES.findall(cell) or [word for word in cell.split() if "@" in word]
    return [word.strip(" ,;'\"").removeprefix("mailto:") for word in found]
