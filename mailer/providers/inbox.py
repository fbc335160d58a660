"""The demo's own mail server, and the reading of what it received. Never delivers anything on.

Each recipient's copy is one file in a Maildir, headed by two lines of envelope as a mail server
writes them (Return-Path, Delivered-To).
"""

import html
import mailbox
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.config import Inbox
from mailer.domain.errors import NotFound

LARGEST_MESSAGE = 20 * 1024 * 1024
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
    """`raw` is what the sender handed over, byte for byte; `headers` its head as text.

    `html` and `text` are empty where the message has no such part. `links` are the http(s)
    addresses of both, in order, each once.
    """

    headers: str
    html: str
    text: str
    raw: bytes
    links: tuple[str, ...]


class InboxServer:
    """An SMTP server in a thread of its own that takes everything into `config.directory`."""

    def __init__(self, config: Inbox) -> None:
        self._config = config
        self._running: Controller | None = None

    def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        host, port = self._config.host, self._config.port
        # aiosmtpd would need five seconds to find out that it cannot have the port.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
        self._running = Controller(
            _Keeper(self._config.directory),
            hostname=host,
            port=port,
            server_hostname="inbox.localhost",
            ident="inbox",
            data_size_limit=LARGEST_MESSAGE,
        )
        self._running.start()

    def stop(self) -> None:
        """Stop listening; what was received stays. Harmless when nothing runs."""
        if self._running:
            self._running.stop()
        self._running = None


class _Keeper:
    def __init__(self, directory: Path) -> None:
        self._maildir = _open(directory)

    async def handle_DATA(  # noqa: N802  the name and arguments are aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            self._maildir.add(_stamp(envelope.mail_from or "<>", recipient) + content)
        return "250 2.0.0 Kept"


def list_messages(directory: Path, limit: int = MOST_LISTED) -> list[InboxMessage]:
    """What arrived, newest first."""
    newest_first = sorted(_files(directory), key=_arrival, reverse=True)
    return [_summary(file) for file in newest_first[:limit]]


def get_message(directory: Path, message_id: str) -> FullMessage:
    """One message with all its parts. Raises NotFound, also for an id that is none."""
    file = _find(directory, message_id)
    if file is None:
        raise NotFound("message", message_id[:80])
    _, _, raw = _split(file.read_bytes())
    message = BytesParser(EmailMessage, policy=default).parsebytes(raw)
    page, text = _body(message, "html"), _body(message, "plain")
    head = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")
    return FullMessage(head, page, text, raw, tuple(dict.fromkeys(_links(page, text))))


def _open(directory: Path) -> mailbox.Maildir:
    directory.parent.mkdir(parents=True, exist_ok=True)
    return mailbox.Maildir(directory, create=True)


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
        sender, recipient, head = _split(opened.read(LONGEST_HEAD))
    headers: Message = BytesHeaderParser(policy=default).parsebytes(head)
    status = file.stat()
    return InboxMessage(
        id=_name(file),
        recipient=recipient,
        sender=sender,
        subject=" ".join(str(headers["Subject"] or "").split()),
        date=datetime.fromtimestamp(status.st_mtime, UTC),
        size=status.st_size - len(_stamp(sender, recipient)),
    )


def _stamp(sender: str, recipient: str) -> bytes:
    # aiosmtpd gives the empty sender of a bounce with its brackets, others without.
    lines = f"Return-Path: <{sender.strip('<>')}>\r\nDelivered-To: {recipient}\r\n"
    return lines.encode("utf-8", "replace")


def _split(stored: bytes) -> tuple[str, str, bytes]:
    """Sender, recipient and message, from the two lines that `_stamp` wrote."""
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
