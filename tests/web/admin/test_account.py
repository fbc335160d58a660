"""One's own account and password, and the way back for whoever forgot it."""

from pathlib import Path

import pytest

from mailer.usecases import users
from tests.web.desk import PASSWORD, Desk


def test_changed_password_keeps_this_device_and_ends_the_others(desk: Desk) -> None:
    phone, laptop = desk.sign_in(), desk.sign_in()
    values = {"present": PASSWORD, "password": "a new and better one"}

    answer = laptop.post("/desk/account/password", values)

    assert answer.status_code == 303
    assert [laptop.is_in, phone.is_in] == [True, False]
    assert phone.sign_in("admin@example.org").status_code == 422
    assert phone.sign_in("admin@example.org", "a new and better one").status_code == 302


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"present": "wrong"}, "present", "This is not your present password."),
        ({"password": "short"}, "password", "Use at least 12 characters."),
        ({"password": "aaaaaaaaaaaaaaaa"}, "password", "Use more than a few different characters."),
        ({"password": "admin-admin-admin"}, "password", "Do not use your e-mail address"),
        ({"password": "x" * 201}, "password", "Field cannot be longer than 200 characters."),
        ({"password": ""}, "password", "This field is required."),
    ],
)
def test_password_that_cannot_be_used_is_named_and_nothing_changes(
    desk: Desk, values: dict[str, str], field: str, sentence: str
) -> None:
    browser = desk.sign_in()
    typed = {"present": PASSWORD, "password": "a new and better one"} | values

    answer = browser.post("/desk/account/password", typed)

    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert sentence in answer.text
    assert desk.browse().sign_in("admin@example.org").status_code == 302


def test_forgotten_password_is_set_by_a_mailed_link_once(desk: Desk) -> None:
    asker, thief = desk.browse(), desk.browse()
    other_device = desk.sign_in()

    asker.post("/desk/forgotten", {"email": "admin@example.org"})
    path = desk.mailed_path()
    answer = asker.post(path, {"password": "a new and better one"})
    again = thief.get(path)

    assert (answer.status_code, answer.location) == (303, "/desk/")
    assert asker.is_in
    assert not other_device.is_in
    assert again.status_code == 410
    assert "This link was used before." in again.text


def test_answer_about_a_forgotten_password_is_the_same_for_everybody(desk: Desk) -> None:
    with desk.sessions() as session:
        users.deactivate(session, desk.user("viewer").id, "test", desk.now)

    answers = {
        email: desk.browse().post("/desk/forgotten", {"email": email}).text.replace(email, "…")
        for email in ("admin@example.org", "nobody@example.org", "viewer@example.org")
    }

    assert len(set(answers.values())) == 1
    assert len(desk.mails()) == 1


def test_link_for_a_forgotten_password_works_for_an_hour(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = desk.mailed_path()

    desk.wait(minutes=60)
    in_time = desk.browse().get(path).status_code
    desk.wait(seconds=1)
    too_late = desk.browse().get(path).status_code

    assert (in_time, too_late) == (200, 410)


def test_opening_a_password_link_changes_nothing(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = desk.mailed_path()

    scanned = [desk.browse().client.open(path, method=method) for method in ("HEAD", "GET", "GET")]

    assert [answer.status_code for answer in scanned] == [200, 200, 200]
    assert desk.browse().sign_in("admin@example.org").status_code == 302


def test_two_links_are_both_dead_when_one_is_used(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    first = desk.mailed_path()
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    second = desk.mailed_path()

    desk.browse().post(first, {"password": "a new and better one"})

    assert desk.browse().get(second).status_code == 410


@pytest.mark.parametrize("change", ["=", "A", "x" * 5000, "ř"])
def test_altered_password_link_opens_nothing(desk: Desk, change: str) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = desk.mailed_path()
    head, _dot, _signature = path.rpartition(".")

    altered = desk.browse().get(f"{head}.{change}")

    assert altered.status_code == 410


def test_mailed_link_whose_spelling_differs_still_works_only_once(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = desk.mailed_path()
    desk.browse().post(path, {"password": "a new and better one"})

    again = desk.browse().get(path + "=")

    assert again.status_code == 410


def test_asking_for_links_is_limited_per_account(desk: Desk) -> None:
    browser = desk.browse()

    answers = [
        browser.post("/desk/forgotten", {"email": "admin@example.org"}).status_code
        for _ in range(4)
    ]

    assert answers == [200, 200, 200, 429]
    assert len(desk.mails()) == 3


def test_finished_link_is_stored_nowhere(desk: Desk, tmp_path: Path) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    token = desk.mailed_path().removeprefix("/desk/password/")

    stored = b"".join(file.read_bytes() for file in tmp_path.glob("mailer.db*"))

    assert token.rpartition(".")[2].encode() not in stored
    assert b"password link asked for" in stored


def test_name_and_language_are_kept(desk: Desk) -> None:
    browser = desk.sign_in("viewer")

    answer = browser.post("/desk/account", {"name": "  Věra   Malá ", "language": "ar"})

    user = desk.user("viewer")
    assert (answer.status_code, answer.location) == (303, "/desk/account")
    assert (user.name, user.language) == ("Věra Malá", "ar")


@pytest.mark.parametrize(
    "values",
    [
        {"name": "", "language": "en"},
        {"name": "   ", "language": "en"},
        {"name": "x" * 101, "language": "en"},
        {"name": "Věra", "language": "xx"},
        {"name": "Věra"},
    ],
)
def test_account_that_cannot_be_used_stays_as_it_was(desk: Desk, values: dict[str, str]) -> None:
    browser = desk.sign_in("viewer")

    answer = browser.post("/desk/account", values)

    assert answer.status_code == 422
    assert desk.user("viewer").name == "Viewer Person"


def test_account_form_changes_nothing_but_name_and_language(desk: Desk) -> None:
    browser = desk.sign_in("viewer")
    more = {"email": "admin@evil.example", "roles": "admin", "role": "admin", "active": ""}

    browser.post("/desk/account", {"name": "Věra", "language": "en", **more})

    user = desk.user("viewer")
    assert ([role.name for role in user.roles], user.active) == (["viewer"], True)
