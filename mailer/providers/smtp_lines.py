"""The open connections of a sender and the conversation on each: it is told what it waits for as
soon as that has come, or that it has waited too long. Picks no mail and commits nothing.
"""

import math
import selectors
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Literal

from mailer.providers.base import ProviderDown
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_doors import Doors
from mailer.providers.smtp_session import LineLostError, Reply
from mailer.providers.smtp_talk import Talk, Wait
from mailer.sections.mail import Smtp

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


class Lines:
    """Whoever has ended a conversation is idle, or gone with its connection."""

    def __init__(self, config: Smtp, dot_seconds: float) -> None:
        self._patience = {
            Wait.REPLY: config.reply_seconds,
            Wait.SENT: config.reply_seconds,
            Wait.ANSWER: max(dot_seconds, config.reply_seconds),
            Wait.VERDICT: math.inf,
        }
        self._lines: dict[Channel, _Line] = {}
        self._doors = Doors(config)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._doors, selectors.EVENT_READ)

    @property
    def opening(self) -> int:
        """How many connections are on their way."""
        return self._doors.opening

    @property
    def taken(self) -> int:
        """How many connections are open or on their way."""
        return len(self._lines) + self._doors.opening

    @property
    def is_busy(self) -> bool:
        return any(line.talk for line in self._lines.values())

    def list_idle(self) -> list[Channel]:
        return [line.channel for line in self._lines.values() if line.talk is None]

    def open(self) -> None:
        """Begin to open one more; `listen` lets it in."""
        self._doors.open()

    def look_around(self) -> None:
        """Before the first mail after a while: whoever came too late for the last one may carry
        the next, and some may have been closed while nobody used them. Why others could not come
        is no news any more."""
        self._welcome(lambda _: None)
        for channel in self.list_idle():
            if channel.has_spoken():
                self.drop(channel)

    def begin(self, channel: Channel, talk: Talk) -> None:
        """Start this conversation on an idle connection."""
        line = self._lines[channel]
        line.talk = talk
        self._advance(line, lambda: next(talk))

    def tell(self, channel: Channel, *, may_pass: bool) -> None:
        """The verdict that the conversation on `channel` waits for."""
        line = self._lines[channel]
        talk = line.talk
        assert talk
        self._advance(line, lambda: talk.send(may_pass))

    def listen(self, turn_away: Callable[[ProviderDown], None]) -> None:
        """Wait until something happens, and let everybody go on who can. `turn_away` is told why
        somebody could not come in."""
        for key, events in self._selector.select(_LOOK_UP_SECONDS):
            if key.data is None:
                self._welcome(turn_away)
            elif key.data.channel.is_open:
                self._attend(key.data, events)
        self._hurry()

    def drop(self, channel: Channel) -> None:
        """Hang up without a word."""
        if self._lines.pop(channel, None):
            self._selector.unregister(channel)
        channel.close()

    def retire(self, channel: Channel) -> None:
        """Say goodbye to an idle connection."""
        del self._lines[channel]
        self._selector.unregister(channel)
        self._doors.say_goodbye(channel.detach())

    def hang_up(self) -> None:
        """Drop every connection."""
        for channel in list(self._lines):
            self.drop(channel)

    def close(self) -> None:
        """Say goodbye to everybody and wait for it; nothing can be done with the lines after it."""
        for channel in self.list_idle():
            self.retire(channel)
        # In the middle of a mail, which only a mistake of ours can leave, QUIT would be text.
        self.hang_up()
        self._doors.close()
        self._selector.close()

    def _welcome(self, turn_away: Callable[[ProviderDown], None]) -> None:
        for arrival in self._doors.arrivals():
            if isinstance(arrival, ProviderDown):
                turn_away(arrival)
                continue
            line = self._lines[arrival] = _Line(arrival)
            self._selector.register(arrival, line.events, line)

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
            self.drop(channel)  # an idle server that speaks is saying goodbye

    def _hurry(self) -> None:
        """End what has been waited for too long."""
        now = monotonic()
        for line in [line for line in self._lines.values() if line.talk and now > line.deadline]:
            self._break(line, line.channel.lost("no answer (timed out)"))

    def _break(self, line: _Line, lost: LineLostError) -> None:
        talk = line.talk
        if talk is None:
            self.drop(line.channel)
        else:
            self._advance(line, lambda: talk.throw(lost))

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
            self.drop(line.channel)


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
