"""What stands around every page of the desk: the map, messages, mistakes."""

import re

import pytest

from tests.web.desk import Desk

CONTENT = [
    "/desk/",
    "/desk/newsletters",
    "/desk/events",
    "/desk/deadlines",
    "/desk/updates",
    "/desk/projects",
    "/desk/findings",
]
PEOPLE = ["/desk/subscribers"]
SERVICE = ["/desk/users", "/desk/settings", "/desk/log"]


def places(page: str) -> list[str]:
    """Where the map at the side leads."""
    side = page[page.index('<nav class="side"') :]
    return re.findall(r'<a class="nav-to" href="([^"]+)"', side)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("viewer", CONTENT),
        ("editor", CONTENT),
        ("sender", CONTENT + PEOPLE),
        ("admin", CONTENT + PEOPLE + SERVICE),
    ],
)
def test_map_leads_only_where_the_role_may_go(desk: Desk, role: str, expected: list[str]) -> None:
    browser = desk.sign_in(role)

    listed = places(browser.read("/desk/account"))

    assert listed == expected
    assert {path: browser.get(path).status_code for path in listed} == dict.fromkeys(listed, 200)


def test_map_marks_where_one_is(desk: Desk) -> None:
    page = desk.sign_in().read("/desk/users/new")

    side = page[page.index('<nav class="side"') :]
    assert re.findall(r'href="([^"]+)" aria-current="page"', side) == ["/desk/users"]


def test_message_after_an_action_is_shown_once_and_read_aloud(desk: Desk) -> None:
    browser = desk.sign_in()

    browser.post("/desk/account", {"name": "New Name", "language": "en"})
    pages = [browser.read("/desk/account") for _ in range(2)]

    assert [re.findall(r'role="status">([^<]*)<', page) for page in pages] == [["Saved."], []]


@pytest.mark.parametrize("who", ["admin", "nobody"])
def test_page_that_is_not_there_shows_the_way_back(desk: Desk, who: str) -> None:
    browser = desk.sign_in(who) if who == "admin" else desk.browse()

    answer = browser.get("/desk/no/such/page")

    assert answer.status_code == 404
    assert re.findall(r'<a class="btn btn-primary[^"]*" href="([^"]+)"', answer.text) == ["/desk/"]


def test_mistakes_lead_to_their_fields(desk: Desk) -> None:
    page = desk.sign_in().post("/desk/account", {"name": "", "language": "en"}).text

    assert re.findall(r'<li><a href="#(\w+)">', page) == ["name"]
    (field,) = re.findall(r'<input [^>]*id="name"[^>]*>', page)
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="name-error"' in field
    assert 'id="name-error"' in page
