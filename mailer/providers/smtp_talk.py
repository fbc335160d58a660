"""What is said over one SMTP connection, mail after mail, in the order in which it is said.

A conversation is a generator: it yields what it waits for, and whoever drives it (`smtp_lines`)
sends in what came. The body goes out without its final dot; only when the desk's verdict lets the
mail pass does the dot follow, in one write with the next envelope (RFC 2920). So a fault before
the verdict is harmless, and only the answer to the dot can be lost.
"""

from collections.abc import Generator
from enum import Enum

from mailer.providers.base import Fate, Mail, Outcome
from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_desk import Desk
from mailer.providers.smtp_envelope import (
    Commands,
    commands,
    fate_at_mail,
    final_dot,
    mail_command,
    stuffed,
)
from mailer.providers.smtp_session import LEAVING, SEND_BODY, LineLostError, Reply

# Too busy, throttled (as Amazon SES says it), and not signed in (RFC 4954): true for every mail,
# so it must not be held against this one.
ABOUT_THE_SERVER = frozenset({LEAVING, 454, 530, 534, 535, 538})


class Wait(Enum):
    """What a conversation waits for: a reply; the answer to a final dot, which may take long;
    all bytes on their way (a reply comes instead if the server spoke first); the verdict."""

    REPLY = 1
    ANSWER = 2
    SENT = 3
    VERDICT = 4


Talk = Generator[Wait, Reply | bool | None, None]


class _TurnedAwayError(Exception):
    """The server wants no mail at all now. The connection is closed. `at_mail`: no reader had been
    named to it."""

    def __init__(self, reply: Reply, *, at_mail: bool, said: str = "answered") -> None:
        self.reply, self.at_mail = reply, at_mail
        super().__init__(f"The mail server {said} {reply.code} {reply.text}")


def converse(channel: Channel, desk: Desk, mail: Mail | None) -> Talk:
    """Hand over `mail` and what the desk gives after it; ends when the desk has nothing more, or
    with the channel closed."""
    handed: Mail | None = None
    try:
        while mail or handed:
            envelope = commands(mail, channel.extensions) if mail else ()
            channel.write(_what_to_say(channel, handed, envelope))
            if handed:
                answer = yield from _hear(Wait.ANSWER)
                settled, handed = handed, None
                place = channel.used - (mail is not None)
                _read_answer(channel, desk, settled, place, answer)
            if mail:
                passed = yield from _bring_to_the_dot(channel, desk, mail, envelope)
                handed, mail = (mail if passed else None), None
            if handed and "PIPELINING" in channel.extensions:
                mail = desk.next_mail(channel)
    except LineLostError as lost:
        if handed:
            words = f"After the final dot: {lost}."
            desk.settle(Outcome(handed.key, Fate.UNKNOWN, "dot", 0, words))
        if mail:
            desk.give_back(mail, channel, f"The mail server hangs up: {lost}.", 0)
    except _TurnedAwayError as away:
        if mail:
            desk.give_back(mail, channel, str(away), away.reply.code, at_mail=away.at_mail)


def _what_to_say(channel: Channel, handed: Mail | None, envelope: Commands) -> bytes:
    dot = final_dot(handed.content) if handed else b""
    if "PIPELINING" in channel.extensions:
        return dot + b"".join([line for _, line in envelope])
    return dot


def _hear(wait: Wait) -> Generator[Wait, Reply | bool | None, Reply]:
    reply = yield wait
    assert isinstance(reply, Reply)
    return reply


def _read_answer(channel: Channel, desk: Desk, mail: Mail, place: int, answer: Reply) -> None:
    fate = _fate(answer)
    if answer.code in ABOUT_THE_SERVER:
        channel.close()
        desk.turn_back(mail, place, answer.text, answer.code)
        return
    if fate is Fate.UNKNOWN:
        channel.close()
    desk.settle(Outcome(mail.key, fate, "dot", answer.code, answer.text))


def _bring_to_the_dot(
    channel: Channel, desk: Desk, mail: Mail, envelope: Commands
) -> Generator[Wait, Reply | bool | None, bool]:
    """Everything but the dot. True when the mail may pass; else its outcome is settled."""
    if not channel.is_open:
        raise LineLostError("the server took its leave")
    refusal = yield from _offer(channel, mail, envelope)
    if refusal:
        desk.settle(refusal)
        return False
    channel.write(stuffed(mail))
    early = yield Wait.SENT
    if isinstance(early, Reply):
        desk.settle(_early_answer(channel, mail, early))
        return False
    desk.ask(channel, mail.key)
    if not (yield Wait.VERDICT):
        channel.close()
        desk.settle(Outcome(mail.key, Fate.HELD, "data"))
        return False
    return _may_follow(channel, desk, mail)


def _may_follow(channel: Channel, desk: Desk, mail: Mail) -> bool:
    """Whether the server still listens. What it said while the verdict was being found is no
    answer to a dot that was not sent: it does not have the mail."""
    if not channel.has_spoken():
        return True
    answer = _last_words(channel)
    channel.close()
    if answer is None:
        desk.turn_back(mail, channel.used, "The server broke off before the final dot.", 0)
    elif answer.code in ABOUT_THE_SERVER:
        desk.turn_back(mail, channel.used, answer.text, answer.code)
    else:
        desk.settle(Outcome(mail.key, _fate(answer), "data", answer.code, answer.text))
    return False


def _last_words(channel: Channel) -> Reply | None:
    """The refusal that came before the dot; None if it was none."""
    try:
        reply = channel.reply()
    except LineLostError:
        return None
    return reply if reply and (reply.is_not_now or reply.is_never) else None


def _offer(
    channel: Channel, mail: Mail, envelope: Commands
) -> Generator[Wait, Reply | bool | None, Outcome | None]:
    """MAIL, RCPT and DATA; None means that the server waits for the body. A refusal leaves the
    channel ready for the next mail, or closed."""
    is_pipelined = "PIPELINING" in channel.extensions
    refusal: tuple[str, Reply] | None = None
    for phase, line in envelope:
        if not is_pipelined:
            channel.write(line)
        try:
            reply = yield from _hear(Wait.REPLY)
        except LineLostError:
            if refusal is None:
                raise
            break
        if phase == "data" and reply.is_yes:
            # No server says so: an answer too many came before, and now all of them are one late.
            raise channel.lost(f"{reply.code} came where it makes no sense")
        if refusal is None and _is_refused(channel, phase, reply):
            refusal = phase, reply
            if not is_pipelined:
                break
    if refusal is None:
        return None
    yield from _leave_envelope(channel, reply)
    return (yield from _judge(channel, mail, envelope, *refusal))


def _is_refused(channel: Channel, phase: str, reply: Reply) -> bool:
    """Raises for an answer that says nothing about the mail."""
    if reply.code == SEND_BODY if phase == "data" else reply.is_yes:
        return False
    _blame_the_server(channel, reply, at_mail=phase == "mail")
    return True


def _judge(
    channel: Channel, mail: Mail, envelope: Commands, phase: str, refused: Reply
) -> Generator[Wait, Reply | bool | None, Outcome]:
    """What a refusal makes of the mail; of MAIL it may be about every other mail as well."""
    fate: Fate | None = _fate(refused)
    if phase == "mail":
        fate = fate_at_mail(mail, refused.code, refused.text)
        fate = fate or (yield from _ask_without_parameters(channel, mail, envelope, refused))
    if fate is None:
        channel.close()
        said = f"takes no mail from {mail.sender}:" if refused.is_never else "answered"
        raise _TurnedAwayError(refused, at_mail=True, said=said)
    return Outcome(mail.key, fate, phase, refused.code, refused.text)


def _ask_without_parameters(
    channel: Channel, mail: Mail, envelope: Commands, refused: Reply
) -> Generator[Wait, Reply | bool | None, Fate | None]:
    """MAIL once more, saying nothing about the mail. If that is taken, it was the mail's fault, in
    most cases its size; None where every other mail would fare the same."""
    bare = mail_command(mail)
    # On a connection that others have used it may be that they were enough.
    if not channel.is_open or channel.used > 1 or bare == envelope[0][1]:
        return None
    try:
        channel.write(bare)
        reply = yield from _hear(Wait.REPLY)
    except LineLostError:
        return None
    if not reply.is_yes:
        return None
    yield from _leave_envelope(channel, reply)
    return Fate.RETRY if refused.is_not_now else Fate.UNFIT


def _leave_envelope(channel: Channel, last: Reply) -> Generator[Wait, Reply | bool | None, None]:
    # DATA may be granted although its only recipient was refused. RFC 2920 would then send a
    # lone dot, which a careless server takes for an empty mail: hang up instead.
    if not channel.is_open:
        return
    if last.code == SEND_BODY or last.code in ABOUT_THE_SERVER:
        channel.close()
        return
    try:
        channel.write(b"RSET\r\n")
        reply = yield from _hear(Wait.REPLY)
    except LineLostError:
        return
    if not reply.is_yes:
        channel.close()


def _early_answer(channel: Channel, mail: Mail, reply: Reply) -> Outcome:
    """The server spoke before the dot: whatever it said, it does not have the mail."""
    _blame_the_server(channel, reply)
    channel.close()
    return Outcome(mail.key, _fate(reply), "data", reply.code, reply.text)


def _blame_the_server(channel: Channel, reply: Reply, *, at_mail: bool = False) -> None:
    """Raise for an answer that says nothing about the mail at hand."""
    if reply.code in ABOUT_THE_SERVER:
        channel.close()
        raise _TurnedAwayError(reply, at_mail=at_mail)
    if not (reply.is_not_now or reply.is_never):
        raise channel.lost(f"{reply.code} came where it makes no sense")


def _fate(reply: Reply) -> Fate:
    if reply.is_yes:
        return Fate.ACCEPTED
    if reply.is_not_now:
        return Fate.RETRY
    return Fate.REFUSED if reply.is_never else Fate.UNKNOWN
