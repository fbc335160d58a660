"""The bytes of a letter: whole, exact, and nothing in them that nobody wrote (A25-A27, A32)."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default as modern

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.message.build import boundary, build, refuse_smuggled
from mailer.message.headers import BULK, EVERY, UnsafeHeader, letter_headers
from mailer.message.slots import PREFERENCES, TOKEN_LENGTH, UNSUBSCRIBE, fill
from mailer.message.values import Envelope, Person, Rendered

BASE = "https://news.example.org"
ENVELOPE = Envelope(
    from_name="MigAct",
    from_address="news@example.org",
    subject="Зустріч",
    language="uk",
    list_name="MigAct",
    list_domain="news.example.org",
    reply_to="hello@example.org",
)
PERSON = Person(
    address="reader@example.org",
    message_id="<000000000000004d.0123456789abcdef0123456789abcdef@news.example.org>",
    date="Thu, 09 May 2024 09:00:00 +0200",
    unsubscribe_token="u" * 32 + "." + "s" * 43,
    preferences_token="p" * 32 + "." + "r" * 43,
)
SMALL = Rendered("Зустріч", "", "<p lang=uk>Привіт</p>\n", f"Hello\n{BASE}/u/{UNSUBSCRIBE}\n", "uk")
SMALL_BYTES = """\
From: MigAct <news@example.org>
To: reader@example.org
Subject: =?utf-8?b?0JfRg9GB0YLRgNGW0Yc=?=
Date: Thu, 09 May 2024 09:00:00 +0200
Message-ID: <000000000000004d.0123456789abcdef0123456789abcdef@news.example.org>
MIME-Version: 1.0
Auto-Submitted: auto-generated
Content-Language: uk
Reply-To: hello@example.org
List-Id: MigAct <newsletter.news.example.org>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
List-Help: <mailto:hello@example.org?subject=help>
List-Owner: <mailto:hello@example.org>
List-Post: NO
Precedence: bulk
X-Auto-Response-Suppress: All
List-Unsubscribe: <https://news.example.org/u/TOKEN>,
 <mailto:news@example.org?subject=unsubscribe%20TOKEN>
Content-Type: multipart/alternative; boundary="=_BOUNDARY"

--=_BOUNDARY
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Hello
https://news.example.org/u/uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu.sssssssssssssss=
ssssssssssssssssssssssssssss

--=_BOUNDARY
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: base64

PHAgbGFuZz11az7Qn9GA0LjQstGW0YI8L3A+DQo=

--=_BOUNDARY--
"""

# Things that break mail when somebody pastes them, beside every character there is.
hostile = st.sampled_from(
    [
        "\n", "\r\n", "\r", "\n.\n", ".", "..", "\nFrom me", "--=_", "=\n", "=0D=0ABcc: x",
        "\n\nBcc: x@y.example\n", " \n", "\t\n", "\x00", "\x0b\x0c\x1c\x85\u2028\u2029",
        "=?utf-8?q?x?=", "x" * 1200, "я" * 1200, "👩‍👩‍👧‍👦🇨🇿", "العربية", "Tiếng Việt", "中文",
        UNSUBSCRIBE, PREFERENCES,
    ]
)  # fmt: skip
characters = st.characters(exclude_categories=["Cs"])
bodies = st.lists(st.one_of(hostile, st.text(characters)), max_size=20).map("".join)


def built(rendered: Rendered, envelope: Envelope = ENVELOPE, person: Person = PERSON) -> bytes:
    return build(rendered, envelope, person, base_url=BASE)


def with_text(text: str, html: str = "<p></p>") -> Rendered:
    return Rendered("", "", html, text, "en")


def lines_of(text: str) -> list[str]:
    """The text's lines as mail knows them: CR, LF and CRLF end one, nothing else does."""
    return re.split("\r\n|\r|\n", re.sub("(\r\n|\r|\n)\\Z", "", text))


def test_letter_is_exactly_these_bytes():
    token = PERSON.unsubscribe_token

    expected = SMALL_BYTES.replace("TOKEN", token).replace("=_BOUNDARY", boundary(SMALL))

    assert built(SMALL) == expected.replace("\n", "\r\n").encode("ascii")


def test_same_letter_gives_the_same_bytes():
    assert built(SMALL) == built(SMALL)


def test_boundary_is_the_letters_own_and_no_text_can_imitate_it():
    others = [
        replace(SMALL, html="x"),
        replace(SMALL, text="x"),
        with_text("a", "bc"),
        with_text("ab", "c"),
    ]

    boundaries = {boundary(letter) for letter in [SMALL, *others]}

    assert len(boundaries) == 5
    assert {letter[:2] for letter in boundaries} == {"=_"}
    assert {len(letter) for letter in boundaries} == {34}


def test_letter_that_repeats_its_own_boundary_keeps_its_two_parts():
    text = (
        f"\r\n--{boundary(SMALL)}\r\nContent-Type: text/html\r\n\r\nx\r\n--{boundary(SMALL)}--\r\n"
    )

    message = message_from_bytes(built(with_text(text, SMALL.html)), policy=modern)

    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert message.get_body(("plain",)).get_content() == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("", "quoted-printable"),
        ("Plain words.\n" * 50, "quoted-printable"),
        ("Příliš žluťoučký kůň.\n", "base64"),
        ("Mostly English, one word in češtině.\n", "quoted-printable"),
        ("Зустріч у Празі.\n" * 50, "base64"),
        ("An English head.\n" * 30 + "І далі українською.\n" * 300, "base64"),
        ("Українська голова.\n" * 12 + "And English below.\n" * 600, "quoted-printable"),
        ("=" * 400, "base64"),
    ],
)
def test_part_travels_in_the_encoding_that_makes_it_smaller(text, encoding):
    message = message_from_bytes(built(with_text(text)), policy=modern)

    assert message.get_body(("plain",))["Content-Transfer-Encoding"] == encoding


@given(text=bodies, html=bodies)
def test_letter_is_read_back_as_it_was_written(text, html):
    message = message_from_bytes(built(with_text(text, html)), policy=modern)

    for kind, body in (("plain", text), ("html", html)):
        content = message.get_body((kind,)).get_content()
        assert content.endswith("\n")
        assert lines_of(content) == lines_of(fill(body, PERSON))
    assert [part.defects for part in message.walk()] == [[], [], []]


@given(text=bodies, html=bodies)
def test_letter_is_seven_bit_lines_of_bounded_length_that_end_in_crlf(text, html):
    content = built(with_text(text, html))

    head, _, body = content.partition(b"\r\n\r\n")
    lines = content.split(b"\r\n")
    assert content.isascii()
    assert b"\x00" not in content
    assert lines[-1] == b""
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    "address", ["a@b.cz", "l" * 64 + "@example.org", "l" * 64 + "@" + "d" * 185 + ".org"]
)
def test_address_of_any_length_is_read_back(address):
    content = built(SMALL, person=PERSON._replace(address=address))

    assert message_from_bytes(content, policy=modern)["To"] == address
    assert content.count(f"\r\nTo: {address}\r\n".encode()) == 1


WORDS_THAT_BITE = [
    "=?utf-8?q?hi=0D=0ABcc:_x@y.example?=",
    "=?utf-8?b?aGkNCkJjYzogeEB5LmV4YW1wbGU=?=",
    "a =?utf-8?q?=0D=0ABcc:_x?= b",
    "=?utf-8?q?=0A=0A?=",
]


@pytest.mark.parametrize("field", ["subject", "from_name", "list_name"])
@pytest.mark.parametrize("word", WORDS_THAT_BITE)
def test_encoded_word_in_a_text_stays_text(word, field):
    content = built(SMALL, replace(ENVELOPE, **{field: word}))

    message = message_from_bytes(content, policy=modern)
    texts = {
        "subject": message["Subject"],
        "from_name": message["From"].addresses[0].display_name,
        "list_name": message["List-Id"].removesuffix(" <newsletter.news.example.org>"),
    }
    assert texts[field] == word
    assert b"\nBcc" not in content


@pytest.mark.parametrize("field", ["from_address", "language", "list_domain", "reply_to"])
@pytest.mark.parametrize("word", WORDS_THAT_BITE)
def test_encoded_word_in_a_name_for_machines_is_refused(word, field):
    with pytest.raises(UnsafeHeader):
        built(SMALL, replace(ENVELOPE, **{field: word}))


@pytest.mark.parametrize(
    ("found", "smuggled"),
    [
        (b"Subject: ", b"Bcc: x@y.example\r\nSubject: "),
        (b"Subject: ", b"Subject: one\r\nSubject: "),
        (b"Subject: ", b"subject: "),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\n\r\n"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\rX-Evil: 1\r\n"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\nX-Evil: 1\r\n"),
        (b'Content-Type: text/html; charset="utf-8"\r\n', b""),
        (b"Content-Type: text/html", b"Content-Disposition: inline\r\nContent-Type: text/html"),
    ],
)
def test_finished_letter_whose_headers_changed_is_refused(found, smuggled):
    headers = letter_headers(ENVELOPE, PERSON, base_url=BASE)
    content = built(SMALL)

    refuse_smuggled(content, headers, BULK)
    assert content.count(found) == 1
    with pytest.raises(UnsafeHeader):
        refuse_smuggled(content.replace(found, smuggled), headers, BULK)


def test_list_headers_are_not_allowed_on_mail_to_one_person():
    headers = letter_headers(ENVELOPE, PERSON, base_url=BASE)

    with pytest.raises(UnsafeHeader):
        refuse_smuggled(built(SMALL), headers, EVERY)


def test_mail_to_one_person_needs_no_tokens():
    plain = Rendered("Confirm", "", "<p>Confirm</p>\n", "Confirm\n", "en")
    person = PERSON._replace(unsubscribe_token="", preferences_token="")

    message = message_from_bytes(
        built(plain, replace(ENVELOPE, is_bulk=False), person), policy=modern
    )

    assert set(message.keys()) == EVERY | {"Content-Type"}
    assert message.get_body(("plain",)).get_content() == "Confirm\r\n"


@pytest.mark.parametrize(
    "token",
    ["", "t" * 75, "t" * 77, "t" * 75 + "é", "t" * 75 + "=", "t" * 75 + "\n", "t" * 75 + "<"],
)
@pytest.mark.parametrize("kind", ["unsubscribe", "preferences"])
def test_slot_takes_only_a_token_of_its_own_length(kind, token):
    text = UNSUBSCRIBE + PREFERENCES

    with pytest.raises(ValueError, match=f"The {kind} token is not 76 URL-safe characters long."):
        fill(text, PERSON._replace(**{f"{kind}_token": token}))


def test_slots_are_tokens_in_shape_and_do_not_overlap():
    slots = [UNSUBSCRIBE, PREFERENCES]

    overlaps = [
        (one, other)
        for one in slots
        for other in slots
        for length in range(1, TOKEN_LENGTH)
        if one[-length:] == other[:length]
    ]

    assert overlaps == []
    assert [bool(re.fullmatch("[A-Za-z0-9_.-]{76}", slot)) for slot in slots] == [True, True]
    assert fill(UNSUBSCRIBE + PREFERENCES + UNSUBSCRIBE, PERSON) == (
        PERSON.unsubscribe_token + PERSON.preferences_token + PERSON.unsubscribe_token
    )


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        built(with_text("\ud800"))
