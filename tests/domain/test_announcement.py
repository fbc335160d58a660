"""Announcements as they come in by e-mail and on social media."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.announcement import LONGEST_TEXT, read_announcement
from mailer.domain.dates import echo

TODAY = date(2022, 6, 1)
FIRST_MEETING = """
First participatory meeting
When: 15. 6., 17:00-19:30 in English, City Hall, Jungmannova 35/29, room 201 (2nd floor)
17. 6., 16:30-18:30 in Czech, InBáze, Legerova 50

Register, capacity limited
"""


def _said(text: str) -> list[str]:
    return [echo(reading.when) for reading in read_announcement(text, TODAY).readings]


def test_read_announcement_finds_title_sessions_and_the_rest() -> None:
    announcement = read_announcement(FIRST_MEETING, TODAY)

    assert announcement.title == "First participatory meeting"
    assert [echo(reading.when) for reading in announcement.readings] == [
        "Wednesday 15 June 2022, 17:00–19:30",
        "Friday 17 June 2022, 16:30–18:30",
    ]
    assert announcement.rest.splitlines()[-1] == "Register, capacity limited"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Talk\n17 Apr 2023, 5-7:30 pm, Stone Bell House", ["Monday 17 April 2023, 17:00–19:30"]),
        ("Vote for 2 ideas until 2 May 2024 12:00", ["Thursday 2 May 2024, 12:00"]),
        ("Setkání ve středu 15. června 2022 v 18:00, Praha", ["Wednesday 15 June 2022, 18:00"]),
        ("Festival\nspring 2023", ["spring 2023"]),
        ("Room 201, Jungmannova 35/29, call 222 333 444", []),
        ("Founded in 2015, version 2.0", []),
        ("", []),
    ],
)
def test_read_announcement_finds_a_date_within_a_line(text: str, said: list[str]) -> None:
    assert _said(text) == said


def test_read_announcement_warns_of_the_wrong_weekday() -> None:
    announcement = read_announcement("Monday 15 June 2022, 17:00", TODAY)

    assert announcement.title == ""
    assert announcement.rest == ""
    assert announcement.readings[0].notes == (
        "The text says Monday, but 15. 6. 2022 is a Wednesday.",
    )


@given(st.text(alphabet="0123456789. :-,apm\n", max_size=400))
def test_read_announcement_takes_any_text(text: str) -> None:
    announcement = read_announcement(text, TODAY)

    assert len(announcement.title) <= 150


def test_read_announcement_stops_reading_long_texts() -> None:
    late = "x\n" * LONGEST_TEXT + "15. 6. 2022"

    assert _said(late) == []
