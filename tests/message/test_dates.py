"""Moments in words: the order and the signs are each language's own."""

from datetime import UTC, date, datetime

import pytest

from mailer.domain.when import Precision, When
from mailer.i18n import Words
from mailer.message.dates import (
    DateBlock,
    date_block,
    deadline_words,
    in_words,
    moment_words,
    time_words,
)


def wall(text: str) -> datetime:
    """What the clock on the wall shows."""
    return datetime.fromisoformat(text)


EVENING = When.at(wall("2024-05-09 17:30"), wall("2024-05-09 20:00"))
NO_END = When.at(wall("2024-05-09 17:30"))
TWO_NIGHTS = When.at(wall("2024-05-09 17:30"), wall("2024-05-10 20:00"))
ONE_DAY = When.on(date(2024, 5, 9))
FOUR_DAYS = When.on(date(2024, 5, 9), date(2024, 5, 12))
NOON = When.at(wall("2024-05-02 12:00"))
LONDON = When.at(wall("2024-05-09 17:30"), tz="Europe/London")


@pytest.mark.parametrize(
    ("when", "lang", "words"),
    [
        (EVENING, "en", "Thu 9 May, 17:30–20:00"),
        (EVENING, "cs", "čt 9. 5. 17:30–20:00"),
        (EVENING, "uk", "чт, 9 трав., 17:30–20:00"),
        (EVENING, "ar", "الخميس، 9 مايو، 17:30–20:00"),
        (NO_END, "en", "Thu 9 May, 17:30"),
        (TWO_NIGHTS, "en", "Thu 9 May, 17:30 – Fri 10 May, 20:00"),
        (TWO_NIGHTS, "cs", "čt 9. 5. 17:30 – pá 10. 5. 20:00"),
        (ONE_DAY, "en", "Thu 9 May"),
        (ONE_DAY, "uk", "чт, 9 трав."),
        (FOUR_DAYS, "cs", "čt 9. 5. – ne 12. 5."),
        (FOUR_DAYS, "ar", "الخميس، 9 – الأحد، 12 مايو"),
        (When.month(2026, 12), "en", "December 2026"),
        (When.month(2026, 12), "cs", "prosinec 2026"),
        (When.month(2026, 12), "ar", "ديسمبر 2026"),
        (When.months((2027, 4), (2027, 5)), "cs", "duben–květen 2027"),
        (When.in_season("spring", 2027), "en", "spring 2027"),
        (When.year(2027), "uk", "2027"),
        (When.unknown("soon"), "en", "date not known yet"),
        (EVENING, "ru", "Thu 9 May, 17:30–20:00"),
    ],
)
def test_in_words_follows_the_language_and_the_precision(when: When, lang: str, words: str) -> None:
    # CLDR sets thin and narrow spaces that no reader can tell apart.
    assert " ".join(in_words(when, lang).split()) == words


@pytest.mark.parametrize(
    ("when", "lang", "words"),
    [
        (EVENING, "en", "Thursday, 9 May 2024, 17:30–20:00"),
        (ONE_DAY, "cs", "čtvrtek 9. května 2024"),
        (ONE_DAY, "uk", "четвер, 9 травня 2024 р."),
    ],
)
def test_in_words_in_full_adds_the_year(when: When, lang: str, words: str) -> None:
    assert " ".join(in_words(when, lang, full=True).split()) == words


def test_in_words_of_a_winter_across_two_years_names_both() -> None:
    across = When(Precision.SEASON, date(2026, 12, 1), date(2027, 2, 28), season="winter")

    assert in_words(across, "en") == "winter 2026/27"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (datetime(2024, 5, 8, 21, 59, tzinfo=UTC), "Thu 9 May – Sun 12 May"),
        (datetime(2024, 5, 8, 22, 0, tzinfo=UTC), "until Sun 12 May"),
    ],
)
def test_in_words_says_until_from_the_first_local_midnight_on(now: datetime, words: str) -> None:
    assert " ".join(in_words(FOUR_DAYS, "en", now=now).split()) == words


@pytest.mark.parametrize(
    ("when", "tz", "words"),
    [
        (LONDON, "Europe/Prague", "Thu 9 May, 17:30 (London time)"),
        (LONDON, "Europe/London", "Thu 9 May, 17:30"),
        (LONDON, "", "Thu 9 May, 17:30"),
        (When.on(date(2024, 5, 9), tz="Europe/London"), "Europe/Prague", "Thu 9 May"),
    ],
)
def test_in_words_names_the_zone_of_a_time_from_elsewhere(when: When, tz: str, words: str) -> None:
    assert in_words(when, "en", tz=tz) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (EVENING, "17:30–20:00"),
        (NO_END, "17:30"),
        (ONE_DAY, ""),
        (FOUR_DAYS, "Thu 9 May – Sun 12 May"),
    ],
)
def test_time_words_say_what_the_calendar_leaf_does_not(when: When, words: str) -> None:
    assert " ".join(time_words(when, "en").split()) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (NOON, "by Thu 2 May, 12:00 (Prague time)"),
        (EVENING, "by Thu 9 May, 20:00 (Prague time)"),
        (ONE_DAY, "by Thu 9 May"),
        (FOUR_DAYS, "by Sun 12 May"),
        (When.month(2026, 12), "December 2026"),
    ],
)
def test_deadline_words_name_the_last_moment(when: When, words: str) -> None:
    assert deadline_words(when, "en") == words


def test_deadline_words_use_the_sentence_of_the_language() -> None:
    words = Words("cs")
    zone = words.say("%(city)s time", city="Praha")

    said = deadline_words(NOON, "cs")

    assert said == f"{words.say('by %(date)s', date='čt 2. 5. 12:00')} ({zone})"


@pytest.mark.parametrize(
    ("lang", "leaf"),
    [
        ("en", DateBlock("Thu", "9", "May")),
        ("cs", DateBlock("čt", "9.", "května")),
        ("uk", DateBlock("чт", "9", "травня")),
        ("ar", DateBlock("الخميس", "9", "مايو")),
    ],
)
def test_date_block_keeps_the_case_that_a_date_has(lang: str, leaf: DateBlock) -> None:
    assert date_block(EVENING, lang) == leaf


@pytest.mark.parametrize("when", [When.month(2026, 12), When.unknown("soon")])
def test_date_block_is_none_without_a_day(when: When) -> None:
    assert date_block(when, "en") is None


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2027, 5, 6, 7, 0, tzinfo=UTC), "Thu 6 May, 09:00 (Prague time)"),
        (datetime(2027, 1, 7, 8, 0, tzinfo=UTC), "Thu 7 Jan, 09:00 (Prague time)"),
    ],
)
def test_moment_words_stay_nine_o_clock_in_summer_and_winter(moment: datetime, words: str) -> None:
    assert moment_words(moment, "Europe/Prague", "en") == words
