"""What was read from the website, row by row, and what a coordinator decides."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailer.storage.imports import Finding, FindingState
from mailer.storage.projects import Milestone
from mailer.usecases.websites import import_website
from tests.usecases.edits import ANNA
from tests.web.desk import Browser, Desk

SEED = (Path(__file__).parents[2] / "data" / "migact-website.txt").read_text(encoding="utf-8")


@pytest.fixture
def read(desk: Desk) -> Desk:
    """A desk whose association pasted its website."""
    with desk.sessions() as session:
        import_website(session, SEED, "migact.org", ANNA, desk.now)
    return desk


def _find(desk: Desk, kind: str, position: int) -> Finding:
    with desk.sessions() as session:
        query = select(Finding).where(Finding.kind == kind, Finding.position == position)
        return session.scalars(query).one()


def _settle(browser: Browser, finding: Finding, **values: str) -> TestResponse:
    return browser.post(f"/desk/findings/{finding.id}", values, page="/desk/findings")


def _counts(html: str) -> dict[str, int]:
    found = re.findall(r"<strong>(\d+)</strong> ([^<]+)</li>", html)
    return {name: int(count) for count, name in found}


def _rows(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="finding-(\d+)"', html)]


def test_paste_reads_the_website_and_asks(desk: Desk) -> None:
    browser = desk.sign_in("editor")

    answer = browser.post("/desk/findings/paste", {"name": "migact.org", "text": SEED})

    page = browser.read("/desk/findings")
    assert (answer.status_code, answer.location) == (303, "/desk/findings")
    assert _counts(page) == {"Please decide": 14, "Clear": 10, "Decided": 0, "Left out": 0}
    assert (len(_rows(page)), len(_rows(browser.read("/desk/findings?show=all")))) == (14, 24)


@pytest.mark.parametrize(("text", "code"), [("", 422), (" ", 422), ("Hello", 422), ("PK\0\3", 400)])
def test_paste_of_no_website_harms_nothing(desk: Desk, text: str, code: int) -> None:
    answer = desk.sign_in().post("/desk/findings/paste", {"text": text})

    assert answer.status_code == code


def test_page_shows_the_row_the_reading_and_the_doubts(read: Desk) -> None:
    html = read.sign_in().read("/desk/findings")

    row = html.split("first annivesary", 1)[1].split("</li>\n    <li class", 1)[0]
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", row))
    assert "The page says: April and May, 2023" in text
    assert "April – May 2023 (doubtful)" in text.replace("\u2009–\u2009", " – ")
    assert "The same date as row 12, and row 13 between them is out of order" in text


def test_accepted_row_leads_to_the_next_open_one(read: Desk) -> None:
    finding, after = _find(read, "milestone", 14), _find(read, "milestone", 15)

    answer = _settle(read.sign_in(), finding, choice="accept")

    assert answer.location == f"/desk/findings#finding-{after.id}"
    assert _find(read, "milestone", 14).state is FindingState.DECIDED
    with read.sessions() as session:
        assert session.get_one(Milestone, finding.milestone_id).is_public is True


@pytest.mark.parametrize(
    ("values", "code", "sentence"),
    [
        ({"choice": "date", "value": "soonish"}, 422, "Write a date such as 6 May 2024"),
        ({"choice": "date", "value": "Monday 7 May 2024"}, 422, "is a Tuesday"),
        ({"choice": "accept"}, 409, "No date was read here."),
        ({"choice": "sing"}, 422, "Not a valid choice."),
        ({}, 422, "This field is required."),
    ],
)
def test_decision_that_settles_nothing_is_refused_beside_its_row(
    read: Desk, values: dict[str, str], code: int, sentence: str
) -> None:
    finding = _find(read, "milestone", 3)

    answer = _settle(read.sign_in(), finding, **values)

    row = answer.text.split(f'id="finding-{finding.id}"', 1)[1].split('id="finding-', 1)[0]
    assert answer.status_code == code
    assert sentence in row
    assert f'value="{values.get("value", "")}"' in row
    assert _find(read, "milestone", 3).state is FindingState.OPEN


def test_project_gets_its_title(read: Desk) -> None:
    browser = read.sign_in()

    _settle(browser, _find(read, "project", 4), choice="title", value="InBáze platform")

    assert "InBáze platform" in browser.read("/desk/projects")
    assert _find(read, "project", 4).state is FindingState.DECIDED


def test_last_decision_shows_everything(desk: Desk) -> None:
    text = "Our Timeline\n\nFirst picnic\n\n\nRegistration\n\nOctober, 2023\n"
    with desk.sessions() as session:
        import_website(session, text, "example.org", ANNA, desk.now)
    browser = desk.sign_in()

    answer = _settle(browser, _find(desk, "milestone", 1), choice="ignore")

    assert answer.location == "/desk/findings"
    assert len(_rows(browser.read("/desk/findings"))) == 2


def test_same_website_again_says_so(read: Desk) -> None:
    browser = read.sign_in()

    browser.post("/desk/findings/paste", {"text": SEED})

    assert "Nothing new: all of this was read before." in browser.read("/desk/findings")
