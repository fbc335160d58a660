"""Every header of a letter, as it goes over the wire (email.md section 5; A25, A26, A28)."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_string
from email.header import decode_header, make_header
from email.policy import default as modern
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.message.headers import (
    BULK,
    EVERY,
    LONGEST,
    UnsafeHeader,
    check_person,
    date_value,
    letter_headers,
    message_id,
    read_message_id,
    return_path,
)
from mailer.message.values import Envelope, Person

SECRET = b"a secret for marks"
TOKEN = "t" * 32 + "." + "s" * 43
OWN_ID = message_id(77, SECRET, "news.example.org")
BASE = "https://news.example.org"
ENVELOPE = Envelope(
    from_name="MigAct",
    from_address="news@example.org",
    subject="Prague 7 meetup, City Hall vote + 3 more",
    language="en",
    list_name="MigAct news",
    list_domain="news.example.org",
    reply_to="hello@example.org",
    archive_url="https://news.example.org/en/archive",
    help_url="https://news.example.org/en/help",
)
PERSON = Person(
    address="reader@example.org",
    message_id=OWN_ID,
    date="Thu, 09 May 2024 09:00:00 +0200",
    unsubscribe_token=TOKEN,
)
CONTROLS = [*map(chr, [*range(0x20), *range(0x7F, 0xA0)]), "\u2028", "\u2029", "\ud800", "\udfff"]

# What a person may write: everything but what the guard refuses.
words = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=300,
)
phrases = words.map(lambda text: " ".join(text.split())).filter(bool)


def headers(envelope: Envelope = ENVELOPE, person: Person = PERSON, **options: str):
    return dict(letter_headers(envelope, person, base_url=BASE, **options))


def written(name: str, value: str) -> str:
    return f"{name}: {value}\r\n"


def read_back(name: str, value: str):
    return message_from_string(written(name, value), policy=modern)[name]


def test_letter_carries_these_headers_and_no_other():
    assert letter_headers(ENVELOPE, PERSON, base_url=BASE) == (
        ("From", "MigAct <news@example.org>"),
        ("To", "reader@example.org"),
        ("Subject", "Prague 7 meetup, City Hall vote + 3 more"),
        ("Date", "Thu, 09 May 2024 09:00:00 +0200"),
        ("Message-ID", OWN_ID),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", "en"),
        ("Reply-To", "hello@example.org"),
        ("List-Id", "MigAct news <newsletter.news.example.org>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Help", "<https://news.example.org/en/help>"),
        ("List-Owner", "<mailto:hello@example.org>"),
        ("List-Post", "NO"),
        ("Precedence", "bulk"),
        ("X-Auto-Response-Suppress", "All"),
        ("List-Archive", "<https://news.example.org/en/archive>"),
        (
            "List-Unsubscribe",
            f"<{BASE}/u/{TOKEN}>,\r\n <mailto:news@example.org?subject=unsubscribe%20{TOKEN}>",
        ),
    )


def test_mail_to_one_person_says_nothing_about_a_list():
    transactional = replace(ENVELOPE, is_bulk=False)

    assert letter_headers(transactional, PERSON, base_url=BASE) == (
        ("From", "MigAct <news@example.org>"),
        ("To", "reader@example.org"),
        ("Subject", "Prague 7 meetup, City Hall vote + 3 more"),
        ("Date", "Thu, 09 May 2024 09:00:00 +0200"),
        ("Message-ID", OWN_ID),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", "en"),
        ("Reply-To", "hello@example.org"),
    )


def test_allow_lists_are_what_the_letters_use():
    transactional = replace(ENVELOPE, is_bulk=False)

    assert headers(ENVELOPE).keys() == BULK
    assert headers(transactional).keys() == EVERY


def test_headers_without_a_value_are_left_out():
    bare = replace(ENVELOPE, reply_to="", archive_url="", help_url="")

    assert BULK - headers(bare).keys() == {"Reply-To", "List-Archive"}
    assert headers(bare)["List-Help"] == "<mailto:news@example.org?subject=help>"
    assert headers(bare)["List-Owner"] == "<mailto:news@example.org>"


def test_unsubscribe_mail_goes_where_it_is_told():
    value = headers(unsubscribe_address="leave+x&y%z@example.org")["List-Unsubscribe"]

    assert value.split("\r\n ")[1] == (
        f"<mailto:leave+x%26y%25z@example.org?subject=unsubscribe%20{TOKEN}>"
    )


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("", "<news@example.org>"),
        ("MigAct", "MigAct <news@example.org>"),
        ("MigAct z.s.", '"MigAct z.s." <news@example.org>'),
        ('A "good", (old) <name>', '"A \\"good\\", (old) <name>" <news@example.org>'),
        ("back\\slash", '"back\\\\slash" <news@example.org>'),
        ("two  spaces", '"two  spaces" <news@example.org>'),
        ("Zpráva", "=?utf-8?q?Zpr=C3=A1va?= <news@example.org>"),
        ("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <news@example.org>"),
        ("n" * 53, f"{'n' * 53} <news@example.org>"),
        ("n" * 54, f"{'n' * 54}\r\n <news@example.org>"),
    ],
)
def test_sender_is_spelt_so_that_every_reader_takes_it_alike(name, spelt):
    assert headers(replace(ENVELOPE, from_name=name))["From"] == spelt


@pytest.mark.parametrize(
    ("subject", "spelt"),
    [
        ('All (sorts), of "signs": <@>, \\ =', 'All (sorts), of "signs": <@>, \\ ='),
        ("s" * 69, "s" * 69),
        ("s" * 70, f"=?utf-8?q?{'s' * 55}?=\r\n =?utf-8?q?{'s' * 15}?="),
        (" padded ", "=?utf-8?q?_padded_?="),
        ("Schůzka v Praze 7", "=?utf-8?q?Sch=C5=AFzka_v_Praze_7?="),
        ("Зустріч", "=?utf-8?b?0JfRg9GB0YLRgNGW0Yc=?="),
        ("=?utf-8?q?hi=0D=0ABcc:_x?=", "=?utf-8?b?PT91dGYtOD9xP2hpPTBEPTBBQmNjOl94Pz0=?="),
    ],
)  # fmt: skip
def test_subject_is_spelt_plainly_where_it_can_be(subject, spelt):
    assert headers(replace(ENVELOPE, subject=subject))["Subject"] == spelt


@given(words)
def test_subject_is_read_back_as_it_was_written(subject):
    value = headers(replace(ENVELOPE, subject=subject))["Subject"]

    lines = written("Subject", value).removesuffix("\r\n").split("\r\n")
    assert read_back("Subject", value) == subject
    assert max(map(len, lines)) <= 78
    assert all(len(word) <= 75 for word in re.findall(r"=\?utf-8\?[bq]\?[^?]+\?=", value))


@given(phrases)
def test_names_are_read_back_as_they_were_written(name):
    value = headers(replace(ENVELOPE, from_name=name, list_name=name))

    # Not the modern parser: it leaves a space between two encoded words of a name.
    spelt, address = parseaddr(value["From"])
    assert (str(make_header(decode_header(spelt))), address) == (name, "news@example.org")
    assert read_back("From", value["From"]).addresses[0].addr_spec == "news@example.org"
    assert all(len(line) <= 78 for line in written("From", value["From"]).split("\r\n"))
    assert all(len(line) <= 78 for line in written("List-Id", value["List-Id"]).split("\r\n"))


TEXTS = ["from_name", "from_address", "subject", "language", "list_name", "list_domain"]
PLACES = ["reply_to", "archive_url", "help_url"]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"U+{ord(control):04X}")
def test_control_characters_are_refused_in_every_value(control):
    for field in TEXTS + PLACES:
        value = getattr(ENVELOPE, field)
        for place in (control + value, value[:4] + control + value[4:], value + control):
            with pytest.raises(UnsafeHeader):
                headers(replace(ENVELOPE, **{field: place}))
    for field in ("address", "message_id", "date"):
        with pytest.raises(UnsafeHeader):
            check_person(PERSON._replace(**{field: getattr(PERSON, field) + control}))
    with pytest.raises(UnsafeHeader):
        headers(unsubscribe_address=f"leave{control}@example.org")
    with pytest.raises(UnsafeHeader):
        letter_headers(ENVELOPE, PERSON, base_url=f"{BASE}/{control}")


@pytest.mark.parametrize("field", ["subject", "language", "from_address", "list_domain"])
def test_required_value_that_is_empty_is_refused(field):
    with pytest.raises(UnsafeHeader):
        headers(replace(ENVELOPE, **{field: ""}))


@pytest.mark.parametrize("field", ["subject", "from_name", "list_name", "archive_url"])
def test_value_that_never_ends_is_refused(field):
    value = "https://a.example/" + "x" * LONGEST

    with pytest.raises(UnsafeHeader):
        headers(replace(ENVELOPE, **{field: value}))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "reader",
        "@example.org",
        "reader@",
        "a@b@example.org",
        "a b@example.org",
        '"a b"@example.org',
        "a,b@example.org",
        "reader@example.org, other@example.org",
        "Reader <reader@example.org>",
        "reader@example.org)other@example.org",
        "reader@[127.0.0.1]",
        "böb@example.org",
        "bob@bücher.example",
        "=?utf-8?q?x?=@example.org",
        "l" * 65 + "@example.org",
        "l" * 60 + "@" + "d" * 190 + ".org",
    ],
)
def test_address_that_could_be_read_in_two_ways_is_refused(address):
    with pytest.raises(UnsafeHeader):
        check_person(PERSON._replace(address=address))


@pytest.mark.parametrize(
    "address", ["a@b.cz", "o'neil+news@xn--bcher-kva.example", "l" * 64 + "@" + "d" * 185 + ".org"]
)
def test_address_stands_on_one_line_as_it_is(address):
    assert headers(person=PERSON._replace(address=address))["To"] == address


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("archive_url", "javascript:alert(1)"),
        ("archive_url", "https://a.example/ b"),
        ("archive_url", "https://a.example/>,<mailto:x@y.example"),
        ("help_url", "https://bücher.example/"),
        ("language", "en; x"),
        ("list_domain", "a.example> <b.example"),
    ],
)
def test_value_of_another_shape_is_refused(field, value):
    with pytest.raises(UnsafeHeader):
        headers(replace(ENVELOPE, **{field: value}))


@pytest.mark.parametrize(
    "date",
    [
        "",
        "Thu, 9 May 2024 09:00:00 +0200",
        "Thu, 09 May 2024 09:00:00 GMT",
        "2024-05-09",
        "Thu, ٠٩ May 2024 09:00:00 +0200",
    ],
)
def test_date_of_another_length_is_refused(date):
    with pytest.raises(UnsafeHeader):
        check_person(PERSON._replace(date=date))


def test_unsafe_header_names_the_header_and_not_the_value():
    with pytest.raises(UnsafeHeader) as caught:
        check_person(PERSON._replace(address="secret reader@example.org"))

    assert caught.value.header == "To"
    assert str(caught.value) == (
        "The header To cannot be written: its value has another shape than this header asks for."
    )


def test_letter_without_an_unsubscribe_token_is_refused():
    with pytest.raises(ValueError, match="unsubscribe token"):
        headers(person=PERSON._replace(unsubscribe_token=""))


@pytest.mark.parametrize(
    ("moment", "value"),
    [
        (datetime(2024, 5, 9, 7, 0, tzinfo=UTC), "Thu, 09 May 2024 07:00:00 +0000"),
        (
            datetime(2024, 12, 31, 23, 59, 59, 999, tzinfo=timezone(timedelta(hours=1))),
            "Tue, 31 Dec 2024 23:59:59 +0100",
        ),
    ],
)
def test_date_value_is_the_moment_with_its_zone(moment, value):
    assert date_value(moment) == value


@given(delivery_id=st.integers(0, 2**63 - 1))
def test_message_id_begins_with_its_delivery_and_has_constant_length(delivery_id):
    value = message_id(delivery_id, SECRET, "news.example.org")

    assert int(value[1:17], 16) == delivery_id
    assert value == message_id(delivery_id, SECRET, "news.example.org")
    assert len(value) == len(OWN_ID)


@pytest.mark.parametrize(
    ("delivery_id", "domain"),
    [(-1, "a.example"), (2**64, "a.example"), (1, ""), (1, "a b"), (1, "a>")],
)
def test_message_id_outside_its_shape_is_refused(delivery_id, domain):
    with pytest.raises(UnsafeHeader):
        message_id(delivery_id, SECRET, domain)


@pytest.mark.parametrize(
    "text",
    [
        OWN_ID,
        OWN_ID.upper(),
        f"bounces+{OWN_ID[1:50]}@example.org",
        f"<{'0' * 16}.{'f' * 32}@news.example.org>\r\n {OWN_ID} <other@example.org>",
    ],
    ids=["alone", "shouted", "return path", "list"],
)
def test_delivery_is_read_from_its_mark_wherever_it_stands(text):
    assert read_message_id(text, SECRET) == 77


@pytest.mark.parametrize(
    "text",
    [
        "",
        OWN_ID.replace("<0", "<1"),
        OWN_ID.replace("@", "0@"),
        OWN_ID.replace("<", "<0"),
        message_id(77, b"another secret", "news.example.org"),
        "<" + "0" * 14 + "4d." + "0" * 32 + "@news.example.org>",
    ],
)
def test_mark_that_somebody_made_up_names_no_delivery(text):
    """A51: without the key nobody can say that a mail of ours came back."""
    assert read_message_id(text, SECRET) is None


def test_return_path_names_the_mail_and_stays_an_address():
    path = return_path("bounces@example.org", OWN_ID)

    assert path == f"bounces+{OWN_ID.strip('<>').partition('@')[0]}@example.org"
    assert read_message_id(path, SECRET) == 77
