"""What a mail that came back says, and which ones are not believed (RFC 3464, 3834, 5965; A51)."""

from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.message.headers import message_id, read_message_id, return_path
from mailer.providers.bounces import LARGEST, read_bounce
from tests.bounces import SYSTEMS, read_sample
from tests.conftest import NOW

SECRET = b"a secret for marks"
OURS = message_id(77, SECRET, "news.example.org")
FORGED = message_id(77, b"somebody else's secret", "news.example.org")
LATER = NOW + timedelta(minutes=10)
K = FeedbackKind
REPORT = """\
Date: Thu, 26 Nov 2026 08:00:00 +0000
From: MAILER-DAEMON@mx.example.net
To: {to}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

{status}

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}

--b--
"""


def identify(text: str) -> int | None:
    return read_message_id(text, SECRET)


def read(message: bytes) -> Feedback | None:
    return read_bounce(message, identify, LATER)


def report(*recipients: str, to: str = "bounces@example.org", message_id: str = OURS) -> bytes:
    return REPORT.format(to=to, status="\n\n".join(recipients), message_id=message_id).encode()


def recipient(action: str, status: str = "", words: str = "", address: str = "a@b.example") -> str:
    return (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {words}"
    )


def judge(message: bytes) -> tuple[K, str] | None:
    said = read(message)
    return (said.kind, said.status) if said else None


@pytest.mark.parametrize(
    ("sample", "kind", "status"),
    [
        ("postfix", K.HARD_BOUNCE, "5.1.1"),
        ("postfix-delayed", K.DELAYED, "4.4.1"),
        ("exim", K.HARD_BOUNCE, "5.1.1"),
        ("exim-text", K.SOFT_BOUNCE, ""),
        ("exchange", K.HARD_BOUNCE, "5.1.10"),
        ("gmail", K.HARD_BOUNCE, "5.1.1"),
        ("qmail", K.HARD_BOUNCE, "5.1.1"),
        ("full", K.SOFT_BOUNCE, "5.2.2"),
        ("complaint", K.COMPLAINT, ""),
    ],
)
def test_bounce_is_read_from_what_each_server_writes(sample: str, kind: K, status: str) -> None:
    said = read(read_sample(sample, OURS))

    assert said
    assert (said.kind, said.status, said.delivery_id) == (kind, status, 77)


def test_bounce_carries_the_words_of_the_server_and_no_address_to_act_upon() -> None:
    assert read(read_sample("postfix", OURS)) == Feedback(
        provider="mail",
        event_id="77-hard_bounce",
        kind=K.HARD_BOUNCE,
        at=datetime(2026, 11, 26, 8, 0, 7, tzinfo=UTC),
        delivery_id=77,
        status="5.1.1",
        text="550 5.1.1 <reader@example.net>: Recipient address rejected: User unknown",
    )


@pytest.mark.parametrize("sample", ["vacation", "own", "report-about-report"])
def test_answers_and_loops_are_no_bounces(sample: str) -> None:
    """RFC 3834, F42: a holiday greeting, our own mail coming round, a report about a report."""
    assert read(read_sample(sample, OURS)) is None


@pytest.mark.parametrize("sample", [*SYSTEMS, "postfix-delayed", "exim-text", "full", "complaint"])
def test_bounce_that_anybody_could_have_written_is_not_believed(sample: str) -> None:
    """A51: without a signature of ours nothing changes, whatever the mail says."""
    assert read(read_sample(sample, FORGED)) is None


def test_return_path_names_the_mail_when_no_copy_came_back() -> None:
    bare = report(
        recipient("failed", "5.1.1"), to=return_path("bounces@example.org", OURS), message_id=""
    )

    assert judge(bare) == (K.HARD_BOUNCE, "5.1.1")


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_return_path_is_found_where_the_last_server_noted_it(header: str) -> None:
    note = f"{header}: {return_path('bounces@example.org', OURS)}\n".encode()

    assert judge(note + report(recipient("failed", "5.1.1"), message_id="")) == (
        K.HARD_BOUNCE,
        "5.1.1",
    )


def test_line_with_which_mail_servers_begin_a_pipe_is_no_hindrance() -> None:
    piped = b"From MAILER-DAEMON  Thu Nov 26 08:00:07 2026\r\n" + read_sample("postfix", OURS)

    assert judge(piped) == (K.HARD_BOUNCE, "5.1.1")


def test_letters_of_another_alphabet_are_no_hindrance() -> None:
    """They are not allowed in headers, and odd servers write them."""
    address = b"MAILER-DAEMON@qmail.example.net"
    mail = read_sample("qmail", OURS).replace(address, b"B\xf6ser Geist <%b>" % address)

    assert judge(mail) == (K.HARD_BOUNCE, "5.1.1")


@pytest.mark.parametrize("header", ["In-Reply-To", "References"])
def test_thread_names_the_mail_when_its_copy_has_lost_its_id(header: str) -> None:
    note = f"{header}: <1@elsewhere.example>\r\n {OURS}\r\n".encode()

    assert judge(note + report(recipient("failed", "5.1.1"), message_id="<2@b.example>")) == (
        K.HARD_BOUNCE,
        "5.1.1",
    )


@pytest.mark.parametrize(
    ("recipients", "kind"),
    [
        (("failed 5.1.1", "failed 5.2.2"), (K.SOFT_BOUNCE, "5.2.2")),
        (("failed 5.1.1", "relayed 2.1.9"), (K.DELIVERED, "2.1.9")),
        (("failed 5.1.1", "delayed 4.4.1"), (K.DELAYED, "4.4.1")),
        (("failed 5.1.1", "failed 5.7.1"), (K.BLOCKED, "5.7.1")),
    ],
)
def test_best_fate_counts_where_an_address_leads_to_several(
    recipients: tuple[str, ...], kind: tuple[K, str]
) -> None:
    blocks = [recipient(*said.split()) for said in recipients]

    assert judge(report(*blocks)) == kind


def test_address_that_leads_to_a_dead_one_is_not_dead_itself() -> None:
    block = recipient("failed", "5.1.1", address="old@elsewhere.example")

    forwarded = f"Original-Recipient: rfc822;reader@example.net\n{block}"

    assert judge(report(forwarded)) == (K.SOFT_BOUNCE, "5.1.1")


@pytest.mark.parametrize("said", ["not-spam", "auth-failure", "virus", "other", ""])
def test_report_of_another_kind_is_no_complaint(said: str) -> None:
    sample = read_sample("complaint", OURS).replace(b"Feedback-Type: abuse", b"Feedback-Type: %b")

    assert read(sample.replace(b"%b", said.encode())) is None


@pytest.mark.parametrize("said", [b"fraud", b" Abuse"])
def test_complaint_is_read_from_its_type(said: bytes) -> None:
    sample = read_sample("complaint", OURS).replace(b"Type: abuse", b"Type: " + said)

    assert judge(sample) == (K.COMPLAINT, "")


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Thu, 26 Nov 2026 09:00:00 +0100", datetime(2026, 11, 26, 8, tzinfo=UTC)),
        ("Thu, 26 Nov 2026 08:00:00", datetime(2026, 11, 26, 8, tzinfo=UTC)),
        ("Fri, 27 Nov 2026 08:00:00 +0000", LATER),
        ("Thu, 01 Jan 1970 00:00:00 +0000", LATER),
        ("Mon, 01 Jan 0001 00:00:00 +1400", LATER),
        ("some day", LATER),
    ],
    ids=["zone", "no zone", "future", "no clock", "no such moment", "no date"],
)
def test_moment_is_the_one_that_the_mail_gives_if_that_can_be(date: str, at: datetime) -> None:
    mail = report(recipient("failed", "5.1.1")).decode()

    said = read(mail.replace("Thu, 26 Nov 2026 08:00:00 +0000", date).encode())

    assert said
    assert said.at == at


def test_same_thing_said_again_is_the_same_event() -> None:
    first = read(read_sample("postfix", OURS))
    again = read(read_sample("gmail", OURS))

    assert first
    assert again
    assert first.event_id == again.event_id == "77-hard_bounce"


def test_only_the_beginning_of_a_huge_mail_is_read() -> None:
    small = read_sample("postfix", OURS)

    assert read(small + b"x" * 20_000_000) == read(small)
    assert read(b"X-Padding: " + b"x" * LARGEST + b"\r\n" + small) is None


@pytest.mark.parametrize(
    "hostile",
    [
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 60_000,
        b"Content-Type: message/rfc822\n\n" * 9_000,
        b'Content-Type: multipart/mixed; a="' + b";" * 250_000 + b"\n\n",
        b"Content-Type: multipart/mixed; boundary*" + b"9" * 5_000 + b"=b\n\n--b\n\n",
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(400)
        )
        + b"\n" * LARGEST,
        b"From: mailer-daemon@x.example\n\n" + b"<" * 250_000,
        b"From: mailer-daemon@x.example\n\n" + b" a@b " * 50_000,
        b"From: mailer-daemon@x.example\n\n" + b"did not reach the following recipient\n" * 6_000,
    ],
    ids=["parts", "messages", "parameters", "digits", "nests", "signs", "addresses", "lines"],
)
def test_mail_that_was_made_to_keep_us_busy_is_put_aside(hostile: bytes) -> None:
    began = process_time()

    assert read(hostile) is None
    assert process_time() - began < 2


@settings(max_examples=200, deadline=None)
@given(data=st.data(), sample=st.sampled_from([*SYSTEMS, "complaint", "full", "exim-text"]))
def test_no_damage_on_the_way_makes_the_reader_stumble(data: st.DataObject, sample: str) -> None:
    """Cut, with bytes of another alphabet and lines that got lost, a mail says something or
    nothing; never what no sample says."""
    whole = read_sample(sample, OURS)
    at = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 200))
    damage = data.draw(st.binary(max_size=40))

    said = read(whole[:at] + damage + whole[at + length :])

    assert said is None or said.delivery_id == 77
