"""Opens connections and says goodbye in threads, since both may wait long for the network; the
loop is woken when somebody has come in."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic

from mailer.providers.base import ProviderDown
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_opening import open_session
from mailer.providers.smtp_session import LineLostError, Session
from mailer.sections.mail import Smtp

QUIT_SECONDS = 5

MOST_GOODBYES = 64
"""At a time. Whoever leaves while so many are waiting for an answer hangs up without a word."""

_MOMENT = 0.2


class Doors:
    """`opening` is how many connections are on their way. Readable (`fileno`) when one came."""

    def __init__(self, config: Smtp) -> None:
        self._config = config
        self._arrived: SimpleQueue[Channel | ProviderDown] = SimpleQueue()
        self._bell, self._rope = socket.socketpair()
        self._bell.settimeout(0)
        self._rope.settimeout(0)
        self._goodbyes: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._parted_at = -math.inf
        self.opening = 0

    def fileno(self) -> int:
        return self._bell.fileno()

    def open(self) -> None:
        """Begin to open one more; it comes through `arrivals`."""
        self.opening += 1
        threading.Thread(target=self._open, name="smtp-open", daemon=True).start()

    def ring(self) -> None:
        """Wake the loop; from any thread."""
        with self._lock, suppress(BlockingIOError):
            if not self._closed.is_set():
                self._rope.send(b"!")

    def arrivals(self) -> Iterator[Channel | ProviderDown]:
        """Those who came in since the last look, or why they could not."""
        with suppress(BlockingIOError):
            self._bell.recv(1024)
        for arrival in self._take_in():
            self.opening -= 1
            yield arrival

    def say_goodbye(self, sock: socket.socket) -> None:
        """QUIT, for five seconds at most; whatever the answer, nothing changes."""
        self._parted_at = monotonic()
        self._goodbyes = self._list_goodbyes()
        if len(self._goodbyes) >= MOST_GOODBYES:
            sock.close()
            return
        thread = threading.Thread(
            target=Session(sock, QUIT_SECONDS).quit, name="smtp-quit", daemon=True
        )
        thread.start()
        self._goodbyes.append(thread)

    def close(self) -> None:
        """Wait until everybody has left; who arrives after that is sent away."""
        deadline = monotonic() + QUIT_SECONDS
        for thread in self._goodbyes:
            thread.join(max(deadline - monotonic(), 0))
        with self._lock:
            self._closed.set()
            self._bell.close()
            self._rope.close()
        for arrival in self._take_in():
            if isinstance(arrival, Channel):
                arrival.close()

    def _list_goodbyes(self) -> list[threading.Thread]:
        return [thread for thread in self._goodbyes if thread.is_alive()]

    def _open(self) -> None:
        # Somebody waits for this: it must arrive, even where a mistake of ours ends the thread.
        arrival: Channel | ProviderDown = ProviderDown("Opening a connection failed; see the log.")
        try:
            arrival = self._knock_patiently()
        finally:
            self._announce(arrival)

    def _knock_patiently(self) -> Channel | ProviderDown:
        """A server that takes so many connections and no more still counts those of ours that are
        leaving, and for a moment those that left."""
        arrival = self._knock()
        if isinstance(arrival, Channel) or monotonic() > self._parted_at + QUIT_SECONDS:
            return arrival
        for thread in self._list_goodbyes():
            thread.join(QUIT_SECONDS)
        return arrival if self._closed.wait(_MOMENT) else self._knock()

    def _announce(self, arrival: Channel | ProviderDown) -> None:
        with self._lock:
            is_late = self._closed.is_set()
            if not is_late:
                self._arrived.put(arrival)
        if not is_late:
            self.ring()
        elif isinstance(arrival, Channel):
            arrival.close()

    def _knock(self) -> Channel | ProviderDown:
        try:
            session = open_session(self._config)
            return Channel(session.detach(), session.extensions)
        except LineLostError as lost:
            return ProviderDown(f"The mail server cannot be used: {lost}.")
        except ProviderDown as down:
            return down

    def _take_in(self) -> Iterator[Channel | ProviderDown]:
        with suppress(Empty):
            while True:
                yield self._arrived.get_nowait()
