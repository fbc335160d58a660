"""The demo's inbox, as its server keeps it: one file per mail in a Maildir. Reads, never writes.

Each file begins with two lines of envelope as a mail server writes them (Return-Path,
Delivered-To), then the mail byte for byte.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import default
from pathlib import Path

from mailer.domain.errors import NotFound

LONGEST_HEAD = 64 * 1024
MOST_LISTED = 500

_HREF = re.compile(r"""href\s?=\s?["'](https?://[^"'<>\s]+)""", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A line of the list. `date` is when it arrived (UTC), `size` its bytes without the envelope.

    Everything but `id`, `date` and `size` is a stranger's text: escape it.
    """

    id: str
    recipient: str
    sender: str
    subject: str
    date: datetime
    size: int


@dataclass(frozen=True, slots=True)
class FullMessage:
    """`about` is its line of the list, `raw` what the sender handed over, byte for byte, and
    `headers` its head as text.

    `html` and `text` are empty where the message has no such part. `links` are the http(s)
    addresses of both, in order, each once.
    """

    about: InboxMessage
    headers: str
    html: str
    text: str
    raw: bytes
    links: tuple[str, ...]


def list_messages(directory: Path) -> list[InboxMessage]:
    """What arrived, newest first."""
    newest_first = sorted(_files(directory), key=_arrival, reverse=True)
    return [_summary(file) for file in newest_first[:MOST_LISTED]]


def get_message(directory: Path, message_id: str) -> FullMessage:
    """One message with all its parts. Raises NotFound, also for an id that is none."""
    file = _find(directory, message_id)
    if file is None:
        raise NotFound("message", message_id[:80])
    raw = _split(file.read_bytes())[2]
    message = BytesParser(EmailMessage, policy=default).parsebytes(raw)
    page, text = _body(message, "html"), _body(message, "plain")
    head = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")
    links = tuple(dict.fromkeys(_links(page, text)))
    return FullMessage(_summary(file), head, page, text, raw, links)


def _files(directory: Path) -> Iterator[Path]:
    for folder in ("new", "cur"):
        place = directory / folder
        if place.is_dir():
            yield from (file for file in place.iterdir() if file.is_file())


def _find(directory: Path, message_id: str) -> Path | None:
    # The id is looked for among the files there are; it never becomes part of a path.
    return next((file for file in _files(directory) if _name(file) == message_id), None)


def _name(file: Path) -> str:
    """The file's name without the flags that a mail reader may add to it."""
    return file.name.partition(":")[0]


def _arrival(file: Path) -> tuple[int, str]:
    return file.stat().st_mtime_ns, file.name


def _summary(file: Path) -> InboxMessage:
    with file.open("rb") as opened:
        beginning = opened.read(LONGEST_HEAD)
    sender, recipient, head = _split(beginning)
    headers: Message = BytesHeaderParser(policy=default).parsebytes(head)
    status = file.stat()
    return InboxMessage(
        id=_name(file),
        recipient=recipient,
        sender=sender,
        subject=" ".join(str(headers["Subject"] or "").split()),
        date=datetime.fromtimestamp(status.st_mtime, UTC),
        size=status.st_size - (len(beginning) - len(head)),
    )


def _split(stored: bytes) -> tuple[str, str, bytes]:
    """Sender, recipient and message, from the two lines that the server put before it."""
    return_path, _, rest = stored.partition(b"\r\n")
    delivered_to, _, message = rest.partition(b"\r\n")
    sender = return_path.decode("utf-8", "replace").removeprefix("Return-Path: <")
    recipient = delivered_to.decode("utf-8", "replace").removeprefix("Delivered-To: ")
    return sender.removesuffix(">"), recipient, message


def _body(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""
    except (LookupError, UnicodeError, MessageError):
        # An unknown charset, for one. The raw message is there to be read.
        return ""


def _links(page: str, text: str) -> Iterator[str]:
    # A pattern, not html.parser: that one fails on broken markup, and this is a stranger's.
    yield from (html.unescape(link) for link in _HREF.findall(page))
    yield from _URL.findall(text)
