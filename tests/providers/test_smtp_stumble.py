"""One mail at which the server hangs up must not hold up everybody else's."""

import pytest

from mailer.providers.base import Fate, ProviderDown
from tests.providers.mails import ACCEPTED, CONTENT, Ending, a_mail, endings, several
from tests.providers.senders import PIPELINING, sender_to
from tests.providers.servers import NarrowSmtp, PickySmtp, run
from tests.providers.works import (
    hand_over,
    hand_over_in_rounds,
    try_to_hand_over,
)
from tests.sinks import DROP, scripted_smtp, smtp_sink

BOTH_WAYS = pytest.mark.parametrize("extensions", [PIPELINING, ()], ids=["pipelined", "lock-step"])


@pytest.mark.parametrize("answer", ["421 4.3.2 not now", DROP])
def test_the_same_mail_steps_aside_the_second_time(answer: str) -> None:
    with scripted_smtp({"RCPT": answer}) as server, sender_to(server.port) as sender:
        first, down = try_to_hand_over(sender, [a_mail(1)])
        second = hand_over(sender, [a_mail(1)])
        with pytest.raises(ProviderDown):
            hand_over(sender, [a_mail(2)])

    assert down is not None
    assert first.outcomes == []
    assert second.fates == [Fate.RETRY]


@BOTH_WAYS
@pytest.mark.parametrize("connections", [1, 4])
def test_mail_at_which_the_server_breaks_does_not_hold_up_the_others(
    extensions: tuple[str, ...], connections: int
) -> None:
    answers = {"RCPT TO:<reader3@example.org>": DROP}
    with (
        scripted_smtp(answers, extensions) as server,
        sender_to(server.port, connections=connections) as sender,
    ):
        mails, rounds, fates = several(30), 0, {}
        while mails and rounds < 4:
            work, _ = try_to_hand_over(sender, mails)
            fates.update({outcome.key: outcome.fate for outcome in work.outcomes})
            mails = [mail for mail in mails if mail.key in work.left]
            rounds += 1

    assert fates == {key: Fate.RETRY if key == 3 else Fate.ACCEPTED for key in range(1, 31)}
    assert len(server.bodies) == 29


@BOTH_WAYS
@pytest.mark.parametrize(
    ("answer", "held"),
    [
        ("421 4.3.2 going down", (Fate.HELD, "dot", 421)),
        ("454 4.7.0 throttled", (Fate.HELD, "dot", 454)),
    ],
)
def test_answer_about_the_server_to_the_first_dot_spends_nobodys_attempt(
    extensions: tuple[str, ...], answer: str, held: Ending
) -> None:
    with scripted_smtp({".": answer}, extensions) as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, several(5))

    assert down is not None
    assert (down.code, down.text) == (held[2], f"The mail server answered {answer}")
    assert endings(work.outcomes) == [held]
    assert work.left == [2, 3, 4, 5]


@pytest.mark.parametrize("answer", ["421 4.3.2 going down", "454 4.7.0 throttled"])
def test_mail_that_is_turned_back_twice_steps_aside(answer: str) -> None:
    answers = {".": [answer, answer, "250 taken"]}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        first, down = try_to_hand_over(sender, several(3))
        second = hand_over(sender, several(3))

    assert down is not None
    assert first.fates == [Fate.HELD]
    assert second.fates == [Fate.RETRY, Fate.ACCEPTED, Fate.ACCEPTED]


def test_enough_mails_on_this_connection_may_be_said_at_the_dot() -> None:
    answers = {".": ["250 taken", "421 enough for today", "250 taken"]}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        work = hand_over(sender, several(4))

    assert endings(work.sorted_outcomes) == [
        ACCEPTED,
        (Fate.HELD, "dot", 421),
        ACCEPTED,
        ACCEPTED,
    ]
    assert server.verbs().count("CONNECT") == 2


def test_postfix_sink_that_leaves_at_the_dot_has_not_taken_the_mail() -> None:
    with smtp_sink("-Q", ".") as sink, sender_to(sink.port, reply_seconds=3) as sender:
        work, down = try_to_hand_over(sender, several(2))

    assert down is not None
    assert down.code == 421
    assert endings(work.outcomes) == [(Fate.HELD, "dot", 421)]
    assert work.left == [2]


@BOTH_WAYS
@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize(
    "answer", ["451 4.7.1 slow down", "550 5.7.60 not as news", "421 4.3.2 no"]
)
def test_server_that_takes_nothing_from_our_address_spends_no_attempt_however_long(
    extensions: tuple[str, ...], connections: int, answer: str
) -> None:
    mails = several(40)
    with (
        run(PickySmtp(answer, extensions)) as server,
        sender_to(server.port, connections=connections) as sender,
    ):
        rounds = hand_over_in_rounds(sender, mails, rounds=30)
        knocked = server.verbs().count("MAIL")
        try_to_hand_over(sender, mails)
        knocks = server.verbs().count("MAIL") - knocked
        server.answer = ""
        well = hand_over(sender, mails)

    assert [work.outcomes for work in rounds] == [[]] * 30
    assert knocks <= 10 + connections
    assert well.fates == [Fate.ACCEPTED] * 40


@BOTH_WAYS
@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize(
    ("answer", "fate"), [("452 4.3.1 no room", Fate.RETRY), ("552 5.2.2 no room", Fate.UNFIT)]
)
def test_mails_that_are_refused_before_their_readers_are_named_hold_up_nobody(
    extensions: tuple[str, ...], connections: int, answer: str, fate: Fate
) -> None:
    long = [a_mail(key, content=CONTENT * 9) for key in range(1, 31)]
    with (
        run(NarrowSmtp(len(CONTENT), answer, extensions)) as server,
        sender_to(server.port, connections=connections) as sender,
    ):
        work = hand_over(sender, [*long, *(a_mail(key) for key in range(31, 46))])

    fates = {outcome.key: outcome.fate for outcome in work.outcomes}
    assert fates == {key: fate if key <= 30 else Fate.ACCEPTED for key in range(1, 46)}


@BOTH_WAYS
def test_greylisted_mails_do_not_hide_that_one_alone_is_refused(
    extensions: tuple[str, ...],
) -> None:
    long = a_mail(1, content=CONTENT * 9)
    server = NarrowSmtp(len(CONTENT), "452 4.3.1 no room", extensions, RCPT="450 4.2.0 greylisted")
    with run(server), sender_to(server.port) as sender:
        work = hand_over(sender, [long, *several(9)[1:]])

    assert work.fates == [Fate.RETRY] * 9


@BOTH_WAYS
def test_server_that_refuses_our_address_and_hangs_up_spends_no_attempt_however_long(
    extensions: tuple[str, ...],
) -> None:
    answers = {"MAIL": "550 5.7.60 not as news", "RCPT": DROP, "RSET": DROP}
    with scripted_smtp(answers, (*extensions, "SIZE")) as server, sender_to(server.port) as sender:
        rounds = [try_to_hand_over(sender, several(3)) for _ in range(4)]

    assert [work.outcomes for work, _ in rounds] == [[]] * 4
    assert [down.code for _, down in rounds if down] == [550] * 4


def test_answer_too_many_after_a_refusal_is_no_answer_to_the_next_mail() -> None:
    answers = {"RCPT": "550 5.1.1 who", "DATA": "250 what"}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, several(3))

    assert down is not None
    assert work.outcomes == []
