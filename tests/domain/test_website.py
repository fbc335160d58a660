"""A pasted website, read: the first user's page row by row, other pages, and any text at all."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.website import (
    MOST_CHARACTERS,
    MOST_LINES,
    UnreadableWebsite,
    Website,
    as_json,
    fold_name,
    read_website,
)
from mailer.domain.website_timeline import UNDATED

SEED = (Path(__file__).parents[1] / "data" / "migact-website.txt").read_text(encoding="utf-8")

SPAN_OR_TWO = "One span or two occasions? It was read as one span."
HEADING_LOST = "The heading is missing: please give the title."
WHO_PAYS = "The text names a partner but not who pays: add the funder if there is one."
OPEN_LIST = "The list of organisations is open: it ends with “and others”."


def number(count: int, words: str) -> str:
    return f"Number {count} of a series, it seems: “{words}”."


def twin(position: int, title: str) -> str:
    return f"Maybe the same as row {position}: “{title}”."


UNKNOWN = ("unknown", None, None, "doubtful")

SEED_ROWS = [
    (1, "First MigAct membership meeting", "", *UNKNOWN, [UNDATED, number(1, "First")]),
    (
        *(2, "MigAct Meetups - Prague 7 Networking meeting", "", *UNKNOWN),
        [UNDATED, twin(5, "Prague 7 neighborhood networking")],
    ),
    (3, "Your City, Your Voice: Follow-up session", "", *UNKNOWN, [UNDATED]),
    (4, "Regional platform by ICP", "", *UNKNOWN, [UNDATED]),
    (
        *(5, "Prague 7 neighborhood networking", "", *UNKNOWN),
        [UNDATED, twin(2, "MigAct Meetups - Prague 7 Networking meeting")],
    ),
    (
        *(6, "Networking MigAct Vol. 3 at PCU", "December, 2023"),
        *("month", "2023-12-01", "2023-12-31", "exact", [number(3, "Vol. 3")]),
    ),
    (
        7,
        "Your City, Your Voice: A Workshop on Cooperation with Prague City Hall vol. 3",
        *("November, 2023", "month", "2023-11-01", "2023-11-30", "exact"),
        [number(3, "vol. 3"), "Earlier numbers of this series are not in the list."],
    ),
    (
        *(8, "Registration of a civic association MigAct z.s.", "October, 2023"),
        *("month", "2023-10-01", "2023-10-31", "exact", []),
    ),
    (
        9,
        "International conference - Empowering civic engagement in a diverse society",
        *("September, 2023", "month", "2023-09-01", "2023-09-30", "exact"),
        ["Another date for the same thing is in the text: 21.09.2023."],
    ),
    (
        *(10, "2nd MigAct Networking meeting at Prague City University", "March, 2023"),
        *("month", "2023-03-01", "2023-03-31", "exact", [number(2, "2nd")]),
    ),
    (
        *(11, "Various MigAct events, launch of MigAct Mondays at Inbaze", "April, 2023"),
        *("month", "2023-04-01", "2023-04-30", "exact"),
        ["Several things in one line: split it by hand."],
    ),
    (
        12,
        "Launch of UNITES co-design project with Prague City Hall",
        *("April and May, 2023", "month_span", "2023-04-01", "2023-05-31", "approximate"),
        [SPAN_OR_TWO],
    ),
    (
        13,
        "Closing of the first acceleration program for NGOs and civic initiatives",
        *("August, 2023", "month", "2023-08-01", "2023-08-31", "exact", [number(1, "first")]),
    ),
    (
        14,
        "MigAct's first annivesary at Kampus Hybernska",
        *("April and May, 2023", "month_span", "2023-04-01", "2023-05-31", "doubtful"),
        [
            SPAN_OR_TWO,
            (
                "The same date as row 12, and row 13 between them is out of order: "
                "maybe it was left over."
            ),
            "No earlier row that began something fits this anniversary (June, November, December).",
        ],
    ),
    (
        *(15, "Strategic planning with MigAct's core team", "Winter, 2023"),
        *("season", "2023-01-01", "2023-03-31", "approximate"),
        [
            (
                "“Winter 2023” can be January to March 2023 or December 2023 to February 2024. "
                "It was read as the first."
            )
        ],
    ),
    (
        16,
        "Launch of InBaze acceleration program for NGOs and civic initiatives",
        *("December, 2022", "month", "2022-12-01", "2022-12-31", "exact", []),
    ),
    (
        *(17, "First MigAct networking event at Česká spořitelna a.s.", "November, 2022"),
        *("month", "2022-11-01", "2022-11-30", "exact", [number(1, "First")]),
    ),
    (
        *(18, "MigAct Launch at The Regional Platform, ICP", "November, 2022"),
        *("month", "2022-11-01", "2022-11-30", "exact", []),
    ),
    (
        *(19, "Participatory meeting at The Prague City Gallery", "September, 2022"),
        *("month", "2022-09-01", "2022-09-30", "exact", []),
    ),
    (
        *(20, "First participatory meetings at Prague City Hall and InBaze", "June, 2022"),
        *("month", "2022-06-01", "2022-06-30", "exact", [number(1, "First")]),
    ),
]
ROW_KEYS = ("position", "title", "raw_date", "precision", "from", "to", "confidence", "notes")

SEED_PROJECTS = [
    {
        "position": 1,
        "title": "City for All – Support for Civic Participation in an Intercultural Environment",
        "proposed_title": None,
        "raw_duration": "01.05.2024-31.12.2024",
        "precision": "date",
        "from": "2024-05-01",
        "to": "2024-12-31",
        "confidence": "exact",
        "organisations": [{"name": "Prague City Hall", "role": "partner", "note": ""}],
        "past": False,
        "notes": [WHO_PAYS],
    },
    {
        "position": 2,
        "title": "MigAct capacity building",
        "proposed_title": None,
        "raw_duration": "01.06.2024-31.03.2025",
        "precision": "date",
        "from": "2024-06-01",
        "to": "2025-03-31",
        "confidence": "exact",
        "organisations": [
            {"name": "AMIGA", "role": "partner", "note": ""},
            {
                "name": "EPIM",
                "role": "partner",
                "note": "European Philanthropic Initiative for Migration",
            },
        ],
        "past": False,
        "notes": [WHO_PAYS],
    },
    {
        "position": 3,
        "title": None,
        "proposed_title": "UNITES",
        "raw_duration": "",
        "precision": "unknown",
        "from": None,
        "to": None,
        "confidence": "doubtful",
        "organisations": [
            {"name": "Eurocities", "role": "lead", "note": ""},
            {"name": "Prague City Hall", "role": "partner", "note": ""},
            {"name": "MigAct", "role": "participant", "note": ""},
        ],
        "past": False,
        "notes": [
            HEADING_LOST,
            "Undated: the page gives no duration.",
            WHO_PAYS,
            "Check the funder: “co-financed within the UNITES project”.",
        ],
    },
    {
        "position": 4,
        "title": None,
        "proposed_title": None,
        "raw_duration": "1. 4. 2022 – 30. 9. 2023",
        "precision": "date",
        "from": "2022-04-01",
        "to": "2023-09-30",
        "confidence": "exact",
        "organisations": [
            {"name": "Matertera z.s.", "role": "participant", "note": ""},
            {
                "name": "DoFE",
                "role": "participant",
                "note": "The Duke of Edinburgh’s International Award Czech Republic",
            },
            {"name": "Rehearsal for Reality z.s.", "role": "participant", "note": ""},
            {"name": "AMIGA", "role": "participant", "note": ""},
            {"name": "InBáze z.s.", "role": "implementer", "note": ""},
        ],
        "past": True,
        "notes": [
            HEADING_LOST,
            OPEN_LIST,
            (
                "An outcome is told: “One of the outcomes of the project was development of the "
                "MigAct initiative which later transformed into an independent association.”"
            ),
        ],
    },
]


def timeline(*lines: str) -> Website:
    return read_website("\n".join(("Our Timeline", *lines)))


@pytest.mark.parametrize("at", range(20))
def test_website_seed_timeline_row_is_read(at: int) -> None:
    rows = as_json(read_website(SEED))["timeline"]

    assert rows[at] == dict(zip(ROW_KEYS, SEED_ROWS[at], strict=True))


@pytest.mark.parametrize("at", range(4))
def test_website_seed_project_is_read(at: int) -> None:
    found = as_json(read_website(SEED))["projects"]

    assert found[at] == SEED_PROJECTS[at]


def test_website_seed_has_nothing_more() -> None:
    reading = as_json(read_website(SEED))

    assert (len(reading["timeline"]), len(reading["projects"])) == (20, 4)
    assert reading["language"] == "en-GB"
    assert reading["notes"] == [
        "The timeline runs newest first, but not at rows 11, 13: a place in it proves no date."
    ]


def test_website_seed_project_bodies_keep_every_word_but_the_labels() -> None:
    bodies = [project.body.split("\n\n") for project in read_website(SEED).projects]

    assert [len(body) for body in bodies] == [4, 2, 3, 2]
    assert bodies[0][3] == "Stay tuned for updates and sign up for our newsletter!"
    assert bodies[0][2].endswith(
        "awareness-raising and netwroking, counseling and strengthening civic competencies."
    )
    assert bodies[3] == [
        "The project was implemented by InBáze z.s.",
        (
            "One of the outcomes of the project was development of the MigAct initiative which "
            "later transformed into an independent association."
        ),
    ]


def test_website_seed_project_lists_stay_open_where_they_say_so() -> None:
    website = read_website(SEED)

    assert [project.and_others for project in website.projects] == [False, False, False, True]


def test_website_seed_reads_the_same_with_windows_line_ends_and_hard_spaces() -> None:
    pasted = SEED.replace(" ", "\u00a0").replace("\n", "\u200b\r\n")

    assert read_website(pasted) == read_website(SEED)


def test_website_other_association_is_read_without_its_names_being_known() -> None:
    text = """Welcome to the Garden Club
History:

Founding of the club

March 2019

Party for the first anniversary

March 2020

Winter planning

Winter, 2020

Autumn market

10. 9. 2021, 10:00-16:00

New greenhouse

Ongoing Projects

Green Roofs
The project is led by the Roof Trust and funded by City of Brno, Green Fund z. s. and others.
Duration: 5/2021 – 12/2022

Seeds for Schools
Partner organisations:
Seed Bank o.p.s.; School No. 5

Contact
Write to us
"""

    reading = as_json(read_website(text))

    assert [(row["title"], row["from"], row["confidence"]) for row in reading["timeline"]] == [
        ("Founding of the club", "2019-03-01", "exact"),
        ("Party for the first anniversary", "2020-03-01", "exact"),
        ("Winter planning", "2020-12-01", "approximate"),
        ("Autumn market", "2021-09-10", "exact"),
        ("New greenhouse", None, "doubtful"),
    ]
    assert [
        (one["title"], one["from"], [(org["name"], org["role"]) for org in one["organisations"]])
        for one in reading["projects"]
    ] == [
        (
            "Green Roofs",
            "2021-05-01",
            [("Roof Trust", "lead"), ("City of Brno", "funder"), ("Green Fund z. s.", "funder")],
        ),
        ("Seeds for Schools", None, [("Seed Bank o.p.s.", "partner"), ("School No. 5", "partner")]),
    ]
    assert reading["notes"] == [
        "The text before the first heading was not read.",
        "The part under “Contact” was not read.",
    ]


@pytest.mark.parametrize("spelling", ["InBáze", "InBaze", "Inbaze", "INBÁZE", " In\u00adbáze "])
def test_fold_name_makes_spellings_equal(spelling: str) -> None:
    assert fold_name(spelling) == "inbaze"


@pytest.mark.parametrize(
    ("tail", "language", "notes"),
    [
        ("English (UK)", "en-GB", ()),
        ("Čeština\n\n", "cs", ()),
        ("УКРАЇНСЬКА", "uk", ()),
        ("Čeština\nEnglish", None, ("Which language is the page in? Čeština, English.",)),
        ("English breakfast", None, ()),
    ],
)
def test_website_language_is_the_lone_label_at_its_end(
    tail: str, language: str | None, notes: tuple[str, ...]
) -> None:
    website = timeline("Party", "May 2023", tail)

    assert (website.language, website.notes) == (language, notes)


@pytest.mark.parametrize("text", ["", " \n\u00a0\n", "Hello there", "Contact\nWrite to us"])
def test_website_without_known_headings_is_empty_and_says_so(text: str) -> None:
    website = read_website(text)

    assert (website.milestones, website.projects) == ((), ())
    assert website.notes[0] == (
        "No heading such as “Timeline” or “Our projects” was found. Paste the headings too."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("PK\0\1", "This is not text. Copy the words of the page and paste them here."),
        ("\ud800", "This is not text. Copy the words of the page and paste them here."),
        (
            "a" * (MOST_CHARACTERS + 1),
            "This is more text than a website page has. Paste less of it.",
        ),
        (
            "a\n" * (MOST_LINES + 1),
            "This is more text than a website page has. Paste less of it.",
        ),
    ],
)
def test_website_refuses_what_is_no_page(text: str, sentence: str) -> None:
    with pytest.raises(UnreadableWebsite) as refusal:
        read_website(text)

    assert str(refusal.value) == sentence


_LINES = st.sampled_from(
    [
        *(
            "Our Timeline",
            "Our Projects",
            "Past Projects",
            "Contact",
            "",
            "Party vol. 2: walk, talk",
        ),
        *(
            "May 2023",
            "Winter, 2023",
            "April and May, 2023",
            "31. 2. 2023",
            "anniversary",
            "Launch",
        ),
        *("Participating Organizations", "Duration:", "Led by A, B and others", "English", "the"),
        *("A z.s., B – C and others.", "On 1. 5. 2024 a party vol. 2 walk talk", "-", ":", "and"),
    ]
)


@given(text=st.text() | st.lists(_LINES | st.text(max_size=9), max_size=30).map("\n".join))
def test_website_any_text_is_read_or_refused(text: str) -> None:
    try:
        website = read_website(text)
    except UnreadableWebsite:
        website = Website()

    reading = as_json(website)

    assert json.loads(json.dumps(reading)) == reading
    assert [row.position for row in website.milestones] == [*range(1, len(website.milestones) + 1)]


@pytest.mark.parametrize(
    ("heading", "piece", "times"),
    [
        ("Our Timeline\n", "x ", 500_000),
        ("Our Timeline\n", "Party in the park\nMay 2023\n", 10_000),
        ("Our Timeline\n", "Launch and anniversary\nMay 2023\nWalk\nJune 2022\n", 5_000),
        ("Our Projects\n", "led by A and B, ", 60_000),
        ("Our Projects\n", "Aa ", 300_000),
        ("Our Projects\nParticipants: ", ", and ", 160_000),
    ],
)
def test_website_of_a_megabyte_is_read_without_getting_stuck(
    heading: str, piece: str, times: int
) -> None:
    website = read_website(heading + piece * times)

    assert website.milestones or website.projects


@given(lines=st.lists(_LINES, max_size=30))
def test_website_reading_leaves_no_timeline_title_out(lines: list[str]) -> None:
    titles = [line for line in lines if line.startswith(("Party", "Launch"))]

    website = timeline(*(line for line in lines if line in ("", "May 2023", *titles)))

    assert [row.title for row in website.milestones] == titles
