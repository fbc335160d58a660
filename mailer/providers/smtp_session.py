"""One SMTP connection: say a line, read the reply. Knows no mail and decides no fate.

smtplib is not used: it raises the same error for a connection lost at RCPT, at DATA and after
the final dot, and only the last of these may mean that the mail arrived.
"""

import re
import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import NamedTuple

from mailer.providers.words import reason_of, tidy

LONGEST_LINE = 8192  # RFC 5321 asks for 512; a server that sends more than this is not one
MOST_LINES = 100

READY = 220
SIGNED_IN = 235
SAY_ON = 334
SEND_BODY = 354
LEAVING = 421

_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?")


class LineLostError(Exception):
    """The connection broke, stayed silent too long, or stopped speaking SMTP. It is closed."""


class Reply(NamedTuple):
    code: int
    lines: tuple[str, ...]

    @property
    def is_yes(self) -> bool:
        return self.code in range(200, 300)

    @property
    def is_not_now(self) -> bool:
        return self.code in range(400, 500)

    @property
    def is_never(self) -> bool:
        return self.code in range(500, 600)

    @property
    def text(self) -> str:
        return tidy(" ".join(self.lines))


@lru_cache(maxsize=128)
def read_line(line: bytes) -> tuple[int, bool, str] | None:
    """A line of a reply, without its line feed: the code, whether it is the last one, its words.
    None if it is no such line. Servers say the same few lines to every mail."""
    match = _REPLY_LINE.fullmatch(line.removesuffix(b"\r"))
    if match is None:
        return None
    return int(match[1]), match[2] != b"-", (match[3] or b"").decode("utf-8", "replace")


class Session:
    """A connection that waits for each answer: while it is opened, and to say goodbye."""

    def __init__(self, sock: socket.socket, reply_seconds: float) -> None:
        # The body and its dot are two writes around a commit: Nagle would hold the dot back
        # until the server's delayed acknowledgement, 40 ms for every mail.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._heard = bytearray()
        self._reply_seconds = reply_seconds
        self.extensions: dict[str, str] = {}

    def say(self, line: str) -> Reply:
        """Send one command and wait for its reply."""
        self.write(f"{line}\r\n".encode())
        return self.reply()

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the network."""
        try:
            self._sock.settimeout(self._reply_seconds)
            self._sock.sendall(data)
        except OSError as error:
            raise self.lost(f"the connection broke while sending ({reason_of(error)})") from error

    def reply(self) -> Reply:
        """The next reply; all of it must come within the session's `reply_seconds`."""
        deadline = monotonic() + self._reply_seconds
        lines: list[str] = []
        while len(lines) < MOST_LINES:
            read = read_line(self._line(deadline))
            if read is None:
                break
            code, is_last, words = read
            lines.append(words)
            if is_last:
                return Reply(code, tuple(lines))
        raise self.lost("the answer was not SMTP")

    def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt from here on. Raises OSError, of which ssl.SSLError is one."""
        if self._heard:
            # Commands slipped in before the handshake would count as spoken inside it
            # (CVE-2011-0411).
            raise self.lost("the server spoke before encryption began")
        self._sock.settimeout(seconds)
        self._sock = context.wrap_socket(self._sock, server_hostname=host)

    def own_literal(self) -> str:
        """This end's address as EHLO takes it when there is no name (RFC 5321 4.1.3)."""
        address = str(self._sock.getsockname()[0]).partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def detach(self) -> socket.socket:
        """Give the connection to somebody else. Raises LineLostError if the server spoke without
        being asked: nobody could tell what its words answer."""
        if self._heard:
            raise self.lost("the server spoke before it was asked")
        return self._sock

    def quit(self) -> None:
        """Say goodbye and hang up; whatever the answer, nothing changes."""
        with suppress(LineLostError):
            self.say("QUIT")
        self.close()

    def close(self) -> None:
        """Hang up without a word: a mail whose dot was not sent is not sent."""
        self._sock.close()

    def lost(self, words: str) -> LineLostError:
        """Close, and give the error to raise."""
        self.close()
        return LineLostError(words)

    def _line(self, deadline: float) -> bytes:
        while (end := self._heard.find(b"\n")) < 0:
            if len(self._heard) > LONGEST_LINE:
                raise self.lost("the answer was not SMTP")
            self._heard += self._chunk(deadline)
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return line

    def _chunk(self, deadline: float) -> bytes:
        try:
            # Zero would mean "do not wait" and raise something else than a time-out.
            self._sock.settimeout(max(deadline - monotonic(), 0.001))
            chunk = self._sock.recv(LONGEST_LINE)
        except OSError as error:
            raise self.lost(f"no answer ({reason_of(error)})") from error
        if not chunk:
            raise self.lost("the server closed the connection")
        return chunk
