"""Looking changes nothing: every page that can be looked at leaves the database as it was, sets no
cookie where nobody is signed in, and keeps the keys in its address to itself."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.web.desk import Desk
from tests.web.world import World, is_desk

TOKEN_ROOMS = ("/u/", "/p/", "/c/", "/a/", "/d/", "/desk/password/")


def dump(desk: Desk) -> Iterator[str]:
    """Every row of every table."""
    with desk.sessions() as session:
        path = session.get_bind().engine.url.database
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    yield from connection.iterdump()
    connection.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("role", ["", "admin"])
def test_looking_at_any_page_changes_nothing(world: World, role: str, method: str) -> None:
    browser = world.browse(role).client
    before = list(dump(world.desk))

    changed_by = []
    for path in world.list_paths():
        browser.open(path, method=method)
        if list(dump(world.desk)) != before:
            changed_by.append(path)
            before = list(dump(world.desk))

    assert changed_by == []


def test_every_page_is_there(world: World) -> None:
    """All but the way in, which a coordinator has passed already."""
    browser = world.browse("admin").client
    elsewhere = {"/": 302, "/desk/setup": 303, "/desk/sign-in": 302}

    answers = {path: browser.get(path).status_code for path in world.list_paths()}

    assert {path: code for path, code in answers.items() if code != elsewhere.get(path, 200)} == {}


def test_page_of_something_that_is_not_there_is_not_found(world: World) -> None:
    browser = world.browse("admin").client
    rules = [rule for rule in world.list_rules() if rule.arguments - {"lang"}]
    nothing = dict.fromkeys(world.values, 999_999) | {"lang": "en", "token": "no-such-token"}

    answers = {rule.rule: browser.get(world.fill(rule, **nothing)).status_code for rule in rules}

    assert len(answers) > 30
    assert {rule: code for rule, code in answers.items() if code not in (404, 410)} == {}


def test_pages_outside_the_desk_set_no_cookie(world: World) -> None:
    browser = world.browse().client
    paths = [path for path in world.list_paths() if not is_desk(path)]

    with_cookie = [path for path in paths if "Set-Cookie" in browser.get(path).headers]

    assert len(paths) > 20
    assert with_cookie == []


def test_pages_behind_a_key_stay_out_of_caches_searches_and_referrers(world: World) -> None:
    browser = world.browse().client
    paths = [path for path in world.list_paths() if path.startswith(TOKEN_ROOMS)]

    headers = {path: browser.get(path).headers for path in paths}

    assert len(paths) == 7
    for path, found in headers.items():
        if not is_desk(path):
            assert found["X-Robots-Tag"] == "noindex, nofollow", path
        assert found["Cache-Control"] == "no-store", path
        assert found["Referrer-Policy"] == "no-referrer", path


@pytest.mark.parametrize("room", ["/c/", "/u/", "/a/", "/d/"])
def test_scanner_that_opens_a_link_twice_leaves_it_usable(world: World, room: str) -> None:
    browser = world.browse().client
    path = next(path for path in world.list_paths() if path.startswith(room))

    codes = [browser.open(path, method=method).status_code for method in ("HEAD", "GET", "GET")]

    assert codes == [200, 200, 200]
