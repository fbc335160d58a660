"""The first administrator: whoever knows the code from the console, and nobody after."""

from datetime import datetime

import pytest

from mailer.storage.users import find_user
from mailer.usecases import users
from tests.web.desk import PASSWORD, Desk, open_desk


@pytest.fixture
def empty(sqlite_url: str, now: datetime) -> Desk:
    return open_desk(sqlite_url, now, staff=False)


FIRST = {"name": "Anna", "email": "anna@example.org", "password": PASSWORD}


def make_code(desk: Desk) -> str:
    with desk.sessions() as session:
        return users.make_setup_code(session, desk.now)


def test_setup_code_makes_the_first_administrator(empty: Desk) -> None:
    code, browser = make_code(empty), empty.browse("cs")

    sent = browser.get("/desk/sign-in")
    answer = browser.post("/desk/setup", {**FIRST, "code": f" {code.lower().replace('-', ' ')} "})

    assert (sent.status_code, sent.location) == (303, "/desk/setup")
    assert (answer.status_code, answer.location) == (303, "/desk/")
    assert browser.is_in
    with empty.sessions() as session:
        user = find_user(session, "anna@example.org")
        assert user is not None
        assert ([role.name for role in user.roles], user.language) == (["admin"], "cs")


def test_setup_is_closed_as_soon_as_there_is_a_coordinator(desk: Desk) -> None:
    browser = desk.browse()

    shown = browser.get("/desk/setup")
    sent = browser.post("/desk/setup", {**FIRST, "code": "x"}, page="/desk/sign-in")

    assert [answer.location for answer in (shown, sent)] == ["/desk/sign-in", "/desk/sign-in"]


def test_setup_without_a_code_in_the_database_is_closed(empty: Desk) -> None:
    answers = [
        empty.browse().post("/desk/setup", {**FIRST, "code": code}).status_code
        for code in ("x", "None", "0" * 64)
    ]

    assert answers == [403, 403, 403]


def test_five_wrong_setup_codes_close_the_setup_for_a_while(empty: Desk) -> None:
    code, browser = make_code(empty), empty.browse()
    for _ in range(5):
        wrong = browser.post("/desk/setup", {**FIRST, "code": "AAAA-AAAA-AAAA-AAAA"})
        assert wrong.status_code == 403
        assert "This is not the setup code." in wrong.text

    answer = browser.post("/desk/setup", {**FIRST, "code": code})

    assert answer.status_code == 429


def test_mistake_beside_the_right_code_costs_no_try_and_keeps_what_was_typed(empty: Desk) -> None:
    code, browser = make_code(empty), empty.browse()
    for _ in range(6):
        answer = browser.post("/desk/setup", {**FIRST, "code": code, "password": "short"})
        assert answer.status_code == 422

    done = browser.post("/desk/setup", {**FIRST, "code": code})

    assert 'value="anna@example.org"' in answer.text
    assert "short" not in answer.text.replace("at least", "")
    assert done.status_code == 303


def test_new_setup_code_ends_the_old_one(empty: Desk) -> None:
    old, new = make_code(empty), make_code(empty)
    browser = empty.browse()

    answers = [
        browser.post("/desk/setup", {**FIRST, "code": code}).status_code for code in (old, new)
    ]

    assert answers == [403, 303]
