"""The fast builder: a letter is built once, cut at what differs per person, and spliced.

Gives the bytes of `build` for the same person at a small part of its cost. Holds one letter in
one language; knows no key, no address and no clock.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailer.message import slots
from mailer.message.build import boundary, build
from mailer.message.headers import check_person
from mailer.message.values import Envelope, Person, Rendered


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes of a base64 part in which slots lie, each slot by its field's name. They begin and
    end where three bytes become four characters, so what is around them never changes."""

    pieces: tuple[bytes | str, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """A place for a person's value, named or encoded, or for a slice of it between line breaks."""

    value: str | Encoded
    part: slice


Piece = bytes | Fill

_WHOLE = slice(None)
_SAFE_LINE = 600  # leaves room for an address and a token within the 998
_BREAKS = re.compile(rb"[\r\n\0]")
_GROUP, _CHARACTERS = 3, 4  # base64 turns so many bytes into so many characters
_BASE64_LINE = 76
_SOFT_BREAK = b"=\r\n"
_LINE_BREAK = b"\r\n"
_FIELDS = ("address", "date", "message_id", "unsubscribe_token", "preferences_token")
_TOKENS = frozenset(_FIELDS[3:])
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

    def __init__(self, pieces: Sequence[Piece]) -> None:
        fills = [(at, piece) for at, piece in enumerate(pieces) if isinstance(piece, Fill)]
        encoded = dict.fromkeys(f.value for _, f in fills if isinstance(f.value, Encoded))
        fields = {f.value for _, f in fills} | {p for each in encoded for p in each.pieces}
        self._has_unsubscribe = "unsubscribe_token" in fields
        self._has_preferences = "preferences_token" in fields
        # Values are known by their place in a list: fields first, then what is made of them.
        known: tuple[str | Encoded, ...] = (*_FIELDS, *encoded)
        places = {value: place for place, value in enumerate(known)}
        self._frame = [piece if isinstance(piece, bytes) else b"" for piece in pieces]
        self._fills = [(at, places[fill.value], fill.part) for at, fill in fills]
        self._encoded = [
            [p if isinstance(p, bytes) else places[p] for p in each.pieces] for each in encoded
        ]
        self.is_smooth = _is_smooth(pieces)
        """Whether SMTP can take every splice as it is: ASCII, lines of 998 characters at most that
        end with CRLF, and none that begins with a dot (RFC 5321 4.5.2, 4.5.3.1.6)."""

    def splice(self, person: Person) -> bytes:
        """The bytes of `build` for this person, and its errors: UnsafeHeader, ValueError."""
        values = self._values(person)
        for mixed in self._encoded:
            raw = b"".join(
                [piece if isinstance(piece, bytes) else values[piece] for piece in mixed]
            )
            values.append(b2a_base64(raw, newline=False))
        pieces = self._frame.copy()
        for at, place, part in self._fills:
            pieces[at] = values[place][part]
        return b"".join(pieces)

    def _values(self, person: Person) -> list[bytes]:
        """In the order of `_FIELDS`."""
        check_person(person)
        unsubscribe = slots.get_unsubscribe_token(person) if self._has_unsubscribe else ""
        preferences = slots.get_preferences_token(person) if self._has_preferences else ""
        return [
            person.address.encode("ascii"),
            person.date.encode("ascii"),
            person.message_id.encode("ascii"),
            unsubscribe.encode("ascii"),
            preferences.encode("ascii"),
        ]


def _is_smooth(pieces: Sequence[Piece]) -> bool:
    frame = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    fills = [piece for piece in pieces if isinstance(piece, Fill)]
    lines = frame.split(b"\r\n")
    return frame.isascii() and not (
        any(fill.value in _TOKENS and fill.part.start == slots.TOKEN_DOT for fill in fills)
        or any(len(line) > _SAFE_LINE or line.startswith(b".") for line in lines)
        or any(_BREAKS.search(line) for line in lines)
    )


def cut(
    rendered: Rendered, envelope: Envelope, *, base_url: str, unsubscribe_address: str = ""
) -> Cut:
    """Build the letter once, for nobody, and cut it. Raises what `build` raises."""
    nobody = _NOBODY._replace(message_id=f"<{0:016x}.{0:032x}@{envelope.list_domain}>")
    reference = build(
        rendered, envelope, nobody, base_url=base_url, unsubscribe_address=unsubscribe_address
    )
    delimiter = b"\r\n--" + boundary(rendered).encode()
    head, text, html, end = reference.split(delimiter)
    pieces = [*_cut_head(head), delimiter, *_cut_part(text), delimiter, *_cut_part(html)]
    return Cut([*pieces, delimiter + end])


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
    for first, last in _runs_of_groups(raw):
        encoded = Encoded(tuple(_cut_raw(raw[first * _GROUP : last * _GROUP])))
        start, end = first * _CHARACTERS, last * _CHARACTERS
        yield wire[done : start + _breaks_before(start)]
        yield from _cut_lines(encoded, start, end)
        done = end + _breaks_before(end - 1)
    yield wire[done:]


def _runs_of_groups(raw: bytes) -> Iterator[tuple[int, int]]:
    """The groups of three bytes that slots lie on, as (first, after last), those of slots that
    share one taken together."""
    runs: list[tuple[int, int]] = []
    for match in _PLAIN_SLOT.finditer(raw):
        first, last = match.start() // _GROUP, (match.end() - 1) // _GROUP + 1
        if runs and first < runs[-1][1]:
            first = runs.pop()[0]
        runs.append((first, last))
    yield from runs


def _breaks_before(character: int) -> int:
    """Bytes of line breaks before this character of a base64 part."""
    return character // _BASE64_LINE * len(_LINE_BREAK)


def _cut_lines(encoded: Encoded, start: int, end: int) -> Iterator[Piece]:
    at = start
    while at < end:
        if at > start:
            yield _LINE_BREAK
        line_end = min(at - at % _BASE64_LINE + _BASE64_LINE, end)
        yield Fill(encoded, slice(at - start, line_end - start))
        at = line_end


def _cut_raw(raw: bytes) -> Iterator[bytes | str]:
    done = 0
    for match in _PLAIN_SLOT.finditer(raw):
        yield raw[done : match.start()]
        yield _SLOTS[match[0]]
        done = match.end()
    yield raw[done:]
