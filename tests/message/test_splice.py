"""Spliced bytes are the reference builder's bytes, whatever the letter and whoever the reader."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.message.build import build
from mailer.message.headers import UnsafeHeader
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.splice import cut
from mailer.message.values import Envelope, Person, Rendered

BASE = "https://news.example.org"
ENVELOPE = Envelope(
    from_name="MigAct z.s.",
    from_address="news@example.org",
    subject="Зустріч у Празі 7 і голосування + 3",
    language="uk",
    list_name="Новини",
    list_domain="news.example.org",
    reply_to="hello@example.org",
    archive_url="https://news.example.org/uk/archive",
)
PERSON = Person(
    address="reader@example.org",
    message_id="<000000000000004d.0123456789abcdef0123456789abcdef@news.example.org>",
    date="Thu, 09 May 2024 09:00:00 +0200",
    unsubscribe_token="uvwxyz_-" * 4 + "." + "ABCDEFGHIJ" * 4 + "KLM",
    preferences_token="01234567" * 4 + "." + "abcdefghij" * 4 + "klm",
)
ENGLISH = "A meeting with the city council = 17:30. "
UKRAINIAN = "Зустріч із міською радою о 17:30. "

tokens = st.from_regex(r"[A-Za-z0-9_-]{32}\.[A-Za-z0-9_-]{43}", fullmatch=True)
atoms = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+/_`{|}~.-", min_size=1)
people = st.builds(
    Person,
    address=st.builds(
        lambda local, domain: f"{local[:64]}@{domain}.org",
        st.one_of(atoms, st.just("l" * 64)),
        st.from_regex(r"[a-z0-9-]{1,185}", fullmatch=True),
    ),
    message_id=st.from_regex(r"<[0-9a-f]{16}\.[0-9a-f]{32}@[a-z0-9.-]{1,60}>", fullmatch=True),
    date=st.datetimes().map(lambda moment: moment.strftime("Thu, %d May 2024 %H:%M:%S +0200")),
    unsubscribe_token=tokens,
    preferences_token=tokens,
)
words = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=200,
)
envelopes = st.builds(
    replace,
    st.just(ENVELOPE),
    subject=words,
    from_name=words,
    list_name=words,
    is_bulk=st.booleans(),
    reply_to=st.sampled_from(["", "hello@example.org", "l" * 64 + "@" + "d" * 150 + ".org"]),
)
fragments = st.one_of(
    st.sampled_from([UNSUBSCRIBE, PREFERENCES, UNSUBSCRIBE[:-1], UNSUBSCRIBE + "x"]),
    st.sampled_from(["\n", "\r\n", "\r", "\n.\n", "=", "=\n", " \n", "\nTo: x\nDate: y\n", "--=_"]),
    st.sampled_from([ENGLISH * 9, UKRAINIAN * 9, "x" * 1200, "я" * 500, "👩‍👩‍👧‍👦", "العربية"]),
    st.integers(1, 80).map(lambda length: "x" * length),
    st.text(st.characters(exclude_categories=["Cs"])),
)
bodies = st.lists(fragments, max_size=15).map("".join)


def both(rendered: Rendered, envelope: Envelope, person: Person) -> tuple[bytes, bytes]:
    return (
        cut(rendered, envelope, base_url=BASE).splice(person),
        build(rendered, envelope, person, base_url=BASE),
    )


@given(text=bodies, html=bodies, envelope=envelopes, person=people)
def test_spliced_letter_is_the_built_letter(text, html, envelope, person):
    spliced, built = both(Rendered("", "", html, text, "en"), envelope, person)

    assert spliced == built


@given(readers=st.lists(people, min_size=2, max_size=5))
def test_one_cut_serves_many_people_and_forgets_each(readers):
    letter = Rendered("", "", f"{UKRAINIAN}{UNSUBSCRIBE}\n", f"{ENGLISH}{PREFERENCES}\n", "uk")
    pieces = cut(letter, ENVELOPE, base_url=BASE)

    spliced = [pieces.splice(person) for person in readers]

    assert spliced == [build(letter, ENVELOPE, person, base_url=BASE) for person in readers]


@pytest.mark.parametrize("filler", ["x", "я", "="])
@pytest.mark.parametrize("between", ["", "\n", " \n", "я", "=", "x" * 10, "я" * 40])
def test_slots_at_every_place_of_a_line_are_found(filler, between):
    differing = [
        (before, after)
        for before in range(80)
        for after in (0, 200)
        if len(set(both(_around(filler, before, between, after), ENVELOPE, PERSON))) > 1
    ]

    assert differing == []


def _around(filler: str, before: int, between: str, after: int) -> Rendered:
    body = f"{filler * before}{UNSUBSCRIBE}{between}{PREFERENCES}{UNSUBSCRIBE}{filler * after}"
    return Rendered("", "", body, body + "\n", "en")


def test_no_slot_is_left_in_a_spliced_letter():
    letter = Rendered("", "", f"{ENGLISH}{UNSUBSCRIBE}{PREFERENCES}", ENGLISH, "en")

    spliced = cut(letter, ENVELOPE, base_url=BASE).splice(PERSON).replace(b"=\r\n", b"")

    assert spliced.count(b"SLOT-") == 0
    assert spliced.count(PERSON.unsubscribe_token.encode()) == 3
    assert spliced.count(PERSON.preferences_token.encode()) == 1


def test_unsubscribe_address_reaches_the_spliced_letter():
    letter = Rendered("", "", "<p></p>", "Hello\n", "en")
    places = {"base_url": "http://localhost:8000", "unsubscribe_address": "leave@example.org"}

    spliced = cut(letter, ENVELOPE, **places).splice(PERSON)

    assert spliced == build(letter, ENVELOPE, PERSON, **places)
    assert spliced.count(b"<mailto:leave@example.org?") == 1


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("unsubscribe_token", "", ValueError),
        ("unsubscribe_token", "t" * 75, ValueError),
        ("unsubscribe_token", "t" * 77, ValueError),
        ("unsubscribe_token", "t" * 75 + "\n", ValueError),
        ("preferences_token", "t" * 75, ValueError),
        ("preferences_token", "t" * 75 + "=", ValueError),
        ("address", "reader@example.org\r\nBcc: x@y.example", UnsafeHeader),
        ("address", "reader@example.org,x@y.example", UnsafeHeader),
        ("address", "=?utf-8?q?=0D=0ABcc?=@example.org", UnsafeHeader),
        ("address", "böb@example.org", UnsafeHeader),
        ("message_id", "<x@y>\r\nBcc: x@y.example", UnsafeHeader),
        ("message_id", "<short@news.example.org>", UnsafeHeader),
        ("date", "Thu, 09 May 2024 09:00:00 +0200\r\n\r\nbody", UnsafeHeader),
        ("date", "Thu, 9 May 2024 09:00:00 +0200", UnsafeHeader),
    ],
)
@pytest.mark.parametrize("filler", [ENGLISH, UKRAINIAN])
def test_person_that_does_not_fit_is_refused_by_both_builders(filler, field, value, error):
    letter = Rendered("", "", filler + UNSUBSCRIBE, filler + PREFERENCES, "en")
    pieces = cut(letter, ENVELOPE, base_url=BASE)
    person = PERSON._replace(**{field: value})

    with pytest.raises(error) as by_splice:
        pieces.splice(person)
    with pytest.raises(error) as by_build:
        build(letter, ENVELOPE, person, base_url=BASE)
    assert str(by_splice.value) == str(by_build.value)


def test_token_that_no_slot_asks_for_may_be_missing():
    letter = Rendered("", "", "<p></p>", "Hello\n", "en")
    envelope = replace(ENVELOPE, is_bulk=False)
    person = PERSON._replace(unsubscribe_token="", preferences_token="")

    spliced, built = both(letter, envelope, person)

    assert spliced == built


def test_letter_with_an_unsafe_header_is_refused_before_anybody_is_asked():
    letter = Rendered("", "", "<p></p>", "Hello\n", "en")

    with pytest.raises(UnsafeHeader):
        cut(letter, replace(ENVELOPE, subject="Hello\r\nBcc: x@y.example"), base_url=BASE)
