"""What may go into an envelope, and how a message is wrapped for DATA."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.providers.base import Fate, Mail, Outcome
from mailer.providers.smtp_envelope import (
    commands,
    fate_at_mail,
    fault_of,
    final_dot,
    limit_of,
    stuffed,
)
from tests.providers.mails import CONTENT, a_mail

NEEDS_UTF8 = "The address needs SMTPUTF8, which the mail server does not offer."

UNUSABLE_ADDRESSES = [
    "",
    "ann",
    "@example.org",
    "ann@",
    "ann@example.org\r\nDATA",
    "ann@example.org\nRCPT TO:<eve@evil.test>",
    "ann\r@example.org",
    "ann\0@example.org",
    "ann@example.org>",
    "<ann@example.org",
    "ann@example.org> SIZE=0 X=<",
    "ann smith@example.org",
    "ann@exam\tple.org",
    "ann\x85@example.org",
    "ann\u2028@example.org",
    "ann\ud800@example.org",
    "a" * 243 + "@example.org",
]


@pytest.mark.parametrize("address", UNUSABLE_ADDRESSES)
def test_unusable_recipient_is_refused(address: str) -> None:
    fault = fault_of(a_mail(recipient=address))

    words = "The address cannot be used in SMTP."
    assert fault == Outcome(1, Fate.REFUSED, "rcpt", 553, words)


@pytest.mark.parametrize("address", [a for a in UNUSABLE_ADDRESSES if a])
def test_unusable_sender_is_refused(address: str) -> None:
    fault = fault_of(a_mail(sender=address))

    words = "The sender's address cannot be used in SMTP."
    assert fault == Outcome(1, Fate.REFUSED, "mail", 553, words)


@pytest.mark.parametrize(
    "mail",
    [
        a_mail(),
        a_mail(sender=""),
        a_mail(recipient="o'neil+news_2@sub.example.org"),
        a_mail(recipient="jiří@example.org"),
        a_mail(recipient="a" * 242 + "@example.org"),
        a_mail(content=b"x" * 998 + b"\r\n"),
        a_mail(content=b""),
    ],
)
def test_ordinary_mail_has_no_fault(mail: Mail) -> None:
    assert fault_of(mail) is None


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\nfirst\n.\nMAIL FROM:<eve@evil.test>\r\n",
        b"Subject: x\r\n\r\nfirst\n.\r\nMAIL FROM:<eve@evil.test>\r\n",
        b"Subject: x\r\n\r\nfirst\r\n.\rMAIL FROM:<eve@evil.test>\r\n",
        b"Subject: x\r\n\r\nfirst\r.\r\nsecond\r\n",
        b"Subject: x\r\n\r\nswapped\n\r\n",
        b"Subject: x\r\n\r\nlast line\r",
        b"Subject: x\r\n\r\nzero\0byte\r\n",
        b"Subject: x\r\n\r\n" + b"y" * 999 + b"\r\n",
    ],
)
def test_broken_lines_are_refused(content: bytes) -> None:
    fault = fault_of(a_mail(content=content))

    words = "The message has broken or over-long lines."
    assert fault == Outcome(1, Fate.REFUSED, "mail", 554, words)


@pytest.mark.parametrize("lengths", [[998], [999], [3, 998, 0, 998], [3, 998, 0, 999], [0, 2000]])
def test_only_lines_of_998_characters_may_go(lengths: list[int]) -> None:
    content = b"".join(b"y" * length + b"\r\n" for length in lengths)

    faults = [fault_of(a_mail(content=content)), fault_of(a_mail(content=content + b"z" * 998))]

    fits = max(lengths) <= 998
    assert [fault is None for fault in faults] == [fits, fits]


@given(st.lists(st.sampled_from([0, 1, 500, 996, 997, 998, 999, 1500]), max_size=6), st.booleans())
def test_long_lines_are_found_wherever_they_are(lengths: list[int], has_end: bool) -> None:
    content = b"\r\n".join(b"y" * length for length in lengths) + (b"\r\n" if has_end else b"")

    fault = fault_of(a_mail(content=content))

    assert (fault is None) == all(length <= 998 for length in lengths)


def test_content_that_somebody_vouches_for_is_not_looked_at_again() -> None:
    mail = a_mail(content=b".odd\n\xff")._replace(is_smooth=True)

    steps = commands(mail, {"8BITMIME": ""})

    assert (fault_of(mail), limit_of(mail, {})) == (None, None)
    assert stuffed(mail) == mail.content
    assert steps[0] == ("mail", b"MAIL FROM:<news@example.org>\r\n")


@pytest.mark.parametrize(
    ("mail", "offered", "refusal"),
    [
        (a_mail(), {}, None),
        (a_mail(), {"SIZE": "0"}, None),
        (a_mail(), {"SIZE": ""}, None),
        (a_mail(), {"SIZE": str(len(CONTENT))}, None),
        (
            a_mail(),
            {"SIZE": str(len(CONTENT) - 1)},
            (
                Fate.UNFIT,
                "mail",
                552,
                "The message has 59 bytes; the server takes no more than 58.",
            ),
        ),
        (a_mail(recipient="jiří@example.org"), {"SMTPUTF8": ""}, None),
        (
            a_mail(recipient="jiří@example.org"),
            {},
            (
                Fate.REFUSED,
                "rcpt",
                553,
                NEEDS_UTF8,
            ),
        ),
        (
            a_mail(sender="zprávy@example.org"),
            {},
            (
                Fate.REFUSED,
                "mail",
                553,
                NEEDS_UTF8,
            ),
        ),
        (a_mail(content="Subject: á\r\n".encode()), {"8BITMIME": ""}, None),
        (
            a_mail(content="Subject: á\r\n".encode()),
            {},
            (
                Fate.REFUSED,
                "mail",
                554,
                "The message has 8-bit text, which the mail server does not take (no 8BITMIME).",
            ),
        ),
    ],
)
def test_mail_is_measured_against_what_the_server_offers(
    mail: Mail, offered: dict[str, str], refusal: tuple[Fate, str, int, str] | None
) -> None:
    limit = limit_of(mail, offered)

    assert limit == (Outcome(1, *refusal) if refusal else None)


@pytest.mark.parametrize(
    ("mail", "offered", "line"),
    [
        (a_mail(), {}, b"MAIL FROM:<news@example.org>\r\n"),
        (a_mail(), {"8BITMIME": "", "SMTPUTF8": ""}, b"MAIL FROM:<news@example.org>\r\n"),
        (a_mail(), {"SIZE": "99"}, b"MAIL FROM:<news@example.org> SIZE=59\r\n"),
        (a_mail(sender=""), {}, b"MAIL FROM:<>\r\n"),
        (
            a_mail(content="á\r\n".encode(), recipient="jiří@example.org"),
            {"SIZE": "99", "8BITMIME": "", "SMTPUTF8": ""},
            b"MAIL FROM:<news@example.org> SIZE=4 BODY=8BITMIME SMTPUTF8\r\n",
        ),
    ],
)
def test_mail_command_declares_what_the_mail_needs(
    mail: Mail, offered: dict[str, str], line: bytes
) -> None:
    steps = commands(mail, offered)

    assert steps[0] == ("mail", line)


def test_address_beyond_ascii_goes_out_as_utf8() -> None:
    steps = commands(a_mail(recipient="jiří@example.org"), {"SMTPUTF8": ""})

    assert steps[1:] == (("rcpt", "RCPT TO:<jiří@example.org>\r\n".encode()), ("data", b"DATA\r\n"))


LINES = st.lists(st.sampled_from([b"", b".", b"..", b"text", b".text", b"a.b"]), max_size=8)


@given(LINES, st.booleans())
def test_wrapped_message_ends_at_its_own_dot_only(lines: list[bytes], has_end: bool) -> None:
    content = b"\r\n".join(lines) + (b"\r\n" if has_end else b"")

    wire = b"\r\n" + stuffed(a_mail(content=content)) + final_dot(content)

    body, after = wire.split(b"\r\n.\r\n", 1)
    unstuffed = body.replace(b"\r\n.", b"\r\n") + b"\r\n"
    assert after == b""
    assert unstuffed[2:] == (content if content[-2:] in (b"", b"\r\n") else content + b"\r\n")


PLAIN, UNICODE, EIGHT_BIT = a_mail(), a_mail(1, "jiří@example.org"), a_mail(content=b"\xc3\xa1\r\n")


@pytest.mark.parametrize(
    ("mail", "code", "text", "fate"),
    [
        (PLAIN, 552, "message size exceeds fixed maximum", Fate.UNFIT),
        (PLAIN, 552, "5.3.4 too big", Fate.UNFIT),
        (PLAIN, 554, "5.3.4 too big", Fate.UNFIT),
        (PLAIN, 550, "5.2.3 longer than we allow", Fate.UNFIT),
        (PLAIN, 552, "5.2.2 the mailbox of the sender is full", None),
        (PLAIN, 452, "4.3.4 too big now", None),
        (PLAIN, 452, "insufficient system storage", None),
        (PLAIN, 555, "5.5.4 unsupported option: SIZE", None),
        (PLAIN, 550, "5.6.7 no such letters", None),
        (PLAIN, 550, "5.7.60 not allowed to send as", None),
        (PLAIN, 553, "5.1.7 bad sender", None),
        (UNICODE, 553, "5.6.7 no such letters", Fate.REFUSED),
        (UNICODE, 555, "unsupported option: SMTPUTF8", Fate.REFUSED),
        (UNICODE, 550, "5.1.8 bad sender's domain", None),
        (UNICODE, 451, "4.6.7 not now", None),
        (EIGHT_BIT, 504, "BODY=8BITMIME is not implemented", Fate.REFUSED),
        (EIGHT_BIT, 554, "5.6.3 conversion needed", Fate.REFUSED),
        (EIGHT_BIT, 501, "5.1.7 bad sender", None),
    ],
)
def test_refusal_of_mail_is_about_this_one_only_where_it_speaks_of_size_or_letters(
    mail: Mail, code: int, text: str, fate: Fate | None
) -> None:
    assert fate_at_mail(mail, code, text) is fate
