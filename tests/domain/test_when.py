"""Moments: what they hold, when they begin and end, and what they refuse."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.when import Confidence, InvalidWhen, Precision, When


def wall(text: str) -> datetime:
    """A time as the clock on the wall shows it: without a zone, as moments keep it."""
    return datetime.fromisoformat(text)


EVENING = When.at(wall("2023-04-17 17:00"), wall("2023-04-17 19:30"))
OPEN_END = When.at(wall("2024-05-02 12:00"))
SPAN = When.on(date(2024, 5, 1), date(2024, 12, 31))
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 12, 31))


def test_when_at_keeps_wall_time_and_days() -> None:
    when = EVENING

    assert when == When(
        Precision.DATETIME,
        date(2023, 4, 17),
        date(2023, 4, 17),
        wall("2023-04-17 17:00"),
        wall("2023-04-17 19:30"),
        "Europe/Prague",
        Confidence.EXACT,
        "",
        "",
    )


def test_when_at_without_end_invents_none() -> None:
    when = OPEN_END

    assert (when.ends_at, when.ends_on, when.end_utc) == (None, date(2024, 5, 2), None)


@pytest.mark.parametrize(
    ("when", "precision", "first", "last", "edtf", "confidence"),
    [
        (When.on(date(2023, 9, 21)), "date", "2023-09-21", "2023-09-21", "2023-09-21", "exact"),
        (SPAN, "date", "2024-05-01", "2024-12-31", "2024-05-01/2024-12-31", "exact"),
        (When.month(2024, 2), "month", "2024-02-01", "2024-02-29", "2024-02", "exact"),
        (
            When.months((2023, 4), (2023, 5)),
            *("month_span", "2023-04-01", "2023-05-31", "2023-04/2023-05", "exact"),
        ),
        (
            When.months((2023, 12), (2023, 12)),
            *("month", "2023-12-01", "2023-12-31", "2023-12", "exact"),
        ),
        (
            When.in_season("spring", 2023),
            *("season", "2023-03-01", "2023-05-31", "2023-21", "approximate"),
        ),
        (
            When.in_season("summer", 2023),
            *("season", "2023-06-01", "2023-08-31", "2023-22", "approximate"),
        ),
        (
            When.in_season("autumn", 2023),
            *("season", "2023-09-01", "2023-11-30", "2023-23", "approximate"),
        ),
        (
            When.in_season("winter", 2023),
            *("season", "2023-01-01", "2023-03-31", "2023-24", "approximate"),
        ),
        (
            When.across_winter(2023),
            *("season", "2023-12-01", "2024-02-29", "2023-24", "approximate"),
        ),
        (When.year(2023), "year", "2023-01-01", "2023-12-31", "2023", "exact"),
        (OPEN_END, "datetime", "2024-05-02", "2024-05-02", "2024-05-02T12:00:00", "exact"),
    ],
)
def test_when_has_bounds_and_edtf(
    when: When, precision: str, first: str, last: str, edtf: str, confidence: str
) -> None:
    bounds = (when.starts_on, when.ends_on)

    assert bounds == (date.fromisoformat(first), date.fromisoformat(last))
    assert (when.precision.value, when.edtf, when.confidence.value) == (precision, edtf, confidence)


def test_when_unknown_keeps_its_text_and_is_doubtful() -> None:
    when = When.unknown("some day")

    assert when == When(
        Precision.UNKNOWN, None, None, raw="some day", confidence=Confidence.DOUBTFUL
    )
    assert (when.edtf, when.start_utc, when.end_utc, when.months_long) == ("", None, None, 0)


@pytest.mark.parametrize(
    ("when", "start", "end"),
    [
        (EVENING, datetime(2023, 4, 17, 15, tzinfo=UTC), datetime(2023, 4, 17, 17, 30, tzinfo=UTC)),
        (SPAN, datetime(2024, 4, 30, 22, tzinfo=UTC), datetime(2024, 12, 31, 23, tzinfo=UTC)),
        (
            When.month(2023, 12),
            *(datetime(2023, 11, 30, 23, tzinfo=UTC), datetime(2023, 12, 31, 23, tzinfo=UTC)),
        ),
        (
            When.at(wall("2024-01-05 18:00"), wall("2024-01-05 20:00"), tz="America/New_York"),
            *(datetime(2024, 1, 5, 23, tzinfo=UTC), datetime(2024, 1, 6, 1, tzinfo=UTC)),
        ),
    ],
)
def test_when_derives_utc_from_wall_time(when: When, start: datetime, end: datetime) -> None:
    instants = (when.start_utc, when.end_utc)

    assert instants == (start, end)


@pytest.mark.parametrize(("fold", "hour"), [(0, 0), (1, 1)])
def test_when_in_autumn_fold_is_first_occurrence_unless_told(fold: int, hour: int) -> None:
    when = When.at(wall("2024-10-27 02:30").replace(fold=fold))

    assert when.start_utc == datetime(2024, 10, 27, hour, 30, tzinfo=UTC)


def test_when_may_end_on_the_second_pass_of_the_same_hour() -> None:
    when = When.at(wall("2024-10-27 02:30"), wall("2024-10-27 02:15").replace(fold=1))

    assert when.end_utc == datetime(2024, 10, 27, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (
            lambda: When.at(wall("2024-03-31 02:30")),
            (
                "02:30 on 31.03.2024 does not exist in Europe/Prague: the clocks jump forward "
                "then. Choose a time one hour later."
            ),
        ),
        (
            lambda: When.at(wall("2024-03-31 01:00"), wall("2024-03-31 02:00")),
            (
                "02:00 on 31.03.2024 does not exist in Europe/Prague: the clocks jump forward "
                "then. Choose a time one hour later."
            ),
        ),
        (
            lambda: When.at(wall("2024-05-02 12:00"), wall("2024-05-02 11:00")),
            "The end (11:00) is before the start (12:00). Swap them.",
        ),
        (
            lambda: When.on(date(2024, 5, 2), date(2024, 5, 1)),
            "The end (2024-05-01) is before the start (2024-05-02). Swap them.",
        ),
        (
            lambda: When.months((2024, 5), (2024, 4)),
            "The end (2024-04-30) is before the start (2024-05-01). Swap them.",
        ),
        (
            lambda: When.at(datetime(2024, 5, 2, 12, tzinfo=UTC)),
            "Give the time as the clock on the wall shows it, without a zone.",
        ),
        (
            lambda: When.at(wall("2024-05-02 12:00"), tz="Europe/Praha"),
            "“Europe/Praha” is not a time zone. Write one such as Europe/Prague.",
        ),
        (
            lambda: When.on(date(2024, 5, 2), tz="Europe"),
            "“Europe” is not a time zone. Write one such as Europe/Prague.",
        ),
        (lambda: When.month(2024, 13), "There is no month 13. Use 1 to 12."),
        (lambda: When.year(1799), "The year 1799 is not possible. Use 1800 to 2199."),
        (lambda: When.on(date(9999, 12, 31)), "The year 9999 is not possible. Use 1800 to 2199."),
        (
            lambda: When.in_season("monsoon", 2024),
            "Choose a season: spring, summer, autumn, winter.",
        ),
        (
            lambda: When(Precision.SEASON, date(2024, 3, 1), date(2024, 5, 31)),
            "Choose a season: spring, summer, autumn, winter.",
        ),
        (
            lambda: When(Precision.DATE, date(2024, 3, 1)),
            "Give the first and the last day, or leave the date unknown.",
        ),
        (
            lambda: When(Precision.MONTH, date(2024, 3, 1), date(2024, 3, 30)),
            "A month must be made of whole months. Change the days.",
        ),
        (
            lambda: When(Precision.MONTH, date(2024, 3, 1), date(2024, 4, 30)),
            "A month must be made of whole months. Change the days.",
        ),
        (
            lambda: When(Precision.YEAR, date(2024, 2, 1), date(2025, 12, 31)),
            "A year must be made of whole months. Change the days.",
        ),
        (
            lambda: When(Precision.DATETIME, date(2024, 3, 1), date(2024, 3, 1)),
            "Give a start time, or choose a whole day.",
        ),
        (
            lambda: replace(SPAN, ends_at=wall("2024-12-31 12:00")),
            "Give a start time as well as the end time.",
        ),
        (
            lambda: replace(EVENING, starts_on=date(2023, 4, 16)),
            "The days and the times do not agree. Give the same days.",
        ),
        (
            lambda: When(Precision.UNKNOWN, date(2024, 3, 1)),
            "An unknown date cannot have a day, a time or a season.",
        ),
    ],
)
def test_when_refuses_with_a_sentence(build: Callable[[], When], sentence: str) -> None:
    with pytest.raises(InvalidWhen) as refusal:
        build()

    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("when", "last_moment"),
    [
        (EVENING, datetime(2023, 4, 17, 17, 30, tzinfo=UTC)),
        (OPEN_END, datetime(2024, 5, 2, 13, tzinfo=UTC)),
        (When.on(date(2023, 9, 21)), datetime(2023, 9, 21, 22, tzinfo=UTC)),
        (When.month(2023, 12), datetime(2023, 12, 31, 23, tzinfo=UTC)),
        (When.in_season("winter", 2023), datetime(2023, 3, 31, 22, tzinfo=UTC)),
        (When.year(2023), datetime(2023, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_when_is_over_from_its_last_instant(when: When, last_moment: datetime) -> None:
    just_before = last_moment - timedelta(microseconds=1)

    assert (when.is_over(just_before), when.is_over(last_moment)) == (False, True)


def test_when_has_begun_from_its_first_instant() -> None:
    start = datetime(2023, 4, 17, 15, tzinfo=UTC)
    just_before = start - timedelta(microseconds=1)

    assert (EVENING.has_begun(just_before), EVENING.has_begun(start)) == (False, True)


def test_when_unknown_never_begins_and_is_never_over() -> None:
    now = datetime(2199, 1, 1, tzinfo=UTC)
    when = When.unknown()

    assert (when.has_begun(now), when.is_over(now)) == (False, False)


@pytest.mark.parametrize(
    ("when", "is_exact"),
    [
        (EVENING, True),
        (SPAN, True),
        (replace(SPAN, confidence=Confidence.APPROXIMATE), False),
        (replace(EVENING, confidence=Confidence.DOUBTFUL), False),
        (When.month(2023, 12), False),
        (When.unknown(), False),
    ],
)
def test_when_is_exact_only_for_certain_days_and_times(when: When, is_exact: bool) -> None:
    assert when.is_exact is is_exact


def test_when_sorts_unknown_last_and_whole_days_before_times() -> None:
    day, midnight, month = (
        When.on(date(2024, 5, 2)),
        When.at(wall("2024-05-02 00:00")),
        When.month(2024, 5),
    )

    ordered = sorted([When.unknown(), OPEN_END, midnight, day, month], key=lambda w: w.sort_key)

    assert ordered == [month, day, midnight, OPEN_END, When.unknown()]


@pytest.mark.parametrize(
    ("other", "is_inside"),
    [
        (When.on(date(2023, 9, 21)), True),
        (When.month(2023, 9), True),
        (When.on(date(2023, 9, 30), date(2023, 10, 1)), False),
        (When.on(date(2023, 8, 31)), False),
        (When.unknown(), False),
    ],
)
def test_when_contains_days_within_its_own(other: When, is_inside: bool) -> None:
    assert When.month(2023, 9).contains(other) is is_inside


@given(first=DAYS, second=DAYS)
def test_when_on_accepts_days_in_order_only(first: date, second: date) -> None:
    start, end = min(first, second), max(first, second)

    when = When.on(start, end)

    assert when.start_utc is not None
    assert when.end_utc is not None
    assert when.end_utc - when.start_utc >= timedelta(hours=23)
    if start < end:
        with pytest.raises(InvalidWhen):
            When.on(end, start)


@given(start=DAYS, now=st.datetimes(wall("1900-01-02 00:00"), wall("2100-12-30 00:00")))
def test_when_is_over_only_after_it_has_begun(start: date, now: datetime) -> None:
    instant = now.replace(tzinfo=UTC)

    when = When.on(start)

    assert when.has_begun(instant) or not when.is_over(instant)
