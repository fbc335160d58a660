"""The demo's own mail server: it takes every mail and never delivers one.

Each recipient's copy is one file in a Maildir, headed by two lines of envelope as a mail server
writes them (Return-Path, Delivered-To). `storage.maildir` reads them.
"""

import mailbox
import socket
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.sections.mail import Inbox

LARGEST_MESSAGE = 20 * 1024 * 1024


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


def _open(directory: Path) -> mailbox.Maildir:
    directory.parent.mkdir(parents=True, exist_ok=True)
    return mailbox.Maildir(directory, create=True)


def _stamp(sender: str, recipient: str) -> bytes:
    # aiosmtpd gives the empty sender of a bounce with its brackets, others without.
    lines = f"Return-Path: <{sender.strip('<>')}>\r\nDelivered-To: {recipient}\r\n"
    return lines.encode("utf-8", "replace")
