from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.consent import Cadence
from mailer.domain.errors import Invalid
from mailer.domain.schedule import (
    Occurrence,
    Timetable,
    draft_due,
    due_occurrence,
    is_too_late,
    next_occurrence,
    period_key,
    previous_occurrence,
)

THURSDAY_NINE = Timetable(weekday=3, at=time(9))
FIRST_THURSDAY = Timetable(weekday=3, at=time(9), cadence=Cadence.MONTHLY)
SUNDAY_HALF_PAST_TWO = Timetable(weekday=6, at=time(2, 30))
PRAGUE = ZoneInfo("Europe/Prague")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("timetable", "after", "expected"),
    [
        pytest.param(
            THURSDAY_NINE, "2024-05-01 12:00", "2024-05-02 07:00", id="tomorrow, in summer time"
        ),
        pytest.param(
            THURSDAY_NINE, "2024-05-02 06:59:59", "2024-05-02 07:00", id="a second before"
        ),
        pytest.param(
            THURSDAY_NINE, "2024-05-02 07:00", "2024-05-09 07:00", id="the moment itself is past"
        ),
        pytest.param(
            THURSDAY_NINE, "2024-03-28 08:00", "2024-04-04 07:00", id="into summer: 09:00 stays"
        ),
        pytest.param(
            THURSDAY_NINE, "2024-10-24 07:00", "2024-10-31 08:00", id="out of summer: 09:00 stays"
        ),
        pytest.param(THURSDAY_NINE, "2024-12-26 08:00", "2025-01-02 08:00", id="over the new year"),
        pytest.param(
            SUNDAY_HALF_PAST_TWO, "2024-03-30 12:00", "2024-03-31 01:30", id="skipped: 03:30 then"
        ),
        pytest.param(
            SUNDAY_HALF_PAST_TWO, "2024-03-31 01:30", "2024-04-07 00:30", id="02:30 a week later"
        ),
        pytest.param(
            SUNDAY_HALF_PAST_TWO, "2024-10-26 12:00", "2024-10-27 00:30", id="repeated: the first"
        ),
        pytest.param(
            SUNDAY_HALF_PAST_TWO, "2024-10-27 00:30", "2024-11-03 01:30", id="repeated: only once"
        ),
        pytest.param(
            FIRST_THURSDAY, "2024-05-01 12:00", "2024-05-02 07:00", id="first of this month"
        ),
        pytest.param(
            FIRST_THURSDAY, "2024-05-02 07:00", "2024-06-06 07:00", id="first of next month"
        ),
        pytest.param(FIRST_THURSDAY, "2024-12-05 08:00", "2025-01-02 08:00", id="first of a year"),
        pytest.param(
            Timetable(weekday=0, at=time(0, 30), cadence=Cadence.MONTHLY),
            "2024-06-30 20:00",
            "2024-06-30 22:30",
            id="the local date decides the month",
        ),
        pytest.param(
            Timetable(weekday=6, at=time(2, 30, fold=1)),
            "2024-10-26 12:00",
            "2024-10-27 00:30",
            id="repeated: the first, whatever the fold",
        ),
        pytest.param(
            Timetable(weekday=5, at=time(23, 30), tz="America/Nuuk"),
            "2024-03-31 01:10",
            "2024-03-31 01:30",
            id="skipped hour before midnight: the day after",
        ),
    ],
)
def test_next_occurrence_keeps_the_local_time(
    timetable: Timetable, after: str, expected: str
) -> None:
    found = next_occurrence(timetable, utc(after))

    assert found == utc(expected)


@pytest.mark.parametrize(
    ("timetable", "now", "expected"),
    [
        pytest.param(THURSDAY_NINE, "2024-05-02 07:00", "2024-05-02 07:00", id="this very moment"),
        pytest.param(THURSDAY_NINE, "2024-05-02 06:59", "2024-04-25 07:00", id="a week ago"),
        pytest.param(THURSDAY_NINE, "2025-01-01 12:00", "2024-12-26 08:00", id="last year"),
        pytest.param(FIRST_THURSDAY, "2024-05-02 06:59", "2024-04-04 07:00", id="last month"),
        pytest.param(
            FIRST_THURSDAY, "2024-09-05 06:59", "2024-08-01 07:00", id="five weeks between them"
        ),
    ],
)
def test_previous_occurrence_is_the_last_one_not_in_the_future(
    timetable: Timetable, now: str, expected: str
) -> None:
    found = previous_occurrence(timetable, utc(now))

    assert found == utc(expected)


@given(
    weekday=st.integers(0, 6),
    minute=st.integers(0, 24 * 60 - 1),
    cadence=st.sampled_from(Cadence),
    now=st.integers(0, 15 * 365 * 24 * 60).map(
        lambda minutes: utc("2020-01-01 00:00") + timedelta(minutes=minutes)
    ),
)
def test_next_occurrence_follows_the_previous_one_with_nothing_between(
    weekday: int, minute: int, cadence: Cadence, now: datetime
) -> None:
    timetable = Timetable(weekday, time(minute // 60, minute % 60), cadence=cadence)

    before, after = previous_occurrence(timetable, now), next_occurrence(timetable, now)

    assert before <= now < after
    assert next_occurrence(timetable, before) == after
    assert after.astimezone(PRAGUE).weekday() == weekday
    assert period_key(timetable, before) < period_key(timetable, after)


def test_period_key_is_the_local_date_not_the_utc_one() -> None:
    timetable = Timetable(weekday=0, at=time(0, 30))

    key = period_key(timetable, utc("2024-05-05 22:30"))

    assert key == "2024-05-06"


def test_period_keys_of_a_year_are_unique_over_both_clock_changes() -> None:
    moment, keys = utc("2024-01-01 00:00"), []

    while moment < utc("2025-01-01 00:00"):
        moment = next_occurrence(SUNDAY_HALF_PAST_TWO, moment)
        keys.append(period_key(SUNDAY_HALF_PAST_TWO, moment))

    sundays = [date(2024, 1, 7) + timedelta(weeks=week) for week in range(53)]
    assert keys == [day.isoformat() for day in sundays]


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        pytest.param("2024-05-06 07:00", "2024-05-04 14:00", id="an ordinary week"),
        pytest.param("2024-04-01 07:00", "2024-03-30 15:00", id="summer begins between them"),
        pytest.param("2024-10-28 08:00", "2024-10-26 14:00", id="summer ends between them"),
    ],
)
def test_draft_is_due_at_the_same_local_time_across_clock_changes(due: str, expected: str) -> None:
    monday_nine = Timetable(weekday=0, at=time(9), draft_lead=timedelta(days=1, hours=17))

    moment = draft_due(monday_nine, utc(due))

    assert moment == utc(expected)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2024-05-02 07:00", False, id="in time"),
        pytest.param("2024-05-05 07:00", False, id="three days late"),
        pytest.param("2024-05-05 07:00:01", True, id="a second more"),
    ],
)
def test_issue_is_too_late_after_three_days(now: str, expected: bool) -> None:
    answer = is_too_late(THURSDAY_NINE, utc("2024-05-02 07:00"), utc(now))

    assert answer is expected


MAY_2 = Occurrence(utc("2024-05-02 07:00"), utc("2024-05-01 14:00"), "2024-05-02")
MAY_9 = Occurrence(utc("2024-05-09 07:00"), utc("2024-05-08 14:00"), "2024-05-09")


@pytest.mark.parametrize(
    ("last_key", "now", "expected"),
    [
        pytest.param("2024-04-25", "2024-05-01 13:59", None, id="before the draft's moment"),
        pytest.param("2024-04-25", "2024-05-01 14:00", MAY_2, id="the draft's moment"),
        pytest.param("2024-05-02", "2024-05-02 07:00", None, id="already begun"),
        pytest.param("2024-04-25", "2024-05-04 12:00", MAY_2, id="caught up two days late"),
        pytest.param("2024-04-25", "2024-05-05 07:01", None, id="too late to catch up"),
        pytest.param("2024-04-11", "2024-05-02 07:00", MAY_2, id="two missed, one catch-up"),
        pytest.param("2024-04-11", "2024-05-08 14:00", MAY_9, id="the newest, not the missed one"),
        pytest.param(None, "2024-05-02 07:00", MAY_2, id="never sent before"),
        pytest.param("2024-05-09", "2024-05-02 07:00", None, id="a clock that went back"),
    ],
)
def test_due_occurrence_is_given_once_and_never_two_at_a_time(
    last_key: str | None, now: str, expected: Occurrence | None
) -> None:
    occurrence = due_occurrence(THURSDAY_NINE, last_key, utc(now))

    assert occurrence == expected


@pytest.mark.parametrize(
    ("outage", "sent"),
    [
        pytest.param(("2024-05-01 12:00", "2024-05-03 12:00"), "2024-05-02", id="two days"),
        pytest.param(("2024-04-20 12:00", "2024-05-03 12:00"), "2024-05-02", id="two weeks"),
        pytest.param(("2024-05-01 12:00", "2024-05-07 12:00"), None, id="six days"),
    ],
)
def test_due_occurrence_catches_up_once_after_an_outage(
    outage: tuple[str, str], sent: str | None
) -> None:
    went_down, came_back = map(utc, outage)
    last_key = period_key(THURSDAY_NINE, previous_occurrence(THURSDAY_NINE, went_down))
    keys = []

    for minute in range(0, 24 * 60, 30):
        found = due_occurrence(THURSDAY_NINE, last_key, came_back + timedelta(minutes=minute))
        if found:
            last_key = found.period_key
            keys.append(found.period_key)

    assert keys == ([sent] if sent else [])


def test_due_occurrence_leaves_a_new_plan_alone_until_its_first_day() -> None:
    created_at = utc("2024-05-03 15:00")
    last_key = period_key(THURSDAY_NINE, previous_occurrence(THURSDAY_NINE, created_at))

    found = [
        due_occurrence(THURSDAY_NINE, last_key, created_at + timedelta(days=day))
        for day in range(6)
    ]

    assert found == [None, None, None, None, None, MAY_9]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weekday": 7}, "weekday"),
        ({"weekday": -1}, "weekday"),
        ({"at": time(9, tzinfo=UTC)}, "at"),
        ({"tz": "Europe/Nowhere"}, "tz"),
        ({"draft_lead": timedelta(days=7)}, "draft_lead"),
        ({"draft_lead": timedelta(seconds=-1)}, "draft_lead"),
        ({"late_limit": timedelta(seconds=-1)}, "late_limit"),
    ],
)
def test_timetable_refuses_what_no_clock_can_keep(changes: dict[str, object], field: str) -> None:
    values: dict[str, object] = {"weekday": 3, "at": time(9)}

    with pytest.raises(Invalid) as caught:
        Timetable(**(values | changes))  # type: ignore[arg-type]  # the cases are wrong on purpose

    assert caught.value.field == field
