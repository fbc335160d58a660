"""Coming in and going out: how many connections there are, and what may go wrong at the door."""

import socket
import threading
import time
from itertools import pairwise

import pytest

from mailer.providers import smtp_doors
from mailer.providers.base import Fate
from mailer.providers.smtp import SmtpSender
from tests.providers.mails import a_mail, several
from tests.providers.senders import PIPELINING, plain, sender_to
from tests.providers.servers import LimitedSmtp, run
from tests.providers.works import Commit, FakeWork, hand_over, try_to_hand_over
from tests.sinks import (
    DROP,
    SILENCE,
    Conversation,
    ScriptedSmtp,
    scripted_smtp,
)


@pytest.mark.parametrize(("connections", "at_once"), [(1, 1), (16, 1), (16, 3)])
def test_server_that_lets_in_few_is_used_with_those(connections: int, at_once: int) -> None:
    with (
        run(LimitedSmtp(at_once=at_once)) as server,
        sender_to(
            server.port, connections=connections, messages_per_connection=10, reply_seconds=5
        ) as sender,
    ):
        works = [hand_over(sender, several(60)) for _ in range(2)]

    assert [work.fates for work in works] == [[Fate.ACCEPTED] * 60] * 2
    # Now and then one of ours is still leaving; else nobody knocks again at a shut door.
    let_in = len({number for number, line in server.lines if line.startswith("EHLO")})
    assert server.verbs().count("CONNECT") - let_in <= let_in + 2 * connections


def test_lost_connection_is_replaced_though_no_more_are_let_in() -> None:
    with (
        run(LimitedSmtp(at_once=2, mails=5, leaves="with the last answer")) as server,
        sender_to(server.port, connections=8, reply_seconds=5) as sender,
    ):
        work = FakeWork(several(100), during=lambda _: time.sleep(0.002))
        sender.send(work)

    assert work.fates == [Fate.ACCEPTED] * 100
    last = [number for number, line in server.lines if line == "."][-30:]
    # Had one of the two places stayed empty, each connection's mails would stand together.
    assert sum(one != other for one, other in pairwise(last)) > 10


def test_lost_connection_takes_no_other_with_it() -> None:
    answers = {"MAIL": ["250 ok"] * 10 + [DROP, "250 ok"]}
    with (
        scripted_smtp(answers, PIPELINING) as server,
        sender_to(server.port, connections=4, reply_seconds=5) as sender,
    ):
        work = FakeWork(several(80), during=lambda _: time.sleep(0.005))
        sender.send(work)

    assert work.fates == [Fate.ACCEPTED] * 80
    assert server.verbs().count("CONNECT") == 5


def test_goodbyes_that_are_not_answered_slow_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """F16: each connection is left after two mails, and no QUIT is ever answered."""
    monkeypatch.setattr(smtp_doors, "QUIT_SECONDS", 1)
    with scripted_smtp({"QUIT": SILENCE}, PIPELINING) as server:
        sender = SmtpSender(plain(server.port, connections=2, messages_per_connection=2))
        began = time.monotonic()
        work = hand_over(sender, several(40))
        took = time.monotonic() - began
        sender.close()

    assert work.fates == [Fate.ACCEPTED] * 40
    assert took < 0.9
    assert server.verbs().count("QUIT") >= 20


def test_only_so_many_wait_for_the_answer_to_their_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_doors, "QUIT_SECONDS", 1)
    monkeypatch.setattr(smtp_doors, "MOST_GOODBYES", 3)
    with scripted_smtp({"QUIT": SILENCE}, PIPELINING) as server:
        sender = SmtpSender(plain(server.port, messages_per_connection=1))
        work = hand_over(sender, several(20))
        leaving = [thread.name for thread in threading.enumerate() if thread.name == "smtp-quit"]
        sender.close()

    assert work.fates == [Fate.ACCEPTED] * 20
    assert len(leaving) == 3


def test_door_that_nobody_waits_for_holds_up_nobody() -> None:
    with scripted_smtp({"CONNECT": ["220 hello", SILENCE]}, PIPELINING) as server:
        sender = SmtpSender(plain(server.port, connections=2, reply_seconds=1.5))
        began = time.monotonic()
        work = hand_over(sender, several(30))
        sender.close()
        took = time.monotonic() - began

    assert work.fates == [Fate.ACCEPTED] * 30
    assert took < 1


def test_connection_that_is_still_on_its_way_is_waited_for() -> None:
    """The next mail comes while the only connection there may be is being opened."""

    class IsSlowTheSecondTime(ScriptedSmtp):
        def reply_to(self, talk: Conversation, line: str) -> str:
            if (talk.number, line) == (2, "CONNECT"):
                time.sleep(0.2)
            return super().reply_to(talk, line)

    def fail(commit: Commit) -> None:
        if commit.ended:
            raise OSError("the database is gone")

    with (
        run(IsSlowTheSecondTime(extensions=PIPELINING)) as server,
        sender_to(server.port, messages_per_connection=1, reply_seconds=5) as sender,
    ):
        with pytest.raises(OSError, match="the database is gone"):
            sender.send(FakeWork(several(2), during=fail))
        work = hand_over(sender, several(2))

    assert work.left == []
    assert work.fates == [Fate.ACCEPTED] * 2


def test_one_refused_door_among_several_is_not_the_end() -> None:
    """The first to arrive is refused while the others are still on their way."""

    class ShutsTheFirst(ScriptedSmtp):
        def reply_to(self, talk: Conversation, line: str) -> str:
            usual = super().reply_to(talk, line)
            if line == "CONNECT" and talk.number > 1:
                time.sleep(0.1)
            return "421 too many connections" if (talk.number, line) == (1, "CONNECT") else usual

    with (
        run(ShutsTheFirst(extensions=PIPELINING)) as server,
        sender_to(server.port, connections=4, reply_seconds=5) as sender,
    ):
        work, down = try_to_hand_over(sender, several(20))

    assert down is None
    assert work.fates == [Fate.ACCEPTED] * 20
    # Knocking again at once would have been in vain, and impolite.
    assert server.verbs().count("CONNECT") == 4


def test_server_that_shuts_every_door_is_down() -> None:
    with (
        scripted_smtp({"CONNECT": "421 go away"}, PIPELINING) as server,
        sender_to(server.port, connections=4, reply_seconds=5) as sender,
    ):
        work, down = try_to_hand_over(sender, several(20))
        first = server.verbs().count("CONNECT")
        try_to_hand_over(sender, several(20))

    assert down is not None
    assert down.code == 421
    assert work.commits == []
    assert first <= 4
    assert server.verbs().count("CONNECT") <= 2 * first


def test_mistake_while_opening_is_told_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def break_down(config: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(threading, "excepthook", seen.append)
    monkeypatch.setattr(smtp_doors, "open_session", break_down)
    with scripted_smtp() as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, [a_mail()])

    assert down is not None
    assert down.text == "Opening a connection failed; see the log."
    assert work.commits == []
    assert len(seen) == 1


def test_nobody_knocks_again_once_the_doors_are_closed() -> None:
    with scripted_smtp({"CONNECT": ["421 no more connections"] * 3}) as server:
        doors = smtp_doors.Doors(plain(server.port))
        doors.say_goodbye(socket.create_connection(("127.0.0.1", server.port)))
        doors.open()
        doors.close()
        for thread in threading.enumerate():
            if thread.name == "smtp-open":
                thread.join()

    leaving = 1
    assert server.verbs().count("CONNECT") - leaving <= 1


def test_closing_while_a_connection_opens_leaves_nothing_behind() -> None:
    with scripted_smtp({"CONNECT": ["220 hello", SILENCE]}, PIPELINING) as server:
        sender = SmtpSender(plain(server.port, connections=3, reply_seconds=1))
        hand_over(sender, several(30))
        sender.close()
        sender.close()
        opening = [thread for thread in threading.enumerate() if thread.name == "smtp-open"]
        for thread in opening:
            thread.join(5)

    assert [thread.is_alive() for thread in opening] == [False] * len(opening)
    assert opening
