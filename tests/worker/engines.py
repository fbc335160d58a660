"""Engines for tests: on a database of the test's own, with a sender that does as it is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from mailer import clock
from mailer.clock import Clock
from mailer.message.links import Links
from mailer.message.render import Renderer
from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Sender, Work
from mailer.storage.db import Sessions
from mailer.storage.presence import Presence
from mailer.usecases.writing import LetterWriter
from mailer.worker.builder import Builder, Sending
from mailer.worker.claims import USUAL_PACE, Pace
from mailer.worker.engine import Engine
from mailer.worker.journal import Journal
from mailer.worker.watermark import Watermark
from tests.letters import BASE_URL

KEY = "k" * 40

Answer = tuple[Fate, str, int, str]
"""Fate, phase, code and words."""


def answer(fate: Fate, phase: str = "dot", code: int = 0, text: str = "") -> Answer:
    return fate, phase, code, text


def _do_nothing(_mail: Mail) -> None:
    pass


class ScriptedSender:
    """A Sender whose answers are given by the first part of the recipient's address; it accepts
    everybody else. `before_verdict` and `after_outcome` are called at these moments of each mail:
    that makes any race certain."""

    name = "scripted"

    def __init__(self, **fates: Answer | ProviderDown) -> None:
        self.fates, self.sent = fates, list[Mail]()
        self.before_verdict: Callable[[Mail], None] = _do_nothing
        self.after_outcome: Callable[[Mail], None] = _do_nothing

    def send(self, work: Work) -> None:
        while mail := work.take():
            fate = self.fates.get(mail.recipient.partition("@")[0])
            if isinstance(fate, ProviderDown):
                raise fate
            work.commit([self._offer(mail, fate, work)], [])
            self.after_outcome(mail)

    def _offer(self, mail: Mail, fate: Answer | None, work: Work) -> Outcome:
        self.before_verdict(mail)
        if mail.key not in work.commit([], [mail.key]):
            return Outcome(mail.key, Fate.HELD)
        self.sent.append(mail)
        return Outcome(mail.key, *(fate or answer(Fate.ACCEPTED, "dot", 250, "2.0.0 queued")))

    def close(self) -> None:
        pass


def build_engine(
    sessions: Sessions,
    sender: Sender,
    clock: Clock,
    folder: Path,
    *,
    owner: str = "test",
    pace: Pace = USUAL_PACE,
    stop: threading.Event | None = None,
) -> Engine:
    """An engine that keeps its journal in `folder`. Shut it down."""
    links = Links([KEY])
    sending = Sending("news@example.org", "", "", BASE_URL, KEY.encode(), "news@example.org")
    with sessions() as session:
        database = session.get_bind().engine
    return Engine(
        sessions=sessions,
        sender=sender,
        builder=Builder(sessions, sending, links, LetterWriter(Renderer(BASE_URL), links)),
        clock=clock,
        owner=owner,
        presence=Presence(database, owner),
        journal=Journal(folder, owner),
        watermark=Watermark(folder),
        pace=pace,
        stop=stop,
    )


@contextmanager
def at_work(
    sessions: Sessions,
    sender: Sender,
    now: datetime,
    pace: Pace = USUAL_PACE,
    stop: threading.Event | None = None,
) -> Iterator[Engine]:
    """An engine to which it is always `now`, shut down at the end of the block."""
    with TemporaryDirectory() as folder:
        time = clock.fixed(now)
        engine = build_engine(sessions, sender, time, Path(folder), pace=pace, stop=stop)
        try:
            yield engine
        finally:
            engine.shut_down()


def run_round(sessions: Sessions, sender: Sender, now: datetime, pace: Pace = USUAL_PACE) -> int:
    """One round of an engine of its own; how many mails it tried."""
    with at_work(sessions, sender, now, pace) as engine:
        return engine.run_once()
