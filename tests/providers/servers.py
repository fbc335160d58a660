"""Mail servers with a mind of their own, for several connections at once."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from tests.providers.senders import PIPELINING
from tests.sinks import DROP, THEN_DROP, Conversation, ScriptedSmtp, in_thread

Server = TypeVar("Server", bound=ScriptedSmtp)

ENOUGH = "421 4.3.2 enough for this connection"
Parting = Callable[[str, int, int], str]
"""(verb, mails so far, most) → what to say instead of the usual, or nothing."""

LEAVES: Mapping[str, Parting] = {
    "421 at MAIL": lambda verb, count, most: ENOUGH if (verb, count) == ("MAIL", most) else "",
    "silently": lambda verb, count, most: DROP if (verb, count) == ("MAIL", most) else "",
    "with the last answer": lambda verb, count, most: (
        f"250 taken{THEN_DROP}" if (verb, count) == (".", most) else ""
    ),
    "after the last answer": lambda verb, count, most: (
        f"250 taken\r\n{ENOUGH}{THEN_DROP}" if (verb, count) == (".", most) else ""
    ),
    "at the dot": lambda verb, count, most: ENOUGH if (verb, count) == (".", most + 1) else "",
}
"""How a server leaves that takes `most` mails per connection."""


class LimitedSmtp(ScriptedSmtp):
    """Lets in `at_once` connections and turns the others away; each one is good for `mails` mails,
    then the server leaves in one of the ways of LEAVES."""

    def __init__(
        self,
        extensions: Sequence[str] = PIPELINING,
        *,
        at_once: int = 1000,
        mails: int = 1_000_000,
        leaves: str = "silently",
    ) -> None:
        self.at_once, self.mails = at_once, mails
        self._leave = LEAVES[leaves]
        self._inside: set[int] = set()
        super().__init__(extensions=extensions)

    def reply_to(self, talk: Conversation, line: str) -> str:
        usual = super().reply_to(talk, line)
        if line == "CONNECT" and not self._let_in(talk):
            return "421 4.7.0 too many connections"
        return self._leave(line.partition(" ")[0], len(talk.bodies), self.mails) or usual

    def leave(self, talk: Conversation) -> None:
        super().leave(talk)
        self._inside.discard(talk.number)

    def _let_in(self, talk: Conversation) -> bool:
        with self.lock:
            has_room = len(self._inside) < self.at_once
            if has_room:
                self._inside.add(talk.number)
            return has_room


class SluggishSmtp(ScriptedSmtp):
    """Has little room for what comes in, and looks at it every `pause` seconds."""

    def __init__(self, pause: float, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(extensions=PIPELINING, tls=tls, tls_at_once=tls is not None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.pause = pause


class FickleSmtp(ScriptedSmtp):
    """Speaks and hangs up when the test wants it to."""

    def speak(self, words: bytes) -> None:
        """Say this to everybody who is there, asked or not."""
        for talk in list(self.talks):
            with suppress(OSError):
                talk.request.sendall(words)

    def hang_up(self) -> None:
        for talk in list(self.talks):
            with suppress(OSError):
                talk.request.shutdown(socket.SHUT_RDWR)


class PickySmtp(ScriptedSmtp):
    """Gives `answer` to every MAIL as long as there is one: it takes nothing from this sender."""

    def __init__(self, answer: str, extensions: Sequence[str] = PIPELINING) -> None:
        self.answer = answer
        super().__init__(extensions=extensions)

    def reply_to(self, talk: Conversation, line: str) -> str:
        usual = super().reply_to(talk, line)
        return self.answer if line.startswith("MAIL") and self.answer else usual


class NarrowSmtp(ScriptedSmtp):
    """Gives `answer` to MAIL with a SIZE above `limit`, which it does not name, and 503 to RCPT and
    DATA where no MAIL was taken (RFC 5321 4.1.4). `answers` are for the rest."""

    def __init__(self, limit: int, answer: str, extensions: Sequence[str], **answers: str) -> None:
        self._limit, self._answer = limit, answer
        self._has_sender: dict[int, bool] = {}
        super().__init__(answers, (*extensions, "SIZE"))

    def reply_to(self, talk: Conversation, line: str) -> str:
        usual = super().reply_to(talk, line)
        verb, _, size = line.partition(" SIZE=")
        if verb.startswith("MAIL"):
            fits = not size or int(size) <= self._limit
            self._has_sender[talk.number] = fits
            return usual if fits else self._answer
        if line.startswith(("RCPT", "DATA")) and not self._has_sender.get(talk.number):
            return "503 5.5.1 MAIL first"
        return usual


class GatheringSmtp(ScriptedSmtp):
    """Answers the first mails only when `count` of them are there at the same time."""

    def __init__(self, count: int) -> None:
        super().__init__(extensions=PIPELINING)
        self._all_here = threading.Barrier(count, timeout=5)
        self._gathers = True

    def reply_to(self, talk: Conversation, line: str) -> str:
        if line == "." and not talk.bodies[1:]:
            self._all_here.wait()
        return super().reply_to(talk, line)


@contextmanager
def run(server: Server) -> Iterator[Server]:
    """Let `server` work in a thread."""
    with server, in_thread(server):
        yield server
