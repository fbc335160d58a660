"""The fast builder: a letter is built once, cut at what differs per person, and spliced.

Gives the bytes of `build` for the same person at a small part of its cost. Holds one letter in
one language; knows no key, no address and no clock.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailer.message import slots
from mailer.message.build import boundary, build
from mailer.message.headers import check_person
from mailer.message.values import Envelope, Person, Rendered

Values = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Fill:
    """A place for a person's value, or for a slice of it where a soft line break parts it."""

    field: str
    part: slice


@dataclass(frozen=True, slots=True)
class Region:
    """Whole lines of a base64 part around a slot, before encoding."""

    pieces: tuple[bytes | Fill, ...]

    def encode(self, values: Values) -> bytes:
        raw = b"".join(
            piece if isinstance(piece, bytes) else values[piece.field][piece.part]
            for piece in self.pieces
        )
        lines = (raw[start : start + _RAW_LINE] for start in range(0, len(raw), _RAW_LINE))
        return b"".join(b2a_base64(line, newline=False) + b"\r\n" for line in lines)


Piece = bytes | Fill | Region

_WHOLE = slice(None)
_SAFE_LINE = 600  # leaves room for an address and a token within the 998
_BREAKS = re.compile(rb"[\r\n\0]")
_RAW_LINE, _WIRE_LINE = 57, 78  # a full line of base64: what it holds, what it takes with CRLF
_SOFT_BREAK = b"=\r\n"
_SLOTS = {
    slots.UNSUBSCRIBE.encode(): "unsubscribe_token",
    slots.PREFERENCES.encode(): "preferences_token",
}
_PLAIN_SLOT = re.compile(b"|".join(_SLOTS))
# Every character of a slot stands for itself in quoted-printable; only a soft break can part them.
_BROKEN_SLOT = re.compile(
    b"|".join(b"(?:=\r\n)?".join(re.escape(bytes([code])) for code in slot) for slot in _SLOTS)
)
_LINES = {b"To": "address", b"Date": "date", b"Message-ID": "message_id"}
_NOBODY = Person(
    address="reader@example.org",
    message_id="",
    date="Thu, 01 Jan 1970 00:00:00 +0000",
    unsubscribe_token=slots.UNSUBSCRIBE,
    preferences_token=slots.PREFERENCES,
)


class Cut:
    """A letter in pieces, ready for any number of people. `splice` may be called by threads."""

    def __init__(self, pieces: Sequence[Piece], size: int) -> None:
        self._frame = [piece if isinstance(piece, bytes) else b"" for piece in pieces]
        self._fills = [(at, p.field, p.part) for at, p in enumerate(pieces) if isinstance(p, Fill)]
        self._regions = [(at, p) for at, p in enumerate(pieces) if isinstance(p, Region)]
        inside = [piece for _, region in self._regions for piece in region.pieces]
        self._fields = {p.field for p in (*pieces, *inside) if isinstance(p, Fill)}
        self.size = size
        """Bytes of the message, give or take the length of an address."""
        self.is_smooth = _is_smooth(pieces)
        """Whether SMTP can take every splice as it is: ASCII, lines of 998 characters at most that
        end with CRLF, and none that begins with a dot (RFC 5321 4.5.2, 4.5.3.1.6)."""

    def splice(self, person: Person) -> bytes:
        """The bytes of `build` for this person, and its errors: UnsafeHeader, ValueError."""
        values = self._values(person)
        pieces = self._frame.copy()
        for at, field, part in self._fills:
            pieces[at] = values[field][part]
        for at, region in self._regions:
            pieces[at] = region.encode(values)
        return b"".join(pieces)

    def _values(self, person: Person) -> Values:
        check_person(person)
        values = {
            "address": person.address.encode("ascii"),
            "date": person.date.encode("ascii"),
            "message_id": person.message_id.encode("ascii"),
        }
        if "unsubscribe_token" in self._fields:
            values["unsubscribe_token"] = slots.get_unsubscribe_token(person).encode("ascii")
        if "preferences_token" in self._fields:
            values["preferences_token"] = slots.get_preferences_token(person).encode("ascii")
        return values


def _is_smooth(pieces: Sequence[Piece]) -> bool:
    frame = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    fills = [piece for piece in pieces if isinstance(piece, Fill)]
    lines = frame.split(b"\r\n")
    return frame.isascii() and not (
        any(fill.part.start == slots.TOKEN_DOT for fill in fills)
        or any(len(line) > _SAFE_LINE or line.startswith(b".") for line in lines)
        or any(_BREAKS.search(line) for line in lines)
    )


def cut(
    rendered: Rendered, envelope: Envelope, *, base_url: str, unsubscribe_address: str = ""
) -> Cut:
    """Build the letter once, for nobody, and cut it. Raises what `build` raises."""
    nobody = replace(_NOBODY, message_id=f"<{0:016x}.{0:032x}@{envelope.list_domain}>")
    reference = build(
        rendered, envelope, nobody, base_url=base_url, unsubscribe_address=unsubscribe_address
    )
    delimiter = b"\r\n--" + boundary(rendered).encode()
    head, text, html, end = reference.split(delimiter)
    pieces = [*_cut_head(head), delimiter, *_cut_part(text), delimiter, *_cut_part(html)]
    return Cut([*pieces, delimiter + end], size=len(reference))


def _cut_head(head: bytes) -> Iterator[Piece]:
    for line in head.splitlines(keepends=True):
        # A folded line begins with a space, so a name at its start is a header's name.
        name = line.partition(b": ")[0]
        if name in _LINES:
            yield from (name + b": ", Fill(_LINES[name], _WHOLE), b"\r\n")
        else:
            yield from _cut_characters(line)


def _cut_part(part: bytes) -> Iterator[Piece]:
    about, blank_line, body = part.partition(b"\r\n\r\n")
    yield about + blank_line
    yield from _cut_base64(body) if b"base64" in about else _cut_characters(body)


def _cut_characters(wire: bytes) -> Iterator[Piece]:
    """Cut where a slot's characters stand for themselves: in headers and quoted-printable."""
    done = 0
    for match in _BROKEN_SLOT.finditer(wire):
        yield wire[done : match.start()]
        yield from _cut_slot(match[0])
        done = match.end()
    yield wire[done:]


def _cut_slot(wire: bytes) -> Iterator[Piece]:
    runs = wire.split(_SOFT_BREAK)
    field = _SLOTS[b"".join(runs)]
    start = 0
    for run in runs:
        if start:
            yield _SOFT_BREAK
        yield Fill(field, slice(start, start + len(run)))
        start += len(run)


def _cut_base64(wire: bytes) -> Iterator[Piece]:
    raw = a2b_base64(wire)
    done = 0
    for first, last in _runs_of_lines(raw):
        yield wire[done * _WIRE_LINE : first * _WIRE_LINE]
        yield Region(tuple(_cut_raw(raw[first * _RAW_LINE : last * _RAW_LINE])))
        done = last
    yield wire[done * _WIRE_LINE :]


def _runs_of_lines(raw: bytes) -> Iterator[tuple[int, int]]:
    """The lines that slots lie on, as (first, after last), those that touch taken together."""
    runs: list[tuple[int, int]] = []
    for match in _PLAIN_SLOT.finditer(raw):
        first, last = match.start() // _RAW_LINE, (match.end() - 1) // _RAW_LINE + 1
        if runs and first < runs[-1][1]:
            first = runs.pop()[0]
        runs.append((first, last))
    yield from runs


def _cut_raw(raw: bytes) -> Iterator[bytes | Fill]:
    done = 0
    for match in _PLAIN_SLOT.finditer(raw):
        yield raw[done : match.start()]
        yield Fill(_SLOTS[match[0]], _WHOLE)
        done = match.end()
    yield raw[done:]
