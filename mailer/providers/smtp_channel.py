"""An SMTP connection that never waits: what is written goes out when it can, replies are cut from
what came in. Opened elsewhere (`smtp_opening`); knows no mail and decides no fate.
"""

import socket
import ssl
from collections.abc import Mapping

from mailer.providers.smtp_session import (
    LONGEST_LINE,
    MOST_LINES,
    LineLostError,
    Reply,
    read_line,
)
from mailer.providers.words import reason_of

CHUNK = 65_536
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Channel:
    """`used` counts the mails that were offered over it, `extensions` is what EHLO offered."""

    def __init__(self, sock: socket.socket, extensions: Mapping[str, str]) -> None:
        sock.settimeout(0)
        self._sock = sock
        self._is_encrypted = isinstance(sock, ssl.SSLSocket)
        self._heard = bytearray()
        self._unsent = b""
        self._end = ""
        self.extensions = extensions
        self.used = 0
        self.is_open = True

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def write(self, data: bytes) -> None:
        """Send `data` as far as the network takes it now; `flush` sends the rest."""
        self._unsent = self._unsent + data if self._unsent else data
        self.flush()

    def flush(self) -> None:
        """Send what is left, as far as the network takes it now."""
        while self._unsent:
            try:
                sent = self._sock.send(self._unsent)
            except _BLOCKED:
                return
            except OSError as error:
                self._give_up_sending(f"the connection broke while sending ({reason_of(error)})")
                return
            self._unsent = self._unsent[sent:]

    def listen(self) -> bool:
        """Take in what has come; whether that was anything. Raises LineLostError at the end of
        the connection, but not before what was said until then has been read."""
        before = len(self._heard)
        self._take_in()
        if self._end and not self._heard:
            raise self.lost(self._end)
        return len(self._heard) > before

    def has_spoken(self) -> bool:
        """Whether the server hung up, or said something before it was asked."""
        if self._heard:
            return True
        try:
            return self.listen()
        except LineLostError:
            return True

    def reply(self) -> Reply | None:
        """The next whole reply that was heard, or None as long as there is none."""
        lines: list[str] = []
        start = 0
        while (end := self._heard.find(b"\n", start)) >= 0:
            code, is_last, words = self._read(bytes(self._heard[start:end]))
            lines.append(words)
            start = end + 1
            if is_last:
                del self._heard[:start]
                return Reply(code, tuple(lines))
        if len(self._heard) - start > LONGEST_LINE or len(lines) >= MOST_LINES:
            raise self.lost("the answer was not SMTP")
        if self._end:
            raise self.lost(self._end)
        return None

    def close(self) -> None:
        """Hang up without a word: a mail whose dot was not sent is not sent."""
        self.is_open = False
        self._sock.close()

    def detach(self) -> socket.socket:
        """Give the connection away, for a goodbye that may wait."""
        self.is_open = False
        return self._sock

    def lost(self, words: str) -> LineLostError:
        """Close, and give the error to raise."""
        self.close()
        return LineLostError(words)

    def _take_in(self) -> None:
        while not self._end and len(self._heard) < CHUNK:
            try:
                chunk = self._sock.recv(CHUNK)
            except _BLOCKED:
                break
            except OSError as error:
                self._end = f"no answer ({reason_of(error)})"
                break
            if not chunk:
                self._end = "the server closed the connection"
            self._heard += chunk
            # What is left inside the encryption does not wake a selector.
            if len(chunk) < CHUNK and not self._is_encrypted:
                break

    def _give_up_sending(self, words: str) -> None:
        """A server that refuses a long body in the middle says why before it hangs up."""
        self._unsent = b""
        self._take_in()
        self._end = words
        if not self._heard:
            raise self.lost(words)

    def _read(self, line: bytes) -> tuple[int, bool, str]:
        read = read_line(line)
        if read is None:
            raise self.lost("the answer was not SMTP")
        return read
