"""Which mail goes over which connection, and what became of it: the side of the sender that knows
mails and no sockets. Conversations (`smtp_talk`) take from it and tell it; the loop (`smtp`) asks
it what is to be committed.
"""

from collections import deque
from collections.abc import Callable

from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Work
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_envelope import fault_of, limit_of
from mailer.providers.smtp_session import LEAVING
from mailer.sections.mail import Smtp

_MOST_UNWRITTEN = 100


class Record:
    """What is remembered of a server from one call to the next: mails at which it broke off, how
    many answers to dots were lost in a row, how many connections it lets in as far as we know
    (`room`), and when to find out whether it lets in more."""

    def __init__(self, room: int) -> None:
        self.stumbled: set[int] = set()
        self.silences = 0
        self.room = room
        self.knock_again_at = 0.0


class Desk:
    """Of one call of the sender. `fault`: why nothing more is begun. `is_telling`: verdicts are
    being told, and until the dots are out nothing may be asked of the ledger. `hopes_for_fresh`
    says whether a fresh connection is on its way or may be asked for."""

    def __init__(
        self, work: Work, config: Smtp, record: Record, hopes_for_fresh: Callable[[], bool]
    ) -> None:
        self.fault: ProviderDown | None = None
        self.is_telling = False
        self._work, self._config, self._record = work, config, record
        self._hopes_for_fresh = hopes_for_fresh
        self._accepted = 0
        self._strikes: dict[int, int] = {}
        self._waiting: deque[Mail] = deque()
        self._again: deque[Mail] = deque()
        self._outcomes: list[Outcome] = []
        self._asking: dict[Channel, int] = {}

    @property
    def waiting(self) -> int:
        """How many mails were taken and are on no connection."""
        return len(self._waiting) + len(self._again)

    @property
    def wants_fresh(self) -> bool:
        """Whether a mail was lost on a used connection, and asks for a fresh one."""
        return bool(self._again)

    @property
    def has_business(self) -> bool:
        """Whether something is to be committed."""
        return bool(self._outcomes or self._asking)

    def collect(self) -> tuple[list[Outcome], dict[Channel, int]]:
        """What is to be committed now: outcomes, and who asks for which mail to pass."""
        outcomes, self._outcomes = self._outcomes, []
        asking, self._asking = self._asking, {}
        return outcomes, asking

    def lay_out(self, count: int) -> None:
        """Have mails at hand that can follow: to take one may need time, and between a verdict
        and its dot there must be none in which somebody else could take us for dead."""
        while self.fault is None and len(self._waiting) < count:
            if not self.fetch():
                return

    def fetch(self) -> bool:
        """Take one more mail, if there is one."""
        mail = self._work.take()
        if mail:
            self._waiting.append(mail)
        return mail is not None

    def next_mail(self, channel: Channel) -> Mail | None:
        """The next mail that may be offered over `channel`."""
        if self.fault or channel.used >= self._config.messages_per_connection:
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
        if outcome.fate is not Fate.HELD:
            self._record.stumbled.discard(outcome.key)
        self._outcomes.append(outcome)
        if outcome.fate is Fate.UNKNOWN:
            self._record.silences += 1
        elif outcome.fate is not Fate.HELD and outcome.phase == "dot":
            self._record.silences = 0
        if self._record.silences > 2 * self._config.connections:
            # One on each connection may be a restart; twice that many, and no more mails must
            # be spent on a server that does not say what becomes of them.
            self.fault = self.fault or ProviderDown(outcome.text, outcome.code)

    def give_back(
        self, mail: Mail, channel: Channel, words: str, code: int, *, at_mail: bool = False
    ) -> None:
        """Offer it again on a fresh connection: servers drop those that were used enough. Where a
        fresh one breaks, too, it is the server's fault the first time. If it happens again at
        the very same mail, or while others go through, that mail steps aside and the others get
        their turn: one poisoned address must not hold up everybody. `at_mail` no address has been
        named, so there it stays the server's fault, however often."""
        is_first = mail.key not in self._strikes
        if channel.used > 1 or (is_first and not code):
            if channel.used == 1:
                self._strikes[mail.key] = self._accepted
            self._again.append(mail)
            return
        others_pass = self._accepted > self._strikes.get(mail.key, self._accepted)
        if others_pass or (mail.key in self._record.stumbled and not at_mail):
            self.settle(Outcome(mail.key, Fate.RETRY, "envelope", code, words))
            return
        if not at_mail:
            self._record.stumbled.add(mail.key)
        self.fault = ProviderDown(words, code)

    def turn_back(self, mail: Mail, place: int, words: str, code: int) -> None:
        """The server did not take a mail that may pass, for a reason of its own; `place` counts the
        mails of its connection. The mail asks for a verdict again when it is offered again, after
        all that was before it; one that is turned back each time steps aside as above."""
        if mail.key in self._record.stumbled:
            self._record.stumbled.discard(mail.key)
            self.settle(Outcome(mail.key, Fate.RETRY, "dot", code, words))
            return
        self.settle(Outcome(mail.key, Fate.HELD, "dot", code, words))
        self._record.stumbled.add(mail.key)
        if place == 1 or code not in (LEAVING, 0):
            said = f"The mail server answered {code} {words}" if code else words
            self.fault = ProviderDown(said, code)

    def _pick(self, channel: Channel) -> Mail | None:
        if self._again and channel.used == 0:
            return self._again.popleft()
        if self._again and not self._hopes_for_fresh():
            # What was lost on a connection that others had used asks for a fresh one.
            return None
        if self._waiting:
            return self._waiting.popleft()
        return None if self.is_telling else self._work.take()
