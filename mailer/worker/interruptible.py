"""A sender that is told to stop in the middle of a round: it takes no more mail, finishes what it
has in hand, and the engine gives the rest back."""

import threading
from collections.abc import Sequence

from mailer.providers.base import Mail, Outcome, Sender, Work


class Interruptible:
    """A sender like `sender`, until `stop` is set."""

    def __init__(self, sender: Sender, stop: threading.Event) -> None:
        self._sender, self._stop = sender, stop
        self.name = sender.name

    def send(self, work: Work) -> None:
        self._sender.send(_UntilStopped(work, self._stop))

    def close(self) -> None:
        self._sender.close()


class _UntilStopped:
    def __init__(self, work: Work, stop: threading.Event) -> None:
        self._work, self._stop = work, stop

    def take(self) -> Mail | None:
        return None if self._stop.is_set() else self._work.take()

    def commit(self, outcomes: Sequence[Outcome], keys: Sequence[int]) -> frozenset[int]:
        return self._work.commit(outcomes, keys)
