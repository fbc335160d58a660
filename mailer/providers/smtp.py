"""Hands mail to an SMTP server over several connections at once: one loop, no thread per line.

The loop gives each connection its mail (`smtp_talk` says what is said, `smtp_lines` who is told),
and whenever it has heard everybody out, it settles what ended and asks for every mail that wants
to pass, in one commit.
"""

from contextlib import ExitStack
from time import monotonic

from mailer.providers.base import VERDICT_HOLDS, ProviderDown, Work
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_desk import Desk, Record
from mailer.providers.smtp_lines import Lines
from mailer.providers.smtp_talk import converse
from mailer.sections.mail import Smtp

DOT_SECONDS = 600
"""RFC 5321 4.5.3.2.6: giving up earlier on the answer to the dot makes duplicates."""

REFUSED_DOOR_SECONDS = 30
"""How long not to knock for one more connection when the server lets in no more of them."""


class SmtpSender:
    """A Sender for any SMTP server. At most one mail per connection is between verdict and answer
    at any time: `connections` bounds what a crash can repeat."""

    def __init__(
        self, config: Smtp, *, name: str = "smtp", dot_seconds: float = DOT_SECONDS
    ) -> None:
        self.name = name
        self._config, self._dot_seconds = config, dot_seconds
        self._record = Record(config.connections)
        self._lines: Lines | None = None

    def send(self, work: Work) -> None:
        """See Sender. Opens further connections while mail waits for one."""
        lines = self._lines = self._lines or Lines(self._config, self._dot_seconds)
        lines.look_around()
        _Shift(work, self._config, self._record, lines).run()

    def close(self) -> None:
        if self._lines:
            self._lines.close()
        self._lines = None


class _Shift:
    """One call of the sender: gives mail to the lines, and opens more of them, until there is
    nothing to wait for."""

    def __init__(self, work: Work, config: Smtp, record: Record, lines: Lines) -> None:
        self._work, self._config, self._record, self._lines = work, config, record, lines
        self._desk = Desk(work, config, record, self._hopes_for_fresh)

    def run(self) -> None:
        """Raises ProviderDown when every outcome is committed."""
        with ExitStack() as undo:
            # Should the ledger fail in the middle, no dot may follow that nobody counts.
            undo.callback(self._lines.hang_up)
            while self._go_round():
                self._lines.listen(self._turn_away)
            undo.pop_all()
        if self._desk.fault:
            raise self._desk.fault

    def _go_round(self) -> bool:
        """Everything that needs no waiting. False when there is nothing to wait for, either."""
        self._staff()
        while self._desk.has_business:
            self._commit()
            self._staff()
        if self._lines.is_busy:
            return True
        if self._desk.fault or not self._lines.opening:
            return False
        return self._desk.waiting > 0 or self._desk.fetch()

    def _staff(self) -> None:
        """Mail for whoever is free, and new connections while mail waits."""
        for channel in self._lines.list_idle():
            self._start(channel)
        while self._may_knock() and self._has_waiting():
            self._lines.open()

    def _start(self, channel: Channel) -> None:
        if channel.used and channel.has_spoken():
            self._lines.drop(channel)
            return
        mail = self._desk.next_mail(channel)
        if mail:
            self._lines.begin(channel, converse(channel, self._desk, mail))
            return
        is_worn = channel.used >= self._config.messages_per_connection
        if is_worn or (self._desk.wants_fresh and channel.used):
            self._lines.retire(channel)

    def _may_knock(self) -> bool:
        record = self._record
        if record.room < self._config.connections and monotonic() >= record.knock_again_at:
            record.room = self._config.connections
        return self._desk.fault is None and self._lines.taken < record.room

    def _hopes_for_fresh(self) -> bool:
        return self._lines.opening > 0 or self._may_knock()

    def _has_waiting(self) -> bool:
        """Whether there is more mail than connections being opened for it."""
        return self._desk.waiting > self._lines.opening or self._desk.fetch()

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
            self._lines.tell(channel, may_pass=may_pass)
        self._desk.is_telling = False

    def _turn_away(self, fault: ProviderDown) -> None:
        if self._lines.taken:
            # It may let in no more than these; they carry the mail.
            self._record.room = self._lines.taken
            self._record.knock_again_at = monotonic() + REFUSED_DOOR_SECONDS
        else:
            self._desk.fault = self._desk.fault or fault
