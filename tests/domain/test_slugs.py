"""Addresses made from titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.slugs import LONGEST, make_slug


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Your City, Your Voice: follow-up", "your-city-your-voice-follow-up"),
        ("Příliš žluťoučký kůň", "prilis-zlutoucky-kun"),
        ("Громадська участь у Празі", "hromadska-uchast-u-prazi"),
        ("Объезд и ёлка", "obezd-y-elka"),
        ("Зустріч у Києві: чай", "zustrich-u-kyievi-chay"),
        ("Cộng đồng Việt", "cong-dong-viet"),
        ("١٥ ديسمبر", "event"),
        ("…", "event"),
    ],
)
def test_make_slug_says_the_title_in_ascii(title: str, slug: str) -> None:
    assert make_slug(title, "event", lambda _: False) == slug


def test_make_slug_counts_on_until_it_is_free() -> None:
    taken = {"meetup", "meetup-2"}

    assert make_slug("Meetup", "event", taken.__contains__) == "meetup-3"


def test_make_slug_ends_with_a_whole_word() -> None:
    assert make_slug("democracy " * 9, "event", lambda _: False) == "-".join(["democracy"] * 6)


@given(st.text())
def test_make_slug_fits_into_any_address(title: str) -> None:
    slug = make_slug(title, "event", lambda _: False)

    assert 1 <= len(slug) <= LONGEST
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not slug.startswith("-")
    assert not slug.endswith("-")
