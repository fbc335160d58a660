"""Hands mail to an SMTP server over several connections at once: one loop, no thread per line.

The loop gives each connection its mail (`smtp_talk` says what is said), and whenever it has heard
everybody out, it settles what ended and asks for every mail that wants to pass, in one commit.
Opening and saying goodbye may wait for the network, so they happen in threads beside the loop.
"""

import math
import selectors
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Literal

from mailer.providers.base import VERDICT_HOLDS, ProviderDown, Work
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_desk import Desk, Record
from mailer.providers.smtp_doors import Doors
from mailer.providers.smtp_session import LineLostError, Reply
from mailer.providers.smtp_talk import Talk, Wait, converse
from mailer.sections.mail import Smtp

DOT_SECONDS = 600
"""RFC 5321 4.5.3.2.6: giving up earlier on the answer to the dot makes duplicates."""

REFUSED_DOOR_SECONDS = 30
"""How long not to knock for one more connection when the server lets in no more of them."""

_LOOK_UP_SECONDS = 1.0


class _Nothing(Enum):
    YET = 1


Found = Reply | None | Literal[_Nothing.YET]
"""What a conversation waited for, as it wants to be told; `_Nothing.YET` while it has not come."""


@dataclass(eq=False, slots=True)
class _Line:
    """A connection and the conversation on it; `talk` is None while it is idle."""

    channel: Channel
    talk: Talk | None = None
    wait: Wait = Wait.REPLY
    deadline: float = 0.0
    events: int = selectors.EVENT_READ


class SmtpSender:
    """A Sender for any SMTP server. At most one mail per connection is between verdict and answer
    at any time: `connections` bounds what a crash can repeat."""

    def __init__(
        self, config: Smtp, *, name: str = "smtp", dot_seconds: float = DOT_SECONDS
    ) -> None:
        self.name = name
        self._config = config
        self._patience = {
            Wait.REPLY: config.reply_seconds,
            Wait.SENT: config.reply_seconds,
            Wait.ANSWER: max(dot_seconds, config.reply_seconds),
            Wait.VERDICT: math.inf,
        }
        self._lines: dict[Channel, _Line] = {}
        # How many connections the server lets in, as far as we know.
        self._room = config.connections
        self._knock_again_at = 0.0
        self._record = Record()
        self._is_ready = False

    def send(self, work: Work) -> None:
        """See Sender. Opens further connections while mail waits for one."""
        self._work = work
        self._desk = Desk(work, self._config, self._record, self._hopes_for_fresh)
        self._get_ready()
        with ExitStack() as undo:
            # Should the ledger fail in the middle, no dot may follow that nobody counts.
            undo.callback(self._hang_up)
            while self._go_round():
                self._listen()
            undo.pop_all()
        if self._desk.fault:
            raise self._desk.fault

    def close(self) -> None:
        if not self._is_ready:
            return
        for line in list(self._lines.values()):
            # In the middle of a mail, which only a mistake of ours can leave, QUIT would be text.
            if line.talk:
                self._drop(line)
            else:
                self._retire(line)
        self._doors.close()
        self._selector.close()
        self._is_ready = False

    def _get_ready(self) -> None:
        if not self._is_ready:
            self._selector = selectors.DefaultSelector()
            self._doors = Doors(self._config)
            self._selector.register(self._doors, selectors.EVENT_READ)
            self._is_ready = True
        # Whoever came too late for the last mail may carry the next; why others could not come
        # is no news any more.
        for arrival in self._doors.arrivals():
            if isinstance(arrival, Channel):
                self._let_in(arrival)
        # Some may have been closed while nobody used them.
        for line in [line for line in self._lines.values() if line.channel.has_spoken()]:
            self._drop(line)

    def _go_round(self) -> bool:
        """Everything that needs no waiting. False when there is nothing to wait for, either."""
        self._staff()
        while self._desk.has_business:
            self._commit()
            self._staff()
        if any(line.talk for line in self._lines.values()):
            return True
        is_awaited = self._desk.waiting > 0 and self._desk.fault is None
        return is_awaited and self._doors.opening > 0

    def _staff(self) -> None:
        """Mail for whoever is free, and new connections while mail waits."""
        for line in [line for line in self._lines.values() if line.talk is None]:
            self._start(line)
        while self._may_knock() and self._has_waiting():
            self._doors.open()

    def _start(self, line: _Line) -> None:
        if line.channel.used and line.channel.has_spoken():
            self._drop(line)
            return
        channel = line.channel
        mail = self._desk.next_mail(channel)
        if mail is None:
            is_worn = channel.used >= self._config.messages_per_connection
            if is_worn or (self._desk.wants_fresh and channel.used):
                self._retire(line)
            return
        talk = line.talk = converse(channel, self._desk, mail)
        self._advance(line, lambda: next(talk))

    def _may_knock(self) -> bool:
        taken = len(self._lines) + self._doors.opening
        if self._room < self._config.connections and monotonic() >= self._knock_again_at:
            self._room = self._config.connections
        return self._desk.fault is None and taken < self._room

    def _hopes_for_fresh(self) -> bool:
        return self._doors.opening > 0 or self._may_knock()

    def _has_waiting(self) -> bool:
        """Whether there is more mail than doors being opened for it."""
        return self._desk.waiting > self._doors.opening or self._desk.fetch()

    def _commit(self) -> None:
        """Both commits of every connection that is waiting for one, in one transaction.

        Here and not in a thread: handing the interpreter lock to and fro costs more than the
        database's work does (docs/decisions.md).
        """
        outcomes, asking = self._desk.collect()
        self._desk.lay_out(len(asking))
        began = monotonic()
        passed = self._work.commit(outcomes, list(asking.values()))
        self._desk.is_telling = True
        for channel, key in asking.items():
            may_pass = key in passed and monotonic() - began < VERDICT_HOLDS
            self._tell(self._lines[channel], may_pass=may_pass)
        self._desk.is_telling = False

    def _listen(self) -> None:
        for key, events in self._selector.select(_LOOK_UP_SECONDS):
            if key.data is None:
                self._welcome()
            elif key.data.channel.is_open:
                self._attend(key.data, events)
        self._hurry()

    def _attend(self, line: _Line, events: int) -> None:
        channel = line.channel
        try:
            if events & selectors.EVENT_WRITE:
                channel.flush()
            if events & selectors.EVENT_READ:
                channel.listen()
        except LineLostError as lost:
            self._break(line, lost)
            return
        if line.talk:
            self._go_on(line)
        elif channel.has_spoken():
            self._drop(line)  # an idle server that speaks is saying goodbye

    def _welcome(self) -> None:
        for arrival in self._doors.arrivals():
            if isinstance(arrival, ProviderDown):
                self._turn_away(arrival)
                continue
            self._let_in(arrival)

    def _let_in(self, channel: Channel) -> None:
        line = self._lines[channel] = _Line(channel)
        self._selector.register(channel, line.events, line)

    def _turn_away(self, fault: ProviderDown) -> None:
        taken = len(self._lines) + self._doors.opening
        if taken:
            # It may let in no more than these; they carry the mail.
            self._room = taken
            self._knock_again_at = monotonic() + REFUSED_DOOR_SECONDS
        else:
            self._desk.fault = self._desk.fault or fault

    def _hurry(self) -> None:
        """End what has been waited for too long."""
        now = monotonic()
        for line in [line for line in self._lines.values() if line.talk and now > line.deadline]:
            self._break(line, line.channel.lost("no answer (timed out)"))

    def _break(self, line: _Line, lost: LineLostError) -> None:
        talk = line.talk
        if talk is None:
            self._drop(line)
        else:
            self._advance(line, lambda: talk.throw(lost))

    def _tell(self, line: _Line, *, may_pass: bool) -> None:
        talk = line.talk
        assert talk
        self._advance(line, lambda: talk.send(may_pass))

    def _go_on(self, line: _Line) -> None:
        """Look whether what the conversation waits for has come. A trickle that never becomes an
        answer does not make us wait longer; a body that gets along does."""
        talk = line.talk
        assert talk
        try:
            found = _find(line.channel, line.wait)
        except LineLostError as lost:
            self._break(line, lost)
            return
        if found is not _Nothing.YET:
            self._advance(line, lambda: talk.send(found))
        elif line.wait is Wait.SENT:
            self._wait_for(line, line.wait)
        else:
            self._watch(line)

    def _advance(self, line: _Line, act: Callable[[], Wait]) -> None:
        """Let the conversation go on as far as it can without waiting."""
        talk = line.talk
        assert talk
        try:
            wait = act()
            while True:
                try:
                    found = _find(line.channel, wait)
                except LineLostError as lost:
                    wait = talk.throw(lost)
                    continue
                if found is _Nothing.YET:
                    break
                wait = talk.send(found)
        except StopIteration:
            self._end(line)
            return
        self._wait_for(line, wait)

    def _wait_for(self, line: _Line, wait: Wait) -> None:
        line.wait, line.deadline = wait, monotonic() + self._patience[wait]
        self._watch(line)

    def _watch(self, line: _Line) -> None:
        events = selectors.EVENT_READ
        if line.channel.has_unsent:
            events |= selectors.EVENT_WRITE
        if events != line.events:
            line.events = events
            self._selector.modify(line.channel, events, line)

    def _end(self, line: _Line) -> None:
        line.talk, line.wait = None, Wait.REPLY
        if line.channel.is_open:
            self._watch(line)
        else:
            self._drop(line)

    def _hang_up(self) -> None:
        for line in list(self._lines.values()):
            self._drop(line)

    def _drop(self, line: _Line) -> None:
        if self._lines.pop(line.channel, None):
            self._selector.unregister(line.channel)
        line.channel.close()

    def _retire(self, line: _Line) -> None:
        del self._lines[line.channel]
        self._selector.unregister(line.channel)
        self._doors.say_goodbye(line.channel.detach())


def _find(channel: Channel, wait: Wait) -> Found:
    """What the conversation waits for, if it has come."""
    if wait is Wait.VERDICT:
        return _Nothing.YET
    if wait is Wait.SENT:
        return _look_before_the_dot(channel)
    return channel.reply() or _Nothing.YET


def _look_before_the_dot(channel: Channel) -> Found:
    if channel.has_unsent:
        return channel.reply() or _Nothing.YET
    return (channel.reply() or _Nothing.YET) if channel.has_spoken() else None
