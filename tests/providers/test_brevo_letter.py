"""Finished mails taken apart into Brevo's fields."""

import base64
import json
import uuid
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from mailer.providers.base import Mail
from mailer.providers.brevo_letter import Letter, UnusableError, body_of, read_letter, requests_of
from tests.providers.mails import a_mail


def a_message(**headers: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    usual = {
        "From": "MigAct <news@example.org>",
        "To": "Ann <ann@example.org>",
        "Reply-To": "Team <team@example.org>",
        "Subject": "Setkání v pátek",
        "Message-ID": "<1.abc@example.org>",
        "Date": "Sun, 22 Nov 2026 09:15:00 +0000",
    }
    for name, value in {**usual, **headers}.items():
        message[name] = value
    message.set_content("Sejdeme se v pátek.\n", cte="base64")
    message.add_alternative("<p>Sejdeme se v pátek.</p>\n", subtype="html", cte="quoted-printable")
    return message


def posted_by(message: EmailMessage, key: int = 1, recipient: str = "ann@example.org") -> Mail:
    return a_mail(key, recipient, message.as_bytes(), idempotency_key=f"d{key}")


def posted(key: int = 1, recipient: str = "ann@example.org") -> Mail:
    return posted_by(a_message(), key, recipient)


def body(letters: list[Letter]) -> dict[str, Any]:
    fields = json.loads(body_of(letters))
    assert isinstance(fields, dict)
    return fields


def test_single_mail_becomes_a_plain_request() -> None:
    fields = body([read_letter(posted())])

    assert str(uuid.UUID(fields["headers"].pop("idempotencyKey")))
    assert fields == {
        "sender": {"email": "news@example.org", "name": "MigAct"},
        "to": [{"email": "ann@example.org"}],
        "replyTo": {"email": "team@example.org", "name": "Team"},
        "subject": "Setkání v pátek",
        "htmlContent": "<p>Sejdeme se v pátek.</p>\n",
        "textContent": "Sejdeme se v pátek.\n",
        "headers": {"X-Mailin-custom": "<1.abc@example.org>"},
    }


def test_several_mails_become_versions_of_one_request() -> None:
    letters = [read_letter(posted(1)), read_letter(posted(2, "bob@example.org"))]

    fields = body(letters)

    assert sorted(fields) == ["headers", "htmlContent", "messageVersions", "sender", "subject"]
    assert fields["messageVersions"] == [letter.version for letter in letters]
    assert [version["to"] for version in fields["messageVersions"]] == [
        [{"email": "ann@example.org"}],
        [{"email": "bob@example.org"}],
    ]


def test_common_part_of_a_batch_holds_nothing_personal() -> None:
    first = a_message()
    first.get_body(("html",)).set_content(  # type: ignore[union-attr]  # the message has one
        "<a href='https://news.example.org/u/anns-own-link'>leave</a>", subtype="html"
    )
    letters = [read_letter(posted_by(first)), read_letter(posted(2, "bob@example.org"))]

    fields = body(letters)

    del fields["messageVersions"]
    assert "anns-own-link" not in json.dumps(fields)


def test_list_headers_travel_and_the_rest_is_brevos() -> None:
    message = a_message(
        **{
            "List-Id": "MigAct <news.example.org>",
            "List-Unsubscribe": "<https://news.example.org/u/abc>, <mailto:leave@example.org>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
            "Precedence": "bulk",
            "X-Auto-Response-Suppress": "All",
            "DKIM-Signature": "v=1; a=rsa-sha256; d=example.org; b=abc",
            "Sender": "other@example.org",
        }
    )

    letter = read_letter(posted_by(message))

    assert letter.version["headers"] == {
        "List-Id": "MigAct <news.example.org>",
        "List-Unsubscribe": "<https://news.example.org/u/abc>, <mailto:leave@example.org>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "All",
        "X-Mailin-custom": "<1.abc@example.org>",
    }


def test_headers_beyond_ascii_are_left_out_or_cut() -> None:
    message = a_message(**{"List-Id": "Přátelé <news.example.org>", "X-Note": "žluť"})

    letter = read_letter(posted_by(message))

    assert letter.version["headers"] == {
        "List-Id": "<news.example.org>",
        "X-Mailin-custom": "<1.abc@example.org>",
    }


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("MigAct", "MigAct"),
        ("Přátelé", "Přátelé"),
        ("MigAct, z. s.", "MigAct, z. s."),
        ("Přátelé, z. s.", "=?utf-8?b?UMWZw6F0ZWzDqSwgei4gcy4=?="),
    ],
)
def test_sender_name_survives_brevo(name: str, sent: str) -> None:
    message = a_message()
    del message["From"]
    message["From"] = f'"{name}" <news@example.org>'

    letter = read_letter(posted_by(message))

    assert letter.sender == {"email": "news@example.org", "name": sent}


def test_sender_may_have_no_name() -> None:
    letter = read_letter(posted_by(a_message(From="news@example.org")))

    assert letter.sender == {"email": "news@example.org"}


def test_mail_without_html_gets_some_since_brevo_insists() -> None:
    content = b"From: news@example.org\r\nSubject: Hi\r\n\r\n1 < 2 & 3\r\nhttps://example.org\r\n"

    letter = read_letter(a_mail(content=content))

    assert letter.version["htmlContent"] == "<pre>1 &lt; 2 &amp; 3\nhttps://example.org\n</pre>"
    assert letter.version["textContent"] == "1 < 2 & 3\nhttps://example.org\n"


def test_mail_without_text_sends_html_alone() -> None:
    content = b"From: news@example.org\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n"

    letter = read_letter(a_mail(content=content))

    assert letter.version == {
        "to": [{"email": "ann@example.org"}],
        "subject": "",
        "htmlContent": "<p>Hi</p>\n",
        "headers": {},
    }


def test_template_marks_are_not_left_to_brevo() -> None:
    message = a_message(Subject="{{ contact.EMAIL }}")
    message.clear_content()
    message.set_content("{% for %} {{{7*7}}} {# note #} { fine }\n")

    letter = read_letter(posted_by(message))

    assert letter.version["subject"] == "{ { contact.EMAIL }}"
    assert letter.version["textContent"] == "{ % for %} { { {7*7}}} { # note #} { fine }\n"


def test_attachment_is_handed_over() -> None:
    message = a_message()
    message.add_attachment(
        b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="a.ics"
    )

    fields = body([read_letter(posted_by(message))])

    content = base64.b64encode(b"BEGIN:VCALENDAR").decode()
    assert fields["attachment"] == [{"name": "a.ics", "content": content}]
    assert fields["htmlContent"] == "<p>Sejdeme se v pátek.</p>\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"Subject: no sender\r\n\r\nHi\r\n", b"From: \r\n\r\nHi\r\n"],
)
def test_mail_without_sender_is_unusable(content: bytes) -> None:
    with pytest.raises(UnusableError) as fault:
        read_letter(a_mail(content=content))

    assert str(fault.value) == "The message has no From address."


def test_mail_in_an_unknown_charset_is_unusable() -> None:
    content = b"From: a@example.org\r\nContent-Type: text/plain; charset=x-none\r\n\r\nHi\r\n"

    with pytest.raises(UnusableError):
        read_letter(a_mail(content=content))


def keys_of(letters: list[Letter], most: int) -> list[list[int]]:
    return [[letter.mail.key for letter in group] for group in requests_of(letters, most)]


def test_requests_hold_no_more_than_allowed() -> None:
    letters = [read_letter(posted(key)) for key in range(1, 6)]

    assert keys_of(letters, 2) == [[1, 2], [3, 4], [5]]


def test_requests_hold_one_sender_each() -> None:
    other = a_message(From="Other <other@example.org>")
    letters = [
        read_letter(posted(1)),
        read_letter(posted_by(other, 2)),
        read_letter(posted_by(other, 3)),
        read_letter(posted(4)),
    ]

    assert keys_of(letters, 50) == [[1], [2, 3], [4]]


def test_mail_with_attachment_goes_alone() -> None:
    heavy = a_message()
    heavy.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")
    letters = [
        read_letter(posted(1)),
        read_letter(posted_by(heavy, 2)),
        read_letter(posted_by(heavy, 3)),
        read_letter(posted(4)),
    ]

    assert keys_of(letters, 50) == [[1], [2], [3], [4]]


def idempotency(letters: list[Letter]) -> str:
    return str(body(letters)["headers"]["idempotencyKey"])


def test_same_mails_have_the_same_idempotency_key_in_any_order() -> None:
    one, two = read_letter(posted(1)), read_letter(posted(2))

    assert idempotency([one, two]) == idempotency([two, one])


def test_other_mails_have_another_idempotency_key() -> None:
    one, two, three = (read_letter(posted(key)) for key in (1, 2, 3))

    keys = {idempotency(group) for group in ([one], [two], [one, two], [one, three])}

    assert len(keys) == 4


def test_half_a_character_does_not_break_the_request() -> None:
    content = b"From: a@example.org\r\nSubject: =?utf-8?q?x=ED=A0=80?=\r\n\r\n\xff\xfe\r\n"

    fields = body([read_letter(a_mail(content=content))])

    assert fields["sender"] == {"email": "a@example.org"}
