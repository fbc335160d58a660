"""Dates as people write them: what is read, what is only noted, what stays unknown."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.dates import Reading, echo, read_dates
from mailer.domain.when import Confidence, Precision, When

UNREAD = "This could not be read as a date. Give the day, the month and the year."
SPAN_OR_TWO = "One span or two occasions? It was read as one span."
APART = "These are two separate dates, not one span. Enter them one by one."
UNEVEN = "The two ends are written in different ways. Write both in full."
TODAY = date(2024, 3, 1)


def day(text: str) -> When:
    first, _, last = text.partition("/")
    return When.on(date.fromisoformat(first), date.fromisoformat(last or first))


def at(start: str, end: str | None = None) -> When:
    return When.at(datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None)


def essence(when: When) -> tuple[object, ...]:
    """All of a moment but its text and how far it is trusted."""
    return when.precision, when.starts_on, when.ends_on, when.starts_at, when.ends_at, when.season


PLAIN = [
    # the notations of the first user's site and its neighbours
    ("01.05.2024-31.12.2024", day("2024-05-01/2024-12-31")),
    ("1. 4. 2022 – 30. 9. 2023", day("2022-04-01/2023-09-30")),
    ("1.5. 2016 – 31.12. 2016", day("2016-05-01/2016-12-31")),
    ("21.09.2023", day("2023-09-21")),
    ("December, 2023", When.month(2023, 12)),
    ("17th April 2023, 5 to 7:30 p.m.", at("2023-04-17T17:00", "2023-04-17T19:30")),
    ("4. 2018–12. 2018", When.months((2018, 4), (2018, 12))),
    ("5/2023 – 12/2023", When.months((2023, 5), (2023, 12))),
    ("červenec 2022 – červen 2023", When.months((2022, 7), (2023, 6))),
    ("16-17 April 2018", day("2018-04-16/2018-04-17")),
    ("4. 4. 2023, 13:00-16:00", at("2023-04-04T13:00", "2023-04-04T16:00")),
    ("2 May 2024 12:00", at("2024-05-02T12:00")),
    ("2024-05-02 12:00", at("2024-05-02T12:00")),
    ("2024-05-02T12:00:00", at("2024-05-02T12:00")),
    ("2024-05-02", day("2024-05-02")),
    ("Wednesday 15 June 2022", day("2022-06-15")),
    ("středa 15. 6. 2022", day("2022-06-15")),
    ("середа, 15 червня 2022 року", day("2022-06-15")),
    ("п’ятниця 17. 6. 2022", day("2022-06-17")),
    ("Wed. 15 June 2022", day("2022-06-15")),
    # months by name
    ("1. července 2022 – 3. srpna 2022", day("2022-07-01/2022-08-03")),
    ("липень 2022 – червень 2023", When.months((2022, 7), (2023, 6))),
    ("5 травня 2024", day("2024-05-05")),
    ("v listopadu 2023", When.month(2023, 11)),
    ("Sept. 2023", When.month(2023, 9)),
    ("May 6, 2024", day("2024-05-06")),
    ("the 6th of May 2024", day("2024-05-06")),
    # spans that share a month or a year
    ("1.-3. 5. 2024", day("2024-05-01/2024-05-03")),
    ("18 Sep – 13 Nov 2018", day("2018-09-18/2018-11-13")),
    ("4.–12. 2018", When.months((2018, 4), (2018, 12))),
    ("from 1 May 2024 to 3 May 2024", day("2024-05-01/2024-05-03")),
    # other separators and spaces
    ("21/09/2023", day("2023-09-21")),
    ("1.\u00a05.\u00a02024\u00a0\u2014\u00a03.\u00a05.\u00a02024", day("2024-05-01/2024-05-03")),
    ("2023", When.year(2023)),
    # times
    ("15. 6. 2022 v 17 hodin", at("2022-06-15T17:00")),
    ("15. 6. 2022 od 17.00 do 19.30 hod.", at("2022-06-15T17:00", "2022-06-15T19:30")),
    ("середа 15 червня 2022 о 17:00", at("2022-06-15T17:00")),
    ("2 May 2024 from 5pm", at("2024-05-02T17:00")),
    ("5 May 2024, 11 to 1 pm", at("2024-05-05T11:00", "2024-05-05T13:00")),
    ("5 May 2024, 10 am - 2", at("2024-05-05T10:00", "2024-05-05T14:00")),
    ("5 May 2024, 12 am", at("2024-05-05T00:00")),
    ("5 May 2024, 17:00-19", at("2024-05-05T17:00", "2024-05-05T19:00")),
    ("4 May 2024 20:00 – 5 May 2024 02:00", at("2024-05-04T20:00", "2024-05-05T02:00")),
]


@pytest.mark.parametrize(("text", "when"), PLAIN)
def test_dates_plain_notation_is_read_exactly(text: str, when: When) -> None:
    reading = read_dates(text)

    assert essence(reading.when) == essence(when)
    assert (reading.when.confidence, reading.notes) == (Confidence.EXACT, ())


@pytest.mark.parametrize(
    ("text", "when", "confidence", "note"),
    [
        (
            "April and May, 2023",
            When.months((2023, 4), (2023, 5)),
            *("approximate", SPAN_OR_TWO),
        ),
        ("v dubnu a květnu 2023", When.months((2023, 4), (2023, 5)), "approximate", SPAN_OR_TWO),
        ("16 and 17 April 2018", day("2018-04-16/2018-04-17"), "approximate", SPAN_OR_TWO),
        ("18 Sep 2018 and 13 Nov 2018", day("2018-09-18/2018-11-13"), "doubtful", APART),
        (
            "December 2022 and January 2023",
            When.months((2022, 12), (2023, 1)),
            "approximate",
            SPAN_OR_TWO,
        ),
        ("April and June 2023", When.months((2023, 4), (2023, 6)), "doubtful", APART),
        (
            "Winter, 2023",
            When.in_season("winter", 2023),
            "approximate",
            (
                "“Winter 2023” can be January to March 2023 or December 2023 to February 2024. "
                "It was read as the first."
            ),
        ),
        (
            "Tuesday 15 June 2022",
            day("2022-06-15"),
            *("doubtful", "The text says Tuesday, but 15. 6. 2022 is a Wednesday."),
        ),
        (
            "úterý 15. 6. 2022, 17:00–19:30",
            at("2022-06-15T17:00", "2022-06-15T19:30"),
            *("doubtful", "The text says Tuesday, but 15. 6. 2022 is a Wednesday."),
        ),
        (
            "2022 – 2023",
            When.months((2022, 1), (2023, 12)),
            "approximate",
            "Only years are given: read from January of the first to December of the last.",
        ),
        (
            "15. 12. – 10. 1. 2024",
            day("2023-12-15/2024-01-10"),
            *("approximate", "The start has no year; 2023 was taken."),
        ),
        (
            "4 May 2024, 20:00–02:00",
            at("2024-05-04T20:00", "2024-05-05T02:00"),
            *("exact", "It ends after midnight, so on the next day."),
        ),
        (
            "until 2 May 2024 12:00",
            at("2024-05-02T12:00"),
            *("exact", "The text gives only an end."),
        ),
        (
            "od 1. 5. 2024",
            day("2024-05-01"),
            *("approximate", "The text gives only a start."),
        ),
    ],
)
def test_dates_assumption_is_noted(text: str, when: When, confidence: str, note: str) -> None:
    reading = read_dates(text)

    assert essence(reading.when) == essence(when)
    assert (reading.when.confidence.value, reading.notes) == (confidence, (note,))


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("winter 2023/24", When.across_winter(2023)),
        ("Winter, 2023–2024", When.across_winter(2023)),
        ("Summer 2023", When.in_season("summer", 2023)),
        ("podzim 2022", When.in_season("autumn", 2022)),
        ("весна 2022", When.in_season("spring", 2022)),
    ],
)
def test_dates_season_is_approximate(text: str, when: When) -> None:
    reading = read_dates(text)

    assert essence(reading.when) == essence(when)
    assert (reading.when.confidence, reading.notes) == (Confidence.APPROXIMATE, ())


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("garbage", UNREAD),
        ("TBA", UNREAD),
        ("early 2023", UNREAD),
        ("17:00–19:30", UNREAD),
        ("15 June 2022, 17", UNREAD),
        ("1 2. 5. 2024", UNREAD),
        ("1. 5. 24", "The text gives no year. Write the year too."),
        ("20.4.202312", UNREAD),
        ("16-17-18 April 2018", UNREAD),
        ("Wednesday June 2022", UNREAD),
        ("summer 2023/24", UNREAD),
        ("winter 2023/25", UNREAD),
        ("6 May – 7 May 2024 20:00", UNREAD),
        ("1 and 17:00", UNREAD),
        ("2023-12", UNEVEN),
        ("5/2023 – 1. 12. 2023", UNEVEN),
        (
            "Winter 2022 – Spring 2023",
            "A span of seasons has no clear first and last day. Write the months.",
        ),
        ("31. 2. 2023", "There is no day 31. 2. 2023. Check the day and the month."),
        ("5.30.2024", "There is no day 5. 30. 2024. Check the day and the month."),
        ("13/2023", "There is no month 13. Use 1 to 12."),
        ("3 May 0001", "The year 1 is not possible. Use 1800 to 2199."),
        ("5 May 2024 25:00", "There is no such time. Use 0:00 to 23:59, or am and pm."),
        ("5 May 2024 13 pm", "There is no such time. Use 0:00 to 23:59, or am and pm."),
        ("5 May 2024, 20:00–19:00", "The end (19:00) is before the start (20:00). Swap them."),
        (
            "31. 3. 2024, 2:30",
            (
                "02:30 on 31.03.2024 does not exist in Europe/Prague: the clocks jump forward "
                "then. Choose a time one hour later."
            ),
        ),
        ("15. 6., 17:00–19:30", "The text gives no year. Write the year too."),
        ("December", "The text gives no year. Write the year too."),
    ],
)
def test_dates_unreadable_stays_unknown_with_its_text(text: str, note: str) -> None:
    reading = read_dates(text)

    assert reading == Reading(When.unknown(text), (note,))


@pytest.mark.parametrize("text", [None, "", " \u00a0\u200b\n"])
def test_dates_nothing_is_unknown_without_a_note(text: str | None) -> None:
    reading = read_dates(text)

    assert reading == Reading(When.unknown())


def test_dates_keep_the_text_as_written_with_plain_spaces() -> None:
    reading = read_dates(" 1.\u00a04. 2022 –  30. 9. 2023 ")

    assert reading.when.raw == "1. 4. 2022 – 30. 9. 2023"


def test_dates_year_hint_fills_a_missing_year() -> None:
    reading = read_dates("15. 6., 17:00–19:30", year_hint=2022, today=TODAY)

    assert essence(reading.when) == essence(at("2022-06-15T17:00", "2022-06-15T19:30"))
    assert reading.when.confidence is Confidence.EXACT
    assert reading.notes == ("The text gives no year; 2022 was taken.",)


@pytest.mark.parametrize(
    ("text", "when", "year"),
    [
        ("6 May 17:30-20:00", at("2024-05-06T17:30", "2024-05-06T20:00"), 2024),
        ("1. 3.", day("2024-03-01"), 2024),
        ("29. 2.", day("2028-02-29"), 2028),
        ("15. 6., 17:00", at("2024-06-15T17:00"), 2024),
        ("28. 2.", day("2025-02-28"), 2025),
        ("March", When.month(2024, 3), 2024),
        ("February", When.month(2025, 2), 2025),
    ],
)
def test_dates_missing_year_is_that_of_the_next_such_date(text: str, when: When, year: int) -> None:
    reading = read_dates(text, today=TODAY)

    assert essence(reading.when) == essence(when)
    assert reading.when.confidence is Confidence.APPROXIMATE
    assert reading.notes == (f"The text gives no year; the next such date, in {year}, was taken.",)


def test_dates_weekday_is_checked_against_an_assumed_year() -> None:
    reading = read_dates("středa 15. 6.", today=TODAY)

    assert reading.when.confidence is Confidence.DOUBTFUL
    assert reading.notes == (
        "The text gives no year; the next such date, in 2024, was taken.",
        "The text says Wednesday, but 15. 6. 2024 is a Saturday.",
    )


@pytest.mark.parametrize("text", ["30. 2.", "5. 13."])
def test_dates_day_that_no_year_has_is_unknown(text: str) -> None:
    reading = read_dates(text, today=TODAY)

    assert reading.notes == (f"There is no day {text} Check the day and the month.",)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (
            at("2022-06-15T17:00", "2022-06-15T19:30"),
            "Wednesday 15 June 2022, 17:00–19:30",
        ),
        (at("2024-05-02T12:00"), "Thursday 2 May 2024, 12:00"),
        (
            at("2024-05-04T20:00", "2024-05-05T02:00"),
            "Saturday 4 May 2024, 20:00 – Sunday 5 May 2024, 02:00",
        ),
        (day("2023-09-21"), "Thursday 21 September 2023"),
        (day("2018-04-16/2018-04-17"), "Monday 16 April 2018 – Tuesday 17 April 2018"),
        (When.month(2023, 12), "December 2023"),
        (When.months((2023, 4), (2023, 5)), "April and May 2023"),
        (When.months((2018, 4), (2018, 12)), "April – December 2018"),
        (When.months((2022, 7), (2023, 6)), "July 2022 – June 2023"),
        (When.in_season("winter", 2023), "winter 2023"),
        (When.across_winter(2023), "winter 2023/24"),
        (When.year(2023), "2023"),
        (When.unknown("soon"), "no date"),
    ],
)
def test_echo_says_a_moment_in_words(when: When, words: str) -> None:
    assert echo(when) == words


DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 12, 31))


@given(value=DAYS)
def test_dates_read_back_what_echo_says(value: date) -> None:
    reading = read_dates(echo(When.on(value)))

    assert (essence(reading.when), reading.notes) == (essence(When.on(value)), ())


@given(value=DAYS, style=st.sampled_from(["{}.{}.{}", "{}. {}. {}", "{:02}.{:02}.{}", "{}/{}/{}"]))
def test_dates_are_always_day_month_year(value: date, style: str) -> None:
    reading = read_dates(style.format(value.day, value.month, value.year))

    assert reading.when.starts_on == value


_FRAGMENTS = [
    *("1", "31", "2", "2024", "17:00", "5", "pm", "a.m.", ".", ",", "-", "–", "/", "and", "to"),
    *("May", "května", "липня", "winter", "Monday", "středa", "from", "until", "T", "\u0661"),
]


@given(
    text=st.text(max_size=40) | st.lists(st.sampled_from(_FRAGMENTS), max_size=9).map(" ".join),
    today=st.none() | DAYS,
    hint=st.none() | st.integers(-5, 10_000),
)
def test_dates_never_raise_and_keep_their_text(
    text: str, today: date | None, hint: int | None
) -> None:
    reading = read_dates(text, year_hint=hint, today=today)

    assert (reading.when.precision is Precision.UNKNOWN) == (reading.when.starts_on is None)
    assert reading.when.raw == read_dates(reading.when.raw).when.raw


def test_dates_longer_than_any_date_are_not_read() -> None:
    reading = read_dates("1. 5. 2024" + " " + "1" * 100_000)

    assert reading.notes == (UNREAD,)
    assert len(reading.when.raw) == 200
