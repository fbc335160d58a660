"""Hands mail to an SMTP server over several connections at once: one loop, no thread per line.

The loop gives each connection its mail (`smtp_talk` says what is said), and whenever it has heard
everybody out, it settles what ended and asks for every mail that wants to pass, in one commit.
Opening and saying goodbye may wait for the network, so they happen in threads beside the loop.
"""

import math
import selectors
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Literal

from mailer.providers.base import VERDICT_HOLDS, Fate, Mail, Outcome, ProviderDown, Work
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_doors import Doors
from mailer.providers.smtp_envelope import fault_of, limit_of
from mailer.providers.smtp_session import LEAVING, LineLostError, Reply
from mailer.providers.smtp_talk import Talk, Wait, converse
from mailer.sections import Smtp

DOT_SECONDS = 600
"""RFC 5321 4.5.3.2.6: giving up earlier on the answer to the dot makes duplicates."""

REFUSED_DOOR_SECONDS = 30
"""How long not to knock for one more connection when the server lets in no more of them."""

_LOOK_UP_SECONDS = 1.0
_MOST_UNWRITTEN = 100


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
        self._stumbled: set[int] = set()
        # Answers to dots that were lost, in a row.
        self._silences = 0
        self._is_ready = False

    def send(self, work: Work) -> None:
        """See Sender. Opens further connections while mail waits for one."""
        self._work = work
        self._fault: ProviderDown | None = None
        self._accepted = 0
        self._strikes: dict[int, int] = {}
        self._waiting: deque[Mail] = deque()
        self._again: deque[Mail] = deque()
        self._outcomes: list[Outcome] = []
        self._asking: dict[Channel, int] = {}
        self._is_telling = False
        self._get_ready()
        with ExitStack() as undo:
            # Should the ledger fail in the middle, no dot may follow that nobody counts.
            undo.callback(self._hang_up)
            while self._go_round():
                self._listen()
            undo.pop_all()
        if self._fault:
            raise self._fault

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

    def next_mail(self, channel: Channel) -> Mail | None:
        """The next mail that may be offered over `channel`."""
        if self._fault or channel.used >= self._config.messages_per_connection:
            return None
        # What cannot be sent at all must be written down now and then, too.
        while len(self._outcomes) < _MOST_UNWRITTEN and (mail := self._pick(channel)):
            problem = fault_of(mail) or limit_of(mail, channel.extensions)
            if problem is None:
                channel.used += 1
                return mail
            self.settle(problem)
        return None

    def ask(self, channel: Channel, key: int) -> None:
        """The mail is all sent but its dot: it wants to pass with the next commit."""
        self._asking[channel] = key

    def settle(self, outcome: Outcome) -> None:
        """Keep it for the next commit."""
        self._accepted += outcome.fate is Fate.ACCEPTED
        self._outcomes.append(outcome)
        if outcome.fate is Fate.UNKNOWN:
            self._silences += 1
        elif outcome.fate is not Fate.HELD and outcome.phase == "dot":
            self._silences = 0
        if self._silences > 2 * self._config.connections:
            # One on each connection may be a restart; twice that many, and no more mails must
            # be spent on a server that does not say what becomes of them.
            self._fault = self._fault or ProviderDown(outcome.text, outcome.code)

    def give_back(self, mail: Mail, channel: Channel, words: str, code: int) -> None:
        """Offer it again on a fresh connection: servers drop those that were used enough. Where a
        fresh one breaks, too, it is the server's fault the first time. If it happens again at
        the very same mail, or while others go through, that mail steps aside and the others get
        their turn: one poisoned address must not hold up everybody."""
        is_first = mail.key not in self._strikes
        if channel.used > 1 or (is_first and not code):
            if channel.used == 1:
                self._strikes[mail.key] = self._accepted
            self._again.append(mail)
        elif mail.key in self._stumbled or self._accepted > self._strikes.get(
            mail.key, self._accepted
        ):
            self._stumbled.discard(mail.key)
            self.settle(Outcome(mail.key, Fate.RETRY, "envelope", code, words))
        else:
            self._stumbled.add(mail.key)
            self._fault = ProviderDown(words, code)

    def turn_back(self, mail: Mail, place: int, words: str, code: int) -> None:
        """It asks for a verdict again when it is offered again, after all that was before it; but
        a mail that is turned back each time steps aside as above."""
        if mail.key in self._stumbled:
            self._stumbled.discard(mail.key)
            self.settle(Outcome(mail.key, Fate.RETRY, "dot", code, words))
            return
        self.settle(Outcome(mail.key, Fate.HELD, "dot", code, words))
        self._stumbled.add(mail.key)
        if place == 1 or code not in (LEAVING, 0):
            said = f"The mail server answered {code} {words}" if code else words
            self._fault = ProviderDown(said, code)

    def _pick(self, channel: Channel) -> Mail | None:
        if self._again and channel.used == 0:
            return self._again.popleft()
        if self._again and not (self._doors.opening or self._may_knock()):
            # What was lost on a connection that others had used asks for a fresh one.
            return None
        if self._waiting:
            return self._waiting.popleft()
        return None if self._is_telling else self._work.take()

    def _go_round(self) -> bool:
        """Everything that needs no waiting. False when there is nothing to wait for, either."""
        self._staff()
        while self._outcomes or self._asking:
            self._commit()
            self._staff()
        if any(line.talk for line in self._lines.values()):
            return True
        is_awaited = bool(self._waiting or self._again) and self._fault is None
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
        mail = self.next_mail(line.channel)
        if mail is None:
            if self._again and line.channel.used:
                self._retire(line)  # makes room for a fresh one
            elif line.channel.used >= self._config.messages_per_connection:
                self._retire(line)
            return
        talk = line.talk = converse(line.channel, self, mail)
        self._advance(line, lambda: next(talk))

    def _may_knock(self) -> bool:
        taken = len(self._lines) + self._doors.opening
        if self._room < self._config.connections and monotonic() >= self._knock_again_at:
            self._room = self._config.connections
        return self._fault is None and taken < self._room

    def _has_waiting(self) -> bool:
        """Whether there is more mail than doors being opened for it."""
        if len(self._waiting) + len(self._again) > self._doors.opening:
            return True
        mail = self._work.take()
        if mail:
            self._waiting.append(mail)
        return mail is not None

    def _commit(self) -> None:
        """Both commits of every connection that is waiting for one, in one transaction.

        Here and not in a thread: handing the interpreter lock to and fro costs more than the
        database's work does (docs/decisions.md).
        """
        outcomes, self._outcomes = self._outcomes, []
        asking, self._asking = self._asking, {}
        self._lay_out(len(asking))
        began = monotonic()
        passed = self._work.commit(outcomes, list(asking.values()))
        self._is_telling = True
        for channel, key in asking.items():
            may_pass = key in passed and monotonic() - began < VERDICT_HOLDS
            self._tell(self._lines[channel], may_pass=may_pass)
        self._is_telling = False

    def _lay_out(self, count: int) -> None:
        """Have mails at hand that can follow: to take one may need time, and between a verdict
        and its dot there must be none in which somebody else could take us for dead."""
        while self._fault is None and len(self._waiting) < count:
            mail = self._work.take()
            if mail is None:
                return
            self._waiting.append(mail)

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
            self._fault = self._fault or fault

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
