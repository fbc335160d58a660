"""Projects of pasted pages: headings, durations, and the organisations that the text names."""

import pytest

from mailer.domain.website import Website, read_website
from mailer.domain.website_organisations import ReadOrganisation, find_organisations, split_names

OPEN_LIST = "The list of organisations is open: it ends with “and others”."


def projects(*lines: str) -> Website:
    return read_website("\n".join(("Our Projects", *lines)))


@pytest.mark.parametrize(
    ("lines", "raw"),
    [
        (("Project duration: 1. 5. 2024",), "1. 5. 2024"),
        (("Implementation dates:", "", "1. 5. 2024"), "1. 5. 2024"),
        (("PROJECT PERIOD", "1. 5. 2024"), "1. 5. 2024"),
        (("Duration of the project: spring of change",), "spring of change"),
        (("Duration:",), ""),
    ],
)
def test_project_duration_follows_its_label(lines: tuple[str, ...], raw: str) -> None:
    (project,) = projects("Parks", *lines).projects

    assert (project.title, project.raw_duration, project.body) == ("Parks", raw, "")


def test_project_second_duration_is_asked_about() -> None:
    (project,) = projects("Parks", "Duration: 2023", "We plant.", "Duration: 2024").projects

    assert project.raw_duration == "2023"
    assert project.notes == ("There is a second duration, 2024: maybe these are two projects.",)


def test_project_without_a_heading_begins_where_a_new_one_is_introduced() -> None:
    found = projects(
        *("Parks", "We plant.", "Duration: 2023"),
        *("Funded by Green Fund, ROOTS (many trees) goes on.", "We like the ROOTS project."),
    ).projects

    assert [(one.title, one.proposed_title) for one in found] == [("Parks", None), (None, "ROOTS")]


def test_project_introduced_under_its_own_heading_stays_one() -> None:
    found = projects("Roots", "We plant.", "Led by Green Fund, it goes on.").projects

    assert [(one.title, one.body) for one in found] == [
        ("Roots", "We plant.\n\nLed by Green Fund, it goes on.")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "This project grows",
        "Run in cooperation with Town Hall",
        "We like it.",
        "lower case words",
        "5/2023 – 12/2023",
        "A " * 17 + "long one",
    ],
)
def test_project_line_that_is_no_heading_stays_in_the_text(line: str) -> None:
    (project,) = projects("Parks", line).projects

    assert (project.title, project.body) == ("Parks", line)


def test_projects_are_numbered_through_all_sections() -> None:
    website = projects("Parks", "We plant.", "Previous projects", "Roofs", "We built.")

    assert [(one.position, one.title, one.past) for one in website.projects] == [
        (1, "Parks", False),
        (2, "Roofs", True),
    ]


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("It is led by A and B. Then more.", [("A", "lead"), ("B", "lead")]),
        ("Led by A, B grows.", [("A", "lead")]),
        ("It is led by migrants.", []),
        ("In cooperation with the City of Prague, we work.", [("City of Prague", "partner")]),
        ("It was implemented by X z.s. One of us", [("X z.s.", "implementer")]),
        ("Supported by X a. s. and Y", [("X a. s.", "funder"), ("Y", "funder")]),
        ("Town Club is a part of it.", [("Town Club", "participant")]),
        ("Support is a crucial part of it.", []),
        ("It is run by A, A and others.", [("A", "implementer")]),
    ],
)
def test_organisations_are_found_in_prose(prose: str, found: list[tuple[str, str]]) -> None:
    organisations = find_organisations(prose)

    assert organisations == [ReadOrganisation(name, role) for name, role in found]


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("A z.s., B and others.", [("A z.s.", ""), ("B", "")]),
        ("A & B, and C.", [("A", ""), ("B", ""), ("C", "")]),
        ("EPIM - Some Long Name", [("EPIM", "Some Long Name")]),
        ("City Lab – Brno", [("City Lab – Brno", "")]),
        ("", []),
    ],
)
def test_organisations_list_is_split(written: str, names: list[tuple[str, str]]) -> None:
    organisations = split_names(written, "partner")

    assert organisations == [ReadOrganisation(name, "partner", note) for name, note in names]


def test_project_open_list_in_prose_is_told() -> None:
    (project,) = projects("Parks", "It is funded by A and others, year by year.").projects

    assert (project.and_others, project.notes) == (
        True,
        ("Undated: the page gives no duration.", OPEN_LIST),
    )
