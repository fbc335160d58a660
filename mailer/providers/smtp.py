"""Hands mail to an SMTP server over one connection, phase by phase, and tells what became of it.

The body goes out without its final dot; only when the gate lets the mail pass does the dot
follow. So a fault before the gate is harmless, and only the answer to the dot can be lost.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from mailer.providers.base import Fate, Gate, Mail, Outcome, ProviderDown
from mailer.providers.smtp_envelope import commands, fault_of, final_dot, limit_of, stuffed
from mailer.providers.smtp_opening import open_session
from mailer.providers.smtp_session import LEAVING, SEND_BODY, LineLostError, Reply, Session
from mailer.sections import Smtp

DOT_SECONDS = 600
"""RFC 5321 4.5.3.2.6: giving up earlier on the answer to the dot makes duplicates."""

# Too busy, throttled (as Amazon SES says it), and not signed in (RFC 4954): true for every mail,
# so it must not be held against this one.
_ABOUT_THE_SERVER = frozenset({LEAVING, 454, 530, 534, 535, 538})


class _TurnedAwayError(Exception):
    """The server wants no mail at all now. The connection is closed."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(f"{reply.code} {reply.text}")


class SmtpSender:
    """A Sender for any SMTP server. At most one mail is between gate and answer at any time."""

    def __init__(
        self, config: Smtp, *, name: str = "smtp", dot_seconds: float = DOT_SECONDS
    ) -> None:
        self.name = name
        self.batch_size = config.messages_per_connection
        self._config = config
        self._dot_seconds = max(dot_seconds, config.reply_seconds)
        self._session: Session | None = None
        self._stumbled_at: int | None = None

    def send(self, batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        """See Sender. The gate is asked for one key at a time, when all but the dot is sent.

        A gate that raises leaves nothing sent: the connection is closed without the dot.
        """
        for mail in batch:
            yield self._offer(mail, gate)

    def close(self) -> None:
        if self._session:
            self._session.quit()
        self._session = None

    def _offer(self, mail: Mail, gate: Gate) -> Outcome:
        if fault := fault_of(mail):
            return fault
        try:
            return self._attempt(mail, gate)
        except LineLostError:
            # Nothing passed the gate. Servers do drop connections that idled or were used enough.
            return self._last_attempt(mail, gate)

    def _last_attempt(self, mail: Mail, gate: Gate) -> Outcome:
        try:
            return self._attempt(mail, gate)
        except LineLostError as lost:
            return self._stumble(mail, f"The mail server hangs up: {lost}.", 0)

    def _stumble(self, mail: Mail, text: str, code: int) -> Outcome:
        """A server that lets us in and then breaks off. The first time it counts as its fault. If
        it does so again at the very same mail, that mail steps aside and the others get their
        turn: one poisoned address must not hold up everybody."""
        if self._stumbled_at == mail.key:
            return Outcome(mail.key, Fate.RETRY, "envelope", code, text)
        self._stumbled_at = mail.key
        raise ProviderDown(text, code)

    def _attempt(self, mail: Mail, gate: Gate) -> Outcome:
        session = self._ready_session()
        was_used = session.used > 0
        try:
            return self._hand_over(session, mail, gate)
        except _TurnedAwayError as away:
            if was_used:
                # "Enough mails on this connection" comes as 421, too; a new one may be welcome.
                raise LineLostError(str(away)) from away
            return self._stumble(mail, f"The mail server answered {away}", away.reply.code)

    def _ready_session(self) -> Session:
        session = self._session
        if session and session.is_open and session.has_spoken():
            session.close()
        if session and session.used >= self._config.messages_per_connection:
            session.quit()
        if not session or not session.is_open:
            session = self._session = open_session(self._config)
        return session

    def _hand_over(self, session: Session, mail: Mail, gate: Gate) -> Outcome:
        if limit := limit_of(mail, session.extensions):
            return limit
        session.used += 1
        if refusal := _envelope(session, mail):
            return refusal
        session.write(stuffed(mail.content))
        if session.has_spoken():
            return _early_answer(session, mail)
        with ExitStack() as undo:
            undo.callback(session.close)
            if mail.key not in gate([mail.key]):
                return Outcome(mail.key, Fate.HELD, "data")
            undo.pop_all()
        return self._dot(session, mail)

    def _dot(self, session: Session, mail: Mail) -> Outcome:
        try:
            session.write(final_dot(mail.content))
            reply = session.reply(self._dot_seconds)
        except LineLostError as lost:
            return Outcome(mail.key, Fate.UNKNOWN, "dot", 0, f"After the final dot: {lost}.")
        fate = _fate(reply)
        if fate is Fate.UNKNOWN or reply.code == LEAVING:
            session.close()
        return Outcome(mail.key, fate, "dot", reply.code, reply.text)


def _envelope(session: Session, mail: Mail) -> Outcome | None:
    """Send MAIL, RCPT and DATA, in one write where the server allows it (RFC 2920).

    None means that the server waits for the body. A refusal leaves the session usable or closed.
    """
    steps = commands(mail, session.extensions)
    is_pipelined = "PIPELINING" in session.extensions
    if is_pipelined:
        session.write(b"".join(line for _, line in steps))
    refusal: Outcome | None = None
    for phase, line in steps:
        if not is_pipelined:
            session.write(line)
        try:
            reply = session.reply()
        except LineLostError:
            if refusal:
                return refusal
            raise
        refusal = refusal or _refusal(session, mail, phase, reply)
        if refusal and not is_pipelined:
            break
    if refusal:
        _leave_envelope(session, reply)
    return refusal


def _leave_envelope(session: Session, last: Reply) -> None:
    # DATA may be granted although its only recipient was refused. RFC 2920 would then send a
    # lone dot, which a careless server takes for an empty mail: hang up instead.
    if last.code == SEND_BODY or last.code in _ABOUT_THE_SERVER:
        session.close()
    else:
        session.reset()


def _refusal(session: Session, mail: Mail, phase: str, reply: Reply) -> Outcome | None:
    is_fine = reply.code == SEND_BODY if phase == "data" else reply.is_yes
    if is_fine:
        return None
    _blame_the_server(session, reply)
    return Outcome(mail.key, _fate(reply), phase, reply.code, reply.text)


def _early_answer(session: Session, mail: Mail) -> Outcome:
    """The server spoke before the dot: whatever it said, it does not have the mail."""
    reply = session.reply()
    _blame_the_server(session, reply)
    session.close()
    return Outcome(mail.key, _fate(reply), "data", reply.code, reply.text)


def _blame_the_server(session: Session, reply: Reply) -> None:
    """Raise for an answer that says nothing about the mail at hand."""
    if reply.code in _ABOUT_THE_SERVER:
        session.close()
        raise _TurnedAwayError(reply)
    if not (reply.is_not_now or reply.is_never):
        raise session.lost(f"{reply.code} came where it makes no sense")


def _fate(reply: Reply) -> Fate:
    if reply.is_yes:
        return Fate.ACCEPTED
    if reply.is_not_now:
        return Fate.RETRY
    return Fate.REFUSED if reply.is_never else Fate.UNKNOWN
