"""Reads the files and pasted lists that people come in, and says in words what is wrong with
them. Whoever stands in them is for `subscriber_import`."""

from dataclasses import dataclass

from mailer.domain.errors import Invalid, InvalidAddress
from mailer.domain.imports import (
    LONGEST_QUOTE,
    Columns,
    ImportRow,
    Problem,
    Rows,
    find_columns,
    read_rows,
)
from mailer.domain.imports_table import Table, Unreadable, UnreadableTable, decode, read_table
from mailer.message.vocabulary import N_
from mailer.usecases.addresses import Address, read_address

UNREADABLE = {
    Unreadable.EMPTY: N_("There is no address in this."),
    Unreadable.TOO_BIG: N_("This file is too big. It can have 20 MB; split it into smaller ones."),
    Unreadable.TOO_LONG: N_("There are more than 200,000 people in this. Split it into parts."),
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


class UnreadableFile(Invalid):
    """The file as a whole cannot be used. `message` is the sentence before `line` is put in."""

    def __init__(self, cause: UnreadableTable) -> None:
        self.message, self.line = UNREADABLE[cause.reason], cause.line
        super().__init__("file", self.message % {"line": cause.line})


@dataclass(frozen=True, slots=True)
class Unusable:
    """A line that brings nobody, and why, in words; `text` is what stands there."""

    line: int
    text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class People:
    """The rows of a file whose address can be mailed, and the lines that are no use."""

    rows: tuple[tuple[ImportRow, Address], ...]
    unusable: tuple[Unusable, ...]


def read_file(data: bytes) -> str:
    """An uploaded file as text. Raises UnreadableFile."""
    try:
        return decode(data)
    except UnreadableTable as cause:
        raise UnreadableFile(cause) from cause


def open_table(text: str) -> Table:
    """The cells of a file or a pasted list. Raises UnreadableFile."""
    try:
        return read_table(text)
    except UnreadableTable as cause:
        raise UnreadableFile(cause) from cause


def read_people(text: str, columns: Columns | None = None) -> People:
    """The people in a file or a pasted list; what its columns mean is guessed unless given.

    Raises UnreadableFile when the text as a whole cannot be used.
    """
    table = open_table(text)
    try:
        found = read_rows(table, columns or find_columns(table))
    except UnreadableTable as cause:
        raise UnreadableFile(cause) from cause
    return _read_addresses(found)


def _read_addresses(found: Rows) -> People:
    rows: list[tuple[ImportRow, Address]] = []
    unusable = [Unusable(bad.line, bad.text, PROBLEMS[bad.problem]) for bad in found.bad]
    for row in found.rows:
        try:
            rows.append((row, read_address(row.email)))
        except InvalidAddress as mistake:
            unusable.append(Unusable(row.line, row.email[:LONGEST_QUOTE], str(mistake)))
    return People(tuple(rows), tuple(sorted(unusable, key=lambda one: one.line)))
