"""Reads the file in which people come from a spreadsheet or another newsletter service: bytes to
text to lines of cells. Knows nothing of addresses; refuses what is no text or out of all measure.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200
LONGEST_LINE = 100_000

_DELIMITERS = ("\t", ";", ",")
_QUOTED = re.compile(r'"[^"]*"')
_HINT = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
# A name may stand in quotation marks with a comma inside: "Novák, Jan" <jan@example.org>
_PIECE = re.compile(r'(?:"[^"\n]*"|[^,;\t\n])+')

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods are ZIP files, xls is OLE
_SAMPLE = 4096


class Unreadable(StrEnum):
    """Why a file as a whole cannot be used."""

    EMPTY = "empty"
    TOO_BIG = "too big"
    TOO_LONG = "too long"
    TOO_WIDE = "too wide"
    WORKBOOK = "workbook"
    NOT_TEXT = "not text"


class UnreadableTable(ValueError):
    """Carries the reason, and the line it was seen in (0: the whole file)."""

    def __init__(self, reason: Unreadable, line: int = 0) -> None:
        self.reason, self.line = reason, line
        super().__init__(f"{reason} (line {line})" if line else reason)


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one row and the line of the file that it begins on, counted from 1."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`broken` are the lines whose quotation marks do not match: their cells cannot be told."""

    records: tuple[Record, ...]
    broken: tuple[int, ...] = ()


def decode(data: bytes) -> str:
    """The file as text, whether it was saved as UTF-8, UTF-16, or in the Central European or
    Cyrillic code page of Windows. Raises UnreadableTable."""
    if len(data) > MOST_BYTES:
        raise UnreadableTable(Unreadable.TOO_BIG)
    if data.startswith(_WORKBOOKS):
        raise UnreadableTable(Unreadable.WORKBOOK)
    for encoding in _guess_encodings(data):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableTable(Unreadable.NOT_TEXT)


def read_table(text: str) -> Table:
    """The rows of `text` that hold anything, whichever sign stands between their cells.

    Also a plain list of addresses, one below the other or in one line as mail programs have it.
    Raises UnreadableTable when there is nothing in it, or more than the limits above allow.
    """
    if "\0" in text:
        raise UnreadableTable(Unreadable.NOT_TEXT)
    lines = list(StringIO(text, newline=None))
    found = _read_list(lines) if _is_list(lines) else _read_cells(lines)
    if not found.records:
        raise UnreadableTable(Unreadable.EMPTY)
    return found


def _guess_encodings(data: bytes) -> tuple[str, ...]:
    if data.startswith(b"\xef\xbb\xbf"):
        return ("utf-8-sig",)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    sample = data[:_SAMPLE]
    if sample[1::2].count(0) * 4 > len(sample):
        return ("utf-16-le",)
    if sample[::2].count(0) * 4 > len(sample):
        return ("utf-16-be",)
    return ("utf-8", "cp1251", "cp1250") if _is_cyrillic(data) else ("utf-8", "cp1250", "cp1251")


def _is_cyrillic(data: bytes) -> bool:
    """In a single-byte code page, Czech has accents among plain letters, Ukrainian whole words
    above 0x7F."""
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    in_words = sum(len(word) for word in re.findall(rb"[\x80-\xff]{3,}", data))
    return in_words * 2 > high


def _is_list(lines: Sequence[str]) -> bool:
    """Two addresses in the first line that says anything: neither a header nor one person."""
    first = next((line for line in lines if line.strip()), "")
    return first.count("@") > 1


def _read_list(lines: Sequence[str]) -> Table:
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        pieces = (piece.strip() for piece in _PIECE.findall(line))
        records += (Record(number, (piece,)) for piece in pieces if piece)
        _check_length(records)
    return Table(tuple(records))


def _read_cells(lines: Sequence[str]) -> Table:
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise UnreadableTable(Unreadable.TOO_WIDE, number)
    hint = _HINT.fullmatch(lines[0]) if lines else None
    delimiter = hint[1] if hint else _guess_delimiter(lines)
    records: list[Record] = []
    broken: list[int] = []
    for number, cells in _split(lines, 1 if hint else 0, delimiter):
        if cells is None:
            broken.append(number)
        elif len(cells) > MOST_COLUMNS:
            raise UnreadableTable(Unreadable.TOO_WIDE, number)
        elif any(cell.strip() for cell in cells):
            records.append(Record(number, tuple(cell.strip() for cell in cells)))
            _check_length(records)
    return Table(tuple(records), tuple(broken))


def _check_length(records: Sequence[Record]) -> None:
    if len(records) > MOST_ROWS:
        raise UnreadableTable(Unreadable.TOO_LONG, records[-1].line)


def _guess_delimiter(lines: Sequence[str]) -> str:
    """The sign that most of the first lines have, and the first of them most often."""
    sample = [_QUOTED.sub("", line) for line in lines[:20] if line.strip()]
    return max(
        _DELIMITERS,
        key=lambda sign: (
            sum(sign in line for line in sample),
            sample[0].count(sign) if sample else 0,
        ),
    )


def _split(
    lines: Sequence[str], start: int, delimiter: str
) -> Iterator[tuple[int, list[str] | None]]:
    """Each row with the number of its first line; None for one that cannot be split.

    After such a row reading goes on with the next line: a quotation mark that nobody closed must
    not swallow the people below it.
    """
    while start < len(lines):
        rest = (lines[at] for at in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True, skipinitialspace=True)
        begin = start
        try:
            for cells in reader:
                yield begin + 1, cells
                begin = start + reader.line_num
        except csv.Error:
            yield begin + 1, None
            start = begin + 1
        else:
            return
