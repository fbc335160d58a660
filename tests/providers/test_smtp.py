"""The SMTP sender: what becomes of a mail for whatever the server does, and when."""

import time

import pytest
from pydantic import SecretStr

from mailer.providers import smtp_doors
from mailer.providers.base import Fate, Mail, Outcome, ProviderDown
from mailer.providers.smtp import DOT_SECONDS, SmtpSender
from mailer.sections.mail import Smtp
from tests.providers.mails import ACCEPTED, CONTENT, Ending, a_mail, endings, several
from tests.providers.senders import PIPELINING, plain, sender_to
from tests.providers.works import Commit, FakeWork, hand_over, try_to_hand_over
from tests.sinks import (
    DROP,
    RESET,
    SILENCE,
    Certificate,
    free_port,
    make_certificate,
    scripted_smtp,
    smtp_sink,
)

BOTH_WAYS = pytest.mark.parametrize("extensions", [PIPELINING, ()], ids=["pipelined", "lock-step"])


@pytest.mark.parametrize("options", [(), ("-p",), ("-8",)], ids=["all", "lock-step", "7 bit"])
def test_mails_arrive_unchanged(options: tuple[str, ...]) -> None:
    content = b"Subject: Dots\r\n\r\n.\r\n..\r\n.hidden\r\nnot.first\r\n\r\n.\r\n"
    with smtp_sink(*options) as sink, sender_to(sink.port) as sender:
        work = hand_over(sender, [a_mail(7, content=content), a_mail(9, "bob@example.org")])
        dots, plain = sink.mails()

    assert work.outcomes == [
        Outcome(7, Fate.ACCEPTED, "dot", 250, "2.0.0 Ok"),
        Outcome(9, Fate.ACCEPTED, "dot", 250, "2.0.0 Ok"),
    ]
    assert dots.content == content.replace(b"\r\n", b"\n")
    assert plain.content == CONTENT.replace(b"\r\n", b"\n")
    assert (dots.sender_args, dots.recipient_args) == ("<news@example.org>", ("<ann@example.org>",))
    assert (plain.sender_args, plain.recipient_args) == (
        "<news@example.org>",
        ("<bob@example.org>",),
    )
    assert work.asked == [[7], [9]]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b".", b"..\r\n"),
        (b".\r\n", b"..\r\n"),
        (b"a\r\n.b\r\n..c\r\n\r\n.\r\n", b"a\r\n..b\r\n...c\r\n\r\n..\r\n"),
        (b"no end", b"no end\r\n"),
        (b"two ends\r\n\r\n", b"two ends\r\n\r\n"),
        (b"", b""),
    ],
)
def test_every_leading_dot_is_doubled_on_the_wire(
    extensions: tuple[str, ...], content: bytes, body: bytes
) -> None:
    with scripted_smtp(extensions=extensions) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, [a_mail(content=content)]).outcomes

    assert endings(outcomes) == [ACCEPTED]
    assert server.bodies == [body]


def test_envelope_goes_out_in_one_write_where_allowed() -> None:
    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:
        hand_over(sender, [a_mail()])

    envelope = b"MAIL FROM:<news@example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
    assert server.chunks[1] == envelope


def test_dot_is_sent_only_after_the_verdict() -> None:
    heard: list[bytes] = []
    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:

        def look(commit: Commit) -> None:
            # Loopback hands over at once, but the server's thread needs its turn.
            time.sleep(0.05)
            heard.append(b"".join(server.chunks))

        sender.send(FakeWork([a_mail()], during=look))

    assert heard[0].endswith(CONTENT)
    assert b"".join(server.chunks).removeprefix(heard[0]).startswith(b".\r\n")


@BOTH_WAYS
def test_held_mail_never_gets_its_dot(extensions: tuple[str, ...]) -> None:
    with scripted_smtp(extensions=extensions) as server, sender_to(server.port) as sender:
        work = hand_over(sender, several(3), closed_for=[2])

    assert endings(work.outcomes) == [ACCEPTED, (Fate.HELD, "data", 0), ACCEPTED]
    assert server.abandoned == [CONTENT]
    assert server.verbs().count("CONNECT") == 2
    assert server.bodies == [CONTENT, CONTENT]


def test_commit_that_fails_leaves_nothing_sent() -> None:
    def fail(commit: Commit) -> None:
        raise OSError("the database is gone")

    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:
        with pytest.raises(OSError, match="the database is gone"):
            sender.send(FakeWork([a_mail()], during=fail))
        work = hand_over(sender, [a_mail()])

    assert endings(work.outcomes) == [ACCEPTED]
    assert server.abandoned == [CONTENT]
    assert server.bodies == [CONTENT]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("answers", "fate"),
    [
        ({"MAIL": "552 5.3.4 too big"}, (Fate.UNFIT, "mail", 552)),
        ({"RCPT": "550 5.1.1 who"}, (Fate.REFUSED, "rcpt", 550)),
        ({"RCPT": "450 greylisted"}, (Fate.RETRY, "rcpt", 450)),
        ({"DATA": "554 no"}, (Fate.REFUSED, "data", 554)),
        ({"DATA": "451 later"}, (Fate.RETRY, "data", 451)),
        ({".": "554 5.7.1 spam"}, (Fate.REFUSED, "dot", 554)),
        ({".": "452 4.3.1 full"}, (Fate.RETRY, "dot", 452)),
        ({".": "350 what"}, (Fate.UNKNOWN, "dot", 350)),
        ({".": DROP}, (Fate.UNKNOWN, "dot", 0)),
        ({".": RESET}, (Fate.UNKNOWN, "dot", 0)),
        ({".": "<html>"}, (Fate.UNKNOWN, "dot", 0)),
        ({".": SILENCE}, (Fate.UNKNOWN, "dot", 0)),
    ],
)
def test_one_mails_fate_does_not_touch_the_next(
    extensions: tuple[str, ...], answers: dict[str, str], fate: Ending
) -> None:
    usual = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", ".": "250 taken"}
    script: dict[str, str | list[str]] = {
        verb: [answer, usual[verb]] for verb, answer in answers.items()
    }
    with scripted_smtp(script, extensions) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(2)).outcomes

    assert endings(outcomes) == [fate, ACCEPTED]


@BOTH_WAYS
def test_providers_words_are_kept_and_tidied(extensions: tuple[str, ...]) -> None:
    answers = {"RCPT": "550-5.1.1 No such\x07\x1b user\r\n550 5.1.1 here " + "x" * 600}
    with scripted_smtp(answers, extensions) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, [a_mail()]).outcomes

    assert outcomes[0].text == ("5.1.1 No such user 5.1.1 here " + "x" * 600)[:500]


def test_refused_recipient_costs_no_connection() -> None:
    answers: dict[str, str | list[str]] = {
        "RCPT TO:<reader2@example.org>": "550 who",
        "DATA": ["354 go", "554 no valid recipients", "354 go"],
    }
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(3)).outcomes

    assert endings(outcomes) == [ACCEPTED, (Fate.REFUSED, "rcpt", 550), ACCEPTED]
    assert server.verbs().count("CONNECT") == 1
    assert server.verbs().count("RSET") == 1


def test_data_granted_without_a_recipient_makes_no_empty_mail() -> None:
    answers = {"RCPT TO:<reader1@example.org>": "550 who"}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(2)).outcomes

    assert endings(outcomes) == [(Fate.REFUSED, "rcpt", 550), ACCEPTED]
    assert server.abandoned == [b""]
    assert server.bodies == [CONTENT]


def test_refusal_counts_though_the_connection_breaks_after_it() -> None:
    answers: dict[str, str | list[str]] = {
        "RCPT TO:<reader1@example.org>": "550 who",
        "DATA": [DROP, DROP, "354 go"],
    }
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(2)).outcomes

    assert endings(outcomes) == [(Fate.REFUSED, "rcpt", 550), ACCEPTED]


@BOTH_WAYS
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [DROP, RESET, SILENCE, "what?", "354 too soon"])
def test_line_lost_once_before_the_verdict_is_tried_again(
    extensions: tuple[str, ...], verb: str, fault: str
) -> None:
    usual = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go"}[verb]
    fault = "250 too soon" if verb == "DATA" and fault[:3] == "354" else fault
    with (
        scripted_smtp({verb: [fault, usual]}, extensions) as server,
        sender_to(server.port) as sender,
    ):
        work = hand_over(sender, [a_mail()])

    assert endings(work.outcomes) == [ACCEPTED]
    assert server.bodies == [CONTENT]
    assert work.asked == [[1]]


@BOTH_WAYS
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [DROP, RESET, "what?"])
def test_line_lost_twice_before_the_verdict_is_the_providers_fault(
    extensions: tuple[str, ...], verb: str, fault: str
) -> None:
    with scripted_smtp({verb: fault}, extensions) as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, several(2))

    assert down is not None
    assert server.verbs().count("CONNECT") == 2
    assert work.commits == []
    assert work.left == [1, 2]


@BOTH_WAYS
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("code", [421, 454, 530, 535])
def test_answer_about_the_server_spends_nobodys_attempt(
    extensions: tuple[str, ...], verb: str, code: int
) -> None:
    answers = {verb: f"{code} 4.7.0 slow down"}
    with scripted_smtp(answers, extensions) as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, several(2))

    assert down is not None
    assert (down.code, down.text) == (code, f"The mail server answered {code} 4.7.0 slow down")
    assert work.commits == []
    assert work.left == [1, 2]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("550 5.7.60 not allowed to send as", "takes no mail from news@example.org:"),
        ("553 5.1.7 bad sender", "takes no mail from news@example.org:"),
        ("552 5.2.2 your mailbox is full", "takes no mail from news@example.org:"),
        ("555 5.5.4 no such parameter", "takes no mail from news@example.org:"),
        ("450 4.1.8 your domain is not found", "answered"),
        ("451 4.7.1 slow down", "answered"),
        ("452 4.3.1 insufficient storage", "answered"),
    ],
)
def test_refusal_before_a_reader_is_named_spends_nobodys_attempt(
    extensions: tuple[str, ...], answer: str, said: str
) -> None:
    with scripted_smtp({"MAIL": answer}, extensions) as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, several(3))

    assert down is not None
    assert (down.code, down.text) == (int(answer[:3]), f"The mail server {said} {answer}")
    assert work.commits == []
    assert work.left == [1, 2, 3]


@BOTH_WAYS
def test_refusal_of_the_sender_on_a_used_connection_is_asked_about_on_a_fresh_one(
    extensions: tuple[str, ...],
) -> None:
    answers: dict[str, str | list[str]] = {"MAIL": ["250 ok", "503 5.5.1 nested MAIL", "250 ok"]}
    with scripted_smtp(answers, extensions) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(3)).outcomes

    assert endings(outcomes) == [ACCEPTED] * 3
    assert server.verbs().count("CONNECT") == 2


def test_outcomes_before_the_provider_went_down_stand() -> None:
    answers: dict[str, str | list[str]] = {
        "MAIL": ["250 ok", "250 ok", "421 enough"],
        "CONNECT": ["220 hello", "421 go away"],
    }
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        work, down = try_to_hand_over(sender, several(3))

    assert down is not None
    assert endings(work.outcomes) == [ACCEPTED, ACCEPTED]
    assert work.left == [3]


def test_enough_mails_on_this_connection_means_a_new_one() -> None:
    answers: dict[str, str | list[str]] = {"MAIL": ["250 ok", "421 enough for today", "250 ok"]}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(3)).outcomes

    assert endings(outcomes) == [ACCEPTED] * 3
    assert server.verbs().count("CONNECT") == 2


def test_new_connection_after_the_agreed_number() -> None:
    with (
        scripted_smtp(extensions=PIPELINING) as server,
        sender_to(server.port, messages_per_connection=2) as sender,
    ):
        outcomes = hand_over(sender, several(5)).outcomes

    assert endings(outcomes) == [ACCEPTED] * 5
    assert server.verbs().count("CONNECT") == 3
    assert server.verbs().count("QUIT") == 3


def test_connection_is_kept_between_batches() -> None:
    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:
        for _ in range(3):
            hand_over(sender, [a_mail()])

        assert server.verbs().count("CONNECT") == 1


def test_stray_answer_is_not_taken_for_the_next_mails() -> None:
    answers: dict[str, str | list[str]] = {".": ["250 taken\r\n550 stray", "250 taken"]}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, several(2)).outcomes

    assert endings(outcomes) == [ACCEPTED, ACCEPTED]
    assert server.verbs().count("CONNECT") == 2


def test_connection_is_left_after_a_riddle() -> None:
    answers: dict[str, str | list[str]] = {".": ["350 what", "250 taken"]}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        hand_over(sender, several(2))

    assert server.verbs().count("CONNECT") == 2


def test_connection_that_died_of_idleness_is_replaced() -> None:
    answers: dict[str, str | list[str]] = {".": ["250 taken\r\n421 idle too long", "250 taken"]}
    with scripted_smtp(answers, PIPELINING) as server, sender_to(server.port) as sender:
        first = hand_over(sender, [a_mail(1)]).outcomes
        time.sleep(0.05)
        second = hand_over(sender, [a_mail(2)]).outcomes

    assert endings(first + second) == [ACCEPTED, ACCEPTED]
    assert server.bodies == [CONTENT, CONTENT]


def test_server_that_comes_back_is_used_again() -> None:
    port = free_port()
    with sender_to(port) as sender:
        with pytest.raises(ProviderDown):
            hand_over(sender, [a_mail()])
        with smtp_sink(port=port) as sink:
            outcomes = hand_over(sender, [a_mail()]).outcomes
            count = len(sink.mails())

    assert endings(outcomes) == [ACCEPTED]
    assert count == 1


@pytest.mark.parametrize(
    ("options", "fate"),
    [
        (("-f", "RCPT"), (Fate.REFUSED, "rcpt", 500)),
        (("-r", "RCPT"), (Fate.RETRY, "rcpt", 450)),
        (("-f", "DATA"), (Fate.REFUSED, "data", 500)),
        (("-r", "DATA"), (Fate.RETRY, "data", 450)),
        (("-f", "."), (Fate.REFUSED, "dot", 500)),
        (("-r", "."), (Fate.RETRY, "dot", 450)),
        (("-q", "."), (Fate.UNKNOWN, "dot", 0)),
        (("-f", "QUIT"), ACCEPTED),
        (("-q", "QUIT"), ACCEPTED),
        (("-Q", "QUIT"), ACCEPTED),
        (("-w", "1"), ACCEPTED),
        (("-W", ".:1"), ACCEPTED),
    ],
)
def test_every_fault_of_the_postfix_sink_has_its_fate(
    options: tuple[str, ...], fate: Ending
) -> None:
    config = Smtp(host="127.0.0.1", security="none", reply_seconds=3, connect_seconds=2)
    with smtp_sink(*options) as sink:
        sender = SmtpSender(config.model_copy(update={"port": sink.port}))
        outcomes = hand_over(sender, several(2)).outcomes
        sender.close()

    assert endings(outcomes) == [fate, fate]


@pytest.mark.parametrize(
    ("option", "command", "code"),
    [
        *[("-q", command, 0) for command in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")],
        *[("-Q", command, 421) for command in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")],
        ("-r", "MAIL", 450),
        ("-f", "MAIL", 500),
    ],
)
def test_postfix_sink_that_leaves_or_takes_no_sender_is_down(
    option: str, command: str, code: int
) -> None:
    with smtp_sink(option, command) as sink, sender_to(sink.port) as sender:
        work, down = try_to_hand_over(sender, [a_mail()])

    assert down is not None
    assert down.code == code
    assert work.commits == []


def test_refusal_in_the_middle_of_the_body_is_heard() -> None:
    body = b"Subject: long\r\n\r\n" + b"line after line\r\n" * 200
    with smtp_sink("-A", "0") as sink, sender_to(sink.port) as sender:
        # The sink's refusal is on its way while the body goes out; either side of the dot is
        # right, as long as it is a refusal and not a riddle.
        outcomes = hand_over(sender, [a_mail(content=body)]).outcomes

    assert (outcomes[0].fate, outcomes[0].code) == (Fate.REFUSED, 550)


def test_refusal_before_the_dot_asks_for_no_verdict() -> None:
    answers: dict[str, str | list[str]] = {"DATA": ["354 go\r\n552 too big", "354 go"]}
    with scripted_smtp(answers, ()) as server, sender_to(server.port) as sender:
        work = hand_over(sender, several(2))

    assert endings(work.outcomes) == [(Fate.REFUSED, "data", 552), ACCEPTED]
    assert work.asked == [[2]]


def test_slow_answer_to_the_dot_is_waited_for() -> None:
    with smtp_sink("-W", ".:1") as sink, sender_to(sink.port, dot_seconds=3) as sender:
        outcomes = hand_over(sender, [a_mail()]).outcomes

    assert endings(outcomes) == [ACCEPTED]


def test_answer_to_the_dot_that_never_comes_is_unknown() -> None:
    with smtp_sink("-W", ".:3") as sink, sender_to(sink.port, dot_seconds=0.2) as sender:
        outcomes = hand_over(sender, [a_mail()]).outcomes

    words = "After the final dot: no answer (timed out)."
    assert outcomes == [Outcome(1, Fate.UNKNOWN, "dot", 0, words)]


def test_dot_is_given_the_ten_minutes_of_the_standard() -> None:
    assert DOT_SECONDS == 600


def test_farewell_is_waited_for_five_seconds() -> None:
    assert smtp_doors.QUIT_SECONDS == 5


def test_farewell_that_never_comes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_doors, "QUIT_SECONDS", 0.2)
    with scripted_smtp({"QUIT": SILENCE}, PIPELINING) as server:
        config = Smtp(host="127.0.0.1", port=server.port, security="none", reply_seconds=60)
        sender = SmtpSender(config)
        outcomes = hand_over(sender, [a_mail()]).outcomes
        began = time.monotonic()
        sender.close()
        took = time.monotonic() - began

    assert endings(outcomes) == [ACCEPTED]
    assert 0.1 < took < 2


@pytest.mark.parametrize(
    ("mail", "extensions", "fate"),
    [
        (a_mail(1), ["SIZE 20"], (Fate.UNFIT, "mail", 552)),
        (a_mail(1, "jiří@example.org"), ["PIPELINING"], (Fate.REFUSED, "rcpt", 553)),
        (a_mail(1, content="á\r\n".encode()), ["PIPELINING"], (Fate.REFUSED, "mail", 554)),
        (a_mail(1, "eve@evil.test>\r\nDATA"), [], (Fate.REFUSED, "rcpt", 553)),
        (a_mail(1, content=b"a\n.\nb"), [], (Fate.REFUSED, "mail", 554)),
    ],
)
def test_mail_that_cannot_go_is_not_begun(mail: Mail, extensions: list[str], fate: Ending) -> None:
    with scripted_smtp(extensions=extensions) as server, sender_to(server.port) as sender:
        work = hand_over(sender, [mail, a_mail(2, content=b"ok\r\n")])

    assert endings(work.outcomes) == [fate, ACCEPTED]
    assert server.bodies == [b"ok\r\n"]
    assert server.verbs().count("MAIL") == 1
    assert work.asked == [[2]]


def test_unicode_address_arrives_where_it_is_offered() -> None:
    offered = ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000"]
    with scripted_smtp(extensions=offered) as server, sender_to(server.port) as sender:
        outcomes = hand_over(sender, [a_mail(1, "jiří@example.org")]).outcomes

    assert endings(outcomes) == [ACCEPTED]
    assert server.commands[2:4] == [
        f"MAIL FROM:<news@example.org> SIZE={len(CONTENT)} SMTPUTF8",
        "RCPT TO:<jiří@example.org>",
    ]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_travels_encrypted_and_signed_in(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    certificate: Certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with scripted_smtp(
        extensions=["STARTTLS", "AUTH PLAIN", "PIPELINING"],
        tls=certificate.server_context(),
        tls_at_once=security == "tls",
    ) as server:
        config = plain(server.port, host="localhost", username="n", password=SecretStr("p"))
        sender = SmtpSender(config.model_copy(update={"security": security}))
        outcomes = hand_over(sender, several(3)).outcomes
        sender.close()

    assert endings(outcomes) == [ACCEPTED] * 3
    assert server.bodies == [CONTENT] * 3
    assert server.verbs().count("CONNECT") == 1


def test_work_that_ends_early_lets_no_further_mail_begin() -> None:
    with scripted_smtp(extensions=PIPELINING) as server, sender_to(server.port) as sender:
        work = FakeWork(several(9), during=lambda _: work.waiting.clear())
        sender.send(work)

    assert server.verbs().count("MAIL") == len(work.taken) < 3
    assert endings(work.outcomes) == [ACCEPTED] * len(work.taken)
