"""The moment between the body and its dot: it lasts, or the server leaves in it."""

import time
from collections.abc import Sequence

import pytest

from mailer.providers import smtp
from mailer.providers.base import VERDICT_HOLDS, Fate, Mail, Outcome, ProviderDown
from tests.providers.mails import ACCEPTED, a_mail, endings, numbered, several
from tests.providers.senders import PIPELINING, sender_to
from tests.providers.servers import FickleSmtp, run
from tests.providers.works import Commit, FakeWork, hand_over, try_to_hand_over
from tests.sinks import Conversation, ScriptedSmtp, scripted_smtp, slow_smtp

BOTH_WAYS = pytest.mark.parametrize("extensions", [PIPELINING, ()], ids=["pipelined", "lock-step"])


@pytest.mark.parametrize("connections", [1, 4])
def test_verdict_that_comes_too_late_sends_no_dot(
    monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    """F30: a process that was stopped in between must not go on as if nothing had happened."""
    monkeypatch.setattr(smtp, "VERDICT_HOLDS", 0.02)
    with (
        scripted_smtp(extensions=PIPELINING) as server,
        sender_to(server.port, connections=connections, reply_seconds=5) as sender,
    ):
        work = FakeWork(several(6), during=lambda _: time.sleep(0.04))
        sender.send(work)

    assert endings(work.outcomes) == [(Fate.HELD, "data", 0)] * 6
    assert sorted(work.passed) == [1, 2, 3, 4, 5, 6]
    assert server.bodies == []


def test_verdict_holds_for_a_minute() -> None:
    assert VERDICT_HOLDS == 60


class SlowToTake(FakeWork):
    """Looks for each mail for a while, and notes when its commits were through."""

    def __init__(self, mails: Sequence[Mail], seconds: float) -> None:
        self.decided_at: dict[int, float] = {}
        self._seconds = seconds
        super().__init__(mails)

    def take(self) -> Mail | None:
        time.sleep(self._seconds)
        return super().take()

    def commit(self, outcomes: Sequence[Outcome], keys: Sequence[int]) -> frozenset[int]:
        passed = super().commit(outcomes, keys)
        self.decided_at.update(dict.fromkeys(passed, time.monotonic()))
        return passed


class NotesDots(ScriptedSmtp):
    def __init__(self) -> None:
        self.dots_at: list[float] = []
        super().__init__(extensions=PIPELINING)

    def reply_to(self, talk: Conversation, line: str) -> str:
        if line == ".":
            self.dots_at.append(time.monotonic())
        return super().reply_to(talk, line)


def test_dot_follows_its_verdict_at_once_though_the_next_mail_takes_time() -> None:
    """F30: whatever takes time must not stand between them."""
    with run(NotesDots()) as server, sender_to(server.port, reply_seconds=5) as sender:
        work = SlowToTake(several(3), 0.2)
        sender.send(work)

    waits = [
        dot - verdict for dot, verdict in zip(server.dots_at, work.decided_at.values(), strict=True)
    ]
    assert max(waits) < 0.15
    assert work.fates == [Fate.ACCEPTED] * 3


@BOTH_WAYS
@pytest.mark.parametrize("words", [b"", b"421 4.4.2 timed out\r\n", b"250 taken\r\n", b"what?\r\n"])
def test_server_that_leaves_before_the_dot_does_not_have_the_mail(
    extensions: tuple[str, ...], words: bytes
) -> None:
    """It says a word, or none, and hangs up while the verdict on the second mail is being found."""

    def leave(commit: Commit) -> None:
        if commit.asked == [2]:
            server.speak(words)
            server.hang_up()
            time.sleep(0.05)

    with (
        run(FickleSmtp(extensions=extensions)) as server,
        sender_to(server.port, reply_seconds=5) as sender,
    ):
        work = FakeWork(numbered(4), during=leave)
        sender.send(work)
        again = hand_over(sender, numbered(4)[1:2])

    code = 421 if words.startswith(b"421") else 0
    assert endings(work.sorted_outcomes) == [ACCEPTED, (Fate.HELD, "dot", code), ACCEPTED, ACCEPTED]
    assert again.fates == [Fate.ACCEPTED]
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        (b"552 5.3.4 too big\r\n", (Fate.REFUSED, "data", 552)),
        (b"452 4.3.1 no room\r\n", (Fate.RETRY, "data", 452)),
    ],
)
def test_refusal_before_the_dot_is_the_mails(words: bytes, ending: tuple[Fate, str, int]) -> None:
    def refuse(commit: Commit) -> None:
        if commit.asked == [1]:
            server.speak(words)
            time.sleep(0.05)

    with (
        run(FickleSmtp(extensions=PIPELINING)) as server,
        sender_to(server.port, reply_seconds=5) as sender,
    ):
        work = FakeWork(numbered(2), during=refuse)
        sender.send(work)

    assert endings(work.sorted_outcomes) == [ending, ACCEPTED]
    assert len(server.bodies) == 1


def test_server_that_leaves_before_each_first_dot_is_down_and_the_mail_steps_aside() -> None:
    def leave(commit: Commit) -> None:
        if 1 in commit.asked:
            server.hang_up()
            time.sleep(0.05)

    with (
        run(FickleSmtp(extensions=PIPELINING)) as server,
        sender_to(server.port, reply_seconds=5) as sender,
    ):
        first = FakeWork([a_mail(1)], during=leave)
        with pytest.raises(ProviderDown) as down:
            sender.send(first)
        second = FakeWork(numbered(3), during=leave)
        sender.send(second)

    assert down.value.text == "The server broke off before the final dot."
    assert endings(first.outcomes) == [(Fate.HELD, "dot", 0)]
    assert second.fates == [Fate.RETRY, Fate.ACCEPTED, Fate.ACCEPTED]


def test_provider_is_called_down_only_when_every_outcome_is_written() -> None:
    """One connection hears 454 while the others wait for the answers to their dots."""

    class ThrottlesTheFirst(ScriptedSmtp):
        def reply_to(self, talk: Conversation, line: str) -> str:
            usual = super().reply_to(talk, line)
            if line != ".":
                return usual
            time.sleep(0.02 if talk.number == 1 else 0.2)
            return "454 4.7.0 throttled" if talk.number == 1 else usual

    with (
        run(ThrottlesTheFirst(extensions=PIPELINING)) as server,
        sender_to(server.port, connections=4, reply_seconds=5) as sender,
    ):
        work, down = try_to_hand_over(sender, several(40))

    assert down is not None
    assert down.code == 454
    assert work.fates.count(Fate.HELD) == 1
    assert sorted(work.passed) == [outcome.key for outcome in work.sorted_outcomes]
    assert len(server.bodies) == len(work.passed)
    assert len(work.left) == 40 - len(work.passed)


def test_mails_that_may_not_pass_leave_the_others_alone() -> None:
    shut = range(3, 61, 3)
    with (
        slow_smtp(0.001) as server,
        sender_to(server.port, connections=4, reply_seconds=5) as sender,
    ):
        work = hand_over(sender, numbered(60), closed_for=shut)

    held = [outcome.key for outcome in work.sorted_outcomes if outcome.fate is Fate.HELD]
    assert held == list(shut)
    assert work.fates.count(Fate.ACCEPTED) == 40
    assert len(server.bodies) == 40
