"""The reference builder: one letter to one person as bytes, by the standard library's rules.

Slow and plain on purpose; `splice` is held equal to it byte for byte. It writes no line that
`headers` did not spell, signs nothing, and sends nothing.
"""

from email import message_from_bytes
from email.message import MIMEPart
from email.policy import SMTP, EmailPolicy
from hashlib import sha256
from typing import Any

from mailer.message import slots
from mailer.message.headers import BULK, EVERY, Headers, UnsafeHeader, letter_headers
from mailer.message.values import Envelope, Person, Rendered

ENCODINGS = ("quoted-printable", "base64")

_PART_HEADERS = ["Content-Type", "Content-Transfer-Encoding"]


class _AsSpelt(EmailPolicy):
    """Writes header values as they come: `headers` has folded them."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        return name, value


# 76 is the longest line of quoted-printable (RFC 2045, 6.7); the library's own default makes 78.
_POLICY = _AsSpelt(linesep=SMTP.linesep, max_line_length=76, refold_source="none")


def build(
    rendered: Rendered,
    envelope: Envelope,
    person: Person,
    *,
    base_url: str,
    unsubscribe_address: str = "",
) -> bytes:
    """The whole message: CRLF lines of 7-bit characters, not dot-stuffed.

    The same input gives the same bytes. Line ends of the parts become CRLF and the last line
    gets one; nothing else in them changes. Raises UnsafeHeader (a ValueError) for header values
    that could be misread, ValueError for a token of the wrong length or text that is no Unicode.
    """
    headers = letter_headers(
        envelope, person, base_url=base_url, unsubscribe_address=unsubscribe_address
    )
    message = MIMEPart(policy=_POLICY)
    for name, value in headers:
        message[name] = value
    message["Content-Type"] = f'multipart/alternative; boundary="{boundary(rendered)}"'
    message.attach(_part("plain", slots.fill(rendered.text, person)))
    message.attach(_part("html", slots.fill(rendered.html, person)))
    content = message.as_bytes()
    refuse_smuggled(content, headers, BULK if envelope.is_bulk else EVERY)
    return content


def boundary(rendered: Rendered) -> str:
    """The line between the parts: the same for all readers of a letter, another for another.

    `=_` occurs in no line of quoted-printable or base64, so no text can imitate it.
    """
    digest = sha256()
    for text in (rendered.text, rendered.html):
        digest.update(sha256(text.encode()).digest())
    return f"=_{digest.hexdigest()[:32]}"


def refuse_smuggled(content: bytes, headers: Headers, allowed: frozenset[str]) -> None:
    """Read the finished message back and refuse it unless its headers are those we wrote.

    Several CPython releases let an encoded word bring in a header of its own (CVE-2024-6923,
    CVE-2026-1299); what counts is what a reader finds. Raises UnsafeHeader.
    """
    message = message_from_bytes(content)
    if message.keys() != [*dict(headers), "Content-Type"] or not allowed.issuperset(dict(headers)):
        raise UnsafeHeader(", ".join(message.keys()), "these are not the headers of this letter")
    parts = [part.keys() for part in message.walk()][1:]
    if parts != [_PART_HEADERS, _PART_HEADERS]:
        raise UnsafeHeader("Content-Type", "the letter does not have its two parts")


def _part(subtype: str, text: str) -> MIMEPart:
    """A text part in the encoding that makes it smaller.

    Left alone, the library decides by the first ten lines: English above, Cyrillic below, and
    the letter has three times its size.
    """
    return min((_encoded(subtype, text, encoding) for encoding in ENCODINGS), key=_size)


def _encoded(subtype: str, text: str, encoding: str) -> MIMEPart:
    part = MIMEPart(policy=_POLICY)
    part.set_content(text, subtype=subtype, charset="utf-8", cte=encoding)
    return part


def _size(part: MIMEPart) -> int:
    return len(part.as_bytes().partition(b"\r\n\r\n")[2])
