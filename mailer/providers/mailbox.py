"""Looks into the mailbox that bounces come back to (IMAP). It only looks: the folder is opened
read-only, nothing is marked, moved or deleted, and of each mail only the beginning is fetched."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from imaplib import IMAP4, IMAP4_SSL
from typing import Any

from mailer.providers.bounces import LARGEST
from mailer.providers.words import reason_of, tidy
from mailer.sections.mail import Bounces

TIMEOUT = 30.0
"""Seconds that the server may take to connect and to answer."""

_STRETCH = 50_000
"""Mails asked for at once. The answer is one line, and imaplib reads no endless ones."""


class MailboxDown(Exception):
    """The box cannot be read now. The text is the server's own words, on one line."""


class MailWithheld(MailboxDown):
    """Of an open box this mail cannot be had: the server says no when it is asked for it, or hangs
    up. Silence is no such answer: that may be the network."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An opened folder with `number` mails. `validity` is another one once the server has
    renumbered them; whatever arrives from now on has `next_uid` or more."""

    validity: int
    next_uid: int
    number: int
    _server: IMAP4

    def list_above(self, uid: int) -> tuple[list[int], int]:
        """The mails with higher numbers than `uid`, in order, and up to which number that is all:
        ask again from there while it is below `next_uid` - 1. Raises MailboxDown."""
        until = self.next_uid - 1
        if self.number > _STRETCH:
            until = min(uid + _STRETCH, until)
        if until <= uid:
            return [], uid
        # A range that ends with * would name the last mail even if that is an old one.
        said = _ask(self._server, "SEARCH", f"UID {uid + 1}:{until}")
        listed = b" ".join(part for part in said if isinstance(part, bytes))
        return sorted(int(each) for each in listed.split()), until

    def read(self, uid: int) -> bytes:
        """The first `LARGEST` bytes of a mail, empty if it is there no more. Raises MailWithheld
        and MailboxDown."""
        try:
            said = _ask(self._server, "FETCH", str(uid), f"(BODY.PEEK[]<0.{LARGEST}>)")
        except MailboxDown as down:
            if isinstance(down.__cause__, IMAP4.error):
                raise MailWithheld(str(down)) from down
            raise
        return next((part[1] for part in said if isinstance(part, tuple)), b"")


@contextmanager
def open_mailbox(config: Bounces) -> Iterator[Mailbox]:
    """Sign in and open the folder for reading. Raises MailboxDown."""
    with _told():
        server = _connect(config)
    try:
        with _told():
            _sign_in(server, config)
            mailbox = _enter(server, config.folder)
        yield mailbox
    finally:
        with suppress(OSError, IMAP4.error):
            server.logout()
        with suppress(OSError):
            server.shutdown()  # a goodbye that failed leaves the connection open


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OSError, IMAP4.error, ValueError) as error:
        said = error.args[0] if error.args else ""
        words = tidy(said.decode("utf-8", "replace")) if isinstance(said, bytes) else ""
        raise MailboxDown(words or reason_of(error)) from error


def _connect(config: Bounces) -> IMAP4:
    if config.imap_security == "tls":
        context = ssl.create_default_context()
        return IMAP4_SSL(config.imap_host, config.imap_port, ssl_context=context, timeout=TIMEOUT)
    return IMAP4(config.imap_host, config.imap_port, timeout=TIMEOUT)


def _sign_in(server: IMAP4, config: Bounces) -> None:
    if config.imap_security == "starttls":
        server.starttls(ssl.create_default_context())
    name, password = config.username, config.password.get_secret_value()
    if "AUTH=PLAIN" in server.capabilities:
        # Unlike LOGIN it can say every letter.
        server.authenticate("PLAIN", lambda _: f"\0{name}\0{password}".encode())
    else:
        server.login(_quote(name), password)


def _enter(server: IMAP4, folder: str) -> Mailbox:
    kind, (said,) = server.select(_quote(folder), readonly=True)
    if kind != "OK":
        raise IMAP4.error(said)
    validity, next_uid = (_read_number(server, name) for name in ("UIDVALIDITY", "UIDNEXT"))
    return Mailbox(validity, next_uid, int(said or 0), server)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read_number(server: IMAP4, name: str) -> int:
    said = server.response(name)[1][0]
    if not isinstance(said, bytes):
        raise IMAP4.error(f"the server does not tell {name}")
    return int(said)


def _ask(server: IMAP4, command: str, *arguments: str) -> list[Any]:
    with _told():
        kind, said = server.uid(command, *arguments)
        if kind != "OK":
            raise IMAP4.error(said[0])
        return said
