"""Timelines of pasted pages: which date belongs to which title, and which rows to ask about."""

import pytest

from mailer.domain.website import Website, read_website
from mailer.domain.website_timeline import UNDATED
from mailer.domain.when import Confidence


def number(count: int, words: str) -> str:
    return f"Number {count} of a series, it seems: “{words}”."


def twin(position: int, title: str) -> str:
    return f"Maybe the same as row {position}: “{title}”."


def timeline(*lines: str) -> Website:
    return read_website("\n".join(("Our Timeline", *lines)))


def test_timeline_with_dates_first_gives_each_title_the_date_above_it() -> None:
    website = timeline("May 2023", "Party", "April 2023", "Walk", "Undated talk")

    assert [(row.position, row.title, row.raw_date) for row in website.milestones] == [
        (1, "Party", "May 2023"),
        (2, "Walk", "April 2023"),
        (3, "Undated talk", ""),
    ]
    assert website.notes == ("On this page each date stands before its title.",)


def test_timeline_unreadable_date_stays_in_its_slot() -> None:
    (row,) = timeline("Party", "", "early 2023").milestones

    assert (row.raw_date, row.when.raw, row.confidence) == (
        *("early 2023", "early 2023"),
        Confidence.DOUBTFUL,
    )
    assert row.notes == ("This could not be read as a date. Give the day, the month and the year.",)


def test_timeline_date_without_a_title_is_reported() -> None:
    website = timeline("Party", "May 2023", "June 2023")

    assert [row.raw_date for row in website.milestones] == ["May 2023"]
    assert website.notes == ("Dates without a title, left out: 1 (June 2023).",)


def test_timeline_line_in_the_place_of_a_date_is_asked_about() -> None:
    website = timeline(
        "Walk", "", "", "Party", "", "When the roof is ready", "", "Talk", "", "May 2023"
    )

    assert [row.notes for row in website.milestones] == [
        (UNDATED,),
        (UNDATED,),
        (UNDATED, "Maybe this is the date of the row above: it stands where a date stands."),
        (),
    ]


@pytest.mark.parametrize(
    ("above", "below", "first", "taken"),
    [
        ("June 2023", "November 2022", "2023-01-01", "first"),
        ("May 2024", "October 2023", "2023-12-01", "second"),
        ("October 2023", "May 2024", "2023-12-01", "second"),
        ("May 2025", "October 2024", "2023-01-01", "first"),
        ("May 2024", "October 2022", "2023-01-01", "first"),
    ],
)
def test_timeline_winter_is_placed_by_its_neighbours(
    above: str, below: str, first: str, taken: str
) -> None:
    rows = timeline("A", above, "B", "Winter 2023", "C", below).milestones

    assert str(rows[1].when.starts_on) == first
    assert rows[1].notes == (
        (
            "“Winter 2023” can be January to March 2023 or December 2023 to February 2024. "
            f"It was read as the {taken}."
        ),
    )


@pytest.mark.parametrize(
    ("dates", "doubtful"),
    [
        (("May 2023", "May 2023", "April 2023"), []),
        (("May 2023", "April 2023", "May 2023", "March 2023", "June 2022"), []),
        (("April 2023", "May 2023", "April 2023", "March 2023", "June 2022"), [3]),
    ],
)
def test_timeline_repeated_date_is_doubtful_only_after_a_row_out_of_order(
    dates: tuple[str, ...], doubtful: list[int]
) -> None:
    lines = [line for at, date in enumerate(dates) for line in (f"Party number {at}", date)]

    rows = timeline(*lines).milestones

    assert [row.position for row in rows if row.confidence is Confidence.DOUBTFUL] == doubtful


@pytest.mark.parametrize(
    ("date", "confidence"),
    [("June 2023", "exact"), ("May and June 2023", "approximate"), ("April 2023", "doubtful")],
)
def test_timeline_anniversary_must_fit_an_earlier_beginning(date: str, confidence: str) -> None:
    rows = timeline("Our first anniversary", date, "Launch", "June 2022").milestones

    assert rows[0].confidence.value == confidence


def test_timeline_anniversary_without_known_beginnings_is_not_doubted() -> None:
    rows = timeline("10th anniversary", "April 2023", "Picnic", "June 2022").milestones

    assert [row.notes for row in rows] == [(), ()]


def test_timeline_date_elsewhere_is_noted_for_an_undated_row() -> None:
    website = timeline(
        *("Big summer party in the park", "Our Projects", "Parks"),
        "The big summer party in the park was on 5. 8. 2023.",
    )

    assert website.milestones[0].notes == (
        UNDATED,
        "A date for it may be in the text: 5. 8. 2023.",
    )


def test_timeline_date_elsewhere_that_does_not_fit_makes_a_row_doubtful() -> None:
    website = timeline(
        *("Big summer party in the park", "July 2023", "Our Projects", "Parks"),
        "The big summer party in the park was on 5 August 2023. It rained.",
    )

    assert website.milestones[0].confidence is Confidence.DOUBTFUL
    assert website.milestones[0].notes == (
        "Another date for the same thing is in the text: 5 August 2023. It does not fit.",
    )


@pytest.mark.parametrize(
    ("title", "notes"),
    [
        ("Talks and music", ()),
        ("Talks; music", ("Several things in one line: split it by hand.",)),
        ("Talks, music and food", ("Several things in one line: split it by hand.",)),
        ("Several talks", ("Several things in one line: split it by hand.",)),
        ("Our City, Our Voice", ()),
        ("Open day vol. 12", (number(12, "vol. 12"),)),
        (
            "Open day: 2nd time",
            (number(2, "2nd"), "Earlier numbers of this series are not in the list."),
        ),
        ("Third open day", (number(3, "Third"),)),
        ("Open day on 17th April", ()),
        ("Open day at Prague 7", ()),
    ],
)
def test_timeline_title_is_asked_about(title: str, notes: tuple[str, ...]) -> None:
    (row,) = timeline(title, "May 2023").milestones

    assert row.notes == notes


def test_timeline_series_with_its_first_number_listed_misses_nothing() -> None:
    rows = timeline("Talks: vol. 2", "May 2023", "Talks: vol. 1", "April 2023").milestones

    assert [row.notes for row in rows] == [(number(2, "vol. 2"),), (number(1, "vol. 1"),)]


def test_timeline_series_misses_numbers_before_its_lowest_only() -> None:
    rows = timeline("Talks: vol. 3", "May 2023", "Talks: vol. 2", "April 2023").milestones

    assert [row.notes for row in rows] == [
        (number(3, "vol. 3"),),
        (number(2, "vol. 2"), "Earlier numbers of this series are not in the list."),
    ]


@pytest.mark.parametrize(
    ("other", "date", "is_twin"),
    [
        ("Neighbours breakfast in Karlin", "May 2023", True),
        ("Neighbours breakfast in Karlin", "June 2023", False),
        ("Neighbours dinner in Brno", "May 2023", False),
    ],
)
def test_timeline_twins_share_words_and_date(other: str, date: str, is_twin: bool) -> None:
    title = "Karlin neighbours breakfast"

    rows = timeline(title, "May 2023", other, date).milestones

    expected = [(twin(2, other),), (twin(1, title),)] if is_twin else [(), ()]
    assert [row.notes for row in rows] == expected


def test_timeline_twins_with_different_numbers_are_two() -> None:
    rows = timeline("City walk Karlin vol. 1", "City walk Karlin vol. 2").milestones

    assert [row.notes for row in rows] == [
        (UNDATED, number(1, "vol. 1")),
        (UNDATED, number(2, "vol. 2")),
    ]


@pytest.mark.parametrize(
    ("dates", "notes"),
    [
        (("May 2023", "April 2023", "March 2023"), ()),
        (("March 2023", "April 2023", "May 2023"), ()),
        (
            ("May 2023", "April 2023", "March 2023", "June 2023"),
            ("The timeline runs newest first, but not at row 4: a place in it proves no date.",),
        ),
        (
            ("May 2023", "June 2023", "July 2023", "March 2023"),
            ("The timeline runs oldest first, but not at row 4: a place in it proves no date.",),
        ),
    ],
)
def test_timeline_order_is_told_only_when_broken(
    dates: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    lines = [line for at, date in enumerate(dates) for line in (f"Party number {at}", date)]

    website = timeline(*lines)

    assert website.notes == notes
