"""What signed links hold and what they refuse (security matrix A14-A20, A31; fault F35)."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from mailer.domain.errors import BadLink, ExpiredLink
from mailer.message.links import LIFETIMES, LONGEST, SKEW, Links, Purpose, ReaderLink, TimedLink
from mailer.message.slots import TOKEN_LENGTH

OLD, NEW = "an old key of forty characters, or so ...", "a new key of forty characters, or so ..."
NOW = datetime(2024, 5, 9, 9, 0, tzinfo=UTC)
READER = UUID("6f1de1a7-5b0e-4e0a-9d2b-0c8d3f1f2a34")
LINKS = Links([OLD, NEW])

MALFORMED = {
    "empty": "",
    "words": "not a token",
    "only dots": "." * TOKEN_LENGTH,
    "right length, unsigned": "A" * TOKEN_LENGTH,
    "right shape, unsigned": "A" * 32 + "." + "A" * 43,
    "NUL": "A" * 32 + ".\x00" + "A" * 42,
    "lone surrogate": "\ud800" * TOKEN_LENGTH,
    "not ASCII": "ц" * TOKEN_LENGTH,
    "a megabyte": "A" * 1_000_000,
    "a megabyte of dots": "." * 1_000_000,
    "huge moment": "ImEi." + "_" * 400 + ".AAAA",
}


def timed(purpose: Purpose = Purpose.CONFIRM, now: datetime = NOW) -> str:
    return LINKS.make(purpose, "reader@example.org", {"language": "uk"}, now, "jti-1")


@given(subscriber=st.uuids(), delivery_id=st.integers(-(2**63), 2**63 - 1))
def test_reader_tokens_give_back_what_was_signed_in_constant_length(subscriber, delivery_id):
    unsubscribe = LINKS.unsubscribe_token(subscriber, delivery_id)
    preferences = LINKS.preferences_token(subscriber, delivery_id)

    assert LINKS.read_unsubscribe(unsubscribe) == ReaderLink(subscriber, delivery_id)
    assert LINKS.read_preferences(preferences) == ReaderLink(subscriber, delivery_id)
    assert (len(unsubscribe), len(preferences)) == (TOKEN_LENGTH, TOKEN_LENGTH)


def test_reader_token_is_what_itsdangerous_signs():
    signer = Signer(
        [OLD, NEW],
        salt="mailer.links.unsubscribe",
        key_derivation="hmac",
        digest_method=sha256,
    )
    payload = urlsafe_b64encode(READER.bytes + (77).to_bytes(8, "big"))

    token = LINKS.unsubscribe_token(READER, 77)

    assert token == signer.sign(payload).decode()
    assert signer.unsign(token) == payload


def test_reader_token_without_a_delivery_names_delivery_zero():
    token = LINKS.preferences_token(READER)

    assert LINKS.read_preferences(token) == ReaderLink(READER, 0)


def test_reader_token_of_another_purpose_is_refused():
    with pytest.raises(BadLink):
        LINKS.read_preferences(LINKS.unsubscribe_token(READER, 77))
    with pytest.raises(BadLink):
        LINKS.read_unsubscribe(LINKS.preferences_token(READER, 77))


@pytest.mark.parametrize("at", range(TOKEN_LENGTH - 1))
def test_reader_token_with_one_character_changed_is_refused(at):
    token = LINKS.unsubscribe_token(READER, 77)
    changed = "A" if token[at] != "A" else "B"

    with pytest.raises(BadLink):
        LINKS.read_unsubscribe(token[:at] + changed + token[at + 1 :])


@pytest.mark.parametrize("appended", ["=", "\n", " ", "."])
def test_reader_token_with_something_appended_is_refused(appended):
    with pytest.raises(BadLink):
        LINKS.read_unsubscribe(LINKS.unsubscribe_token(READER, 77) + appended)


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_token_is_a_bad_link_wherever_it_is_read(token):
    with pytest.raises(BadLink):
        LINKS.read_unsubscribe(token)
    with pytest.raises(BadLink):
        LINKS.read_preferences(token)
    with pytest.raises(BadLink):
        LINKS.read_form_token(token, NOW)
    for purpose in Purpose:
        with pytest.raises(BadLink):
            LINKS.read(purpose, token, NOW)


@given(
    token=st.one_of(
        st.text(),
        st.text(alphabet=st.characters(codec="ascii")),
        st.from_regex(r"[A-Za-z0-9_-]{32}\.[A-Za-z0-9_-]{43}", fullmatch=True),
        st.from_regex(r"\.?[A-Za-z0-9_=-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_=-]*", fullmatch=True),
    )
)
def test_anything_unsigned_is_a_bad_link_and_no_other_error(token):
    with pytest.raises(BadLink):
        LINKS.read_unsubscribe(token)
    with pytest.raises(BadLink):
        LINKS.read(Purpose.CONFIRM, token, NOW)


def test_old_keys_verify_and_the_newest_signs():
    before, after = Links([OLD]), Links([NEW])
    old_token = before.unsubscribe_token(READER, 77)
    old_timed = before.make(Purpose.CONFIRM, 5, {}, NOW, "jti-1")

    assert LINKS.read_unsubscribe(old_token) == ReaderLink(READER, 77)
    assert LINKS.read(Purpose.CONFIRM, old_timed, NOW) == TimedLink(5, {}, "jti-1", NOW)
    assert LINKS.unsubscribe_token(READER, 77) == after.unsubscribe_token(READER, 77)
    with pytest.raises(BadLink):
        after.read_unsubscribe(old_token)
    with pytest.raises(BadLink):
        after.read(Purpose.CONFIRM, old_timed, NOW)


def test_one_key_in_place_of_a_list_is_refused():
    with pytest.raises(TypeError):
        Links(OLD)


@pytest.mark.parametrize("subject", ["reader@example.org", "böb@example.org", 42, -1])
@pytest.mark.parametrize("purpose", Purpose)
def test_timed_link_gives_back_all_that_was_signed(purpose, subject):
    extra = {"language": "uk", "name": "Ольга\x00\u2028"}

    token = LINKS.make(purpose, subject, extra, NOW, "jti-1")

    assert LINKS.read(purpose, token, NOW) == TimedLink(subject, extra, "jti-1", NOW)


@pytest.mark.parametrize("other", Purpose)
@pytest.mark.parametrize("purpose", Purpose)
def test_timed_link_opens_its_own_purpose_only(purpose, other):
    token = timed(purpose)

    if purpose is other:
        assert LINKS.read(other, token, NOW).jti == "jti-1"
        return

    with pytest.raises(BadLink):
        LINKS.read(other, token, NOW)


@pytest.mark.parametrize(
    ("purpose", "lifetime"),
    [
        (Purpose.CONFIRM, timedelta(days=7)),
        (Purpose.ADDRESS_CHANGE, timedelta(days=7)),
        (Purpose.DESK_INVITE, timedelta(hours=48)),
    ],
)
def test_timed_link_holds_for_its_lifetime_and_no_longer(purpose, lifetime):
    token = timed(purpose)

    assert LIFETIMES[purpose] == lifetime
    assert LINKS.read(purpose, token, NOW + lifetime).issued_at == NOW
    with pytest.raises(ExpiredLink):
        LINKS.read(purpose, token, NOW + lifetime + timedelta(seconds=1))


def test_timed_link_survives_a_clock_set_back_five_minutes_and_no_more():
    token = timed(now=NOW + SKEW)

    assert timedelta(minutes=5) == SKEW
    assert LINKS.read(Purpose.CONFIRM, token, NOW).issued_at == NOW + SKEW
    with pytest.raises(BadLink):
        LINKS.read(Purpose.CONFIRM, token, NOW - timedelta(seconds=1))


def test_timed_link_spelt_in_another_way_still_has_the_same_jti():
    token = timed()

    assert LINKS.read(Purpose.CONFIRM, token + "=", NOW).jti == "jti-1"


def test_timed_link_signed_at_the_end_of_time_is_a_bad_link():
    token = timed(now=datetime(9999, 12, 31, tzinfo=UTC))

    with pytest.raises(BadLink):
        LINKS.read(Purpose.CONFIRM, token, NOW)


def test_timed_link_with_more_than_fits_is_refused_when_made():
    extra = {str(number): sha256(b"%d" % number).hexdigest() for number in range(LONGEST // 32)}

    with pytest.raises(ValueError, match="too long"):
        LINKS.make(Purpose.CONFIRM, 5, extra, NOW, "jti-1")


@pytest.mark.parametrize("age", [timedelta(0), timedelta(seconds=7), timedelta(days=400), -SKEW])
def test_form_token_tells_its_age(age):
    token = LINKS.form_token(NOW)

    assert LINKS.read_form_token(token, NOW + age) == age


def test_form_token_counts_whole_seconds():
    token = LINKS.form_token(NOW + timedelta(microseconds=900_000))
    age = LINKS.read_form_token(token, NOW + timedelta(seconds=3, microseconds=100_000))

    assert age == timedelta(seconds=3)


def test_form_token_from_the_future_or_of_another_purpose_is_refused():
    with pytest.raises(BadLink):
        LINKS.read_form_token(LINKS.form_token(NOW + SKEW + timedelta(seconds=1)), NOW)
    with pytest.raises(BadLink):
        LINKS.read_form_token(timed(), NOW)
    with pytest.raises(BadLink):
        LINKS.read(Purpose.CONFIRM, LINKS.form_token(NOW), NOW)
