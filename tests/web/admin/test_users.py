"""Coordinators as administrators see them."""

import pytest

from tests.web.desk import PASSWORD, Desk

INVITED = {"name": "Samir", "email": "samir@example.org", "role": "editor", "language": "ar"}


def test_list_names_everybody_with_role_and_state(desk: Desk) -> None:
    admin = desk.sign_in()
    admin.post("/desk/users/new", INVITED)
    viewer = f"/desk/users/{desk.user('viewer').id}"
    admin.post(f"{viewer}/shut-out", page=viewer)

    page = admin.read("/desk/users")

    assert page.count('class="people-row"') == 5
    assert page.count(">invited<") == 1
    assert page.count(">shut out<") == 1
    assert page.count(">administrator<") == 1


def test_invited_person_chooses_a_password_and_is_in(desk: Desk) -> None:
    answer = desk.sign_in().post("/desk/users/new", INVITED)
    newcomer = desk.browse()
    path = desk.mailed_path()

    desk.wait(hours=47)
    shown = newcomer.read(path)
    done = newcomer.post(path, {"password": "a river runs through"})

    mail = desk.mails()[-1]
    assert (answer.status_code, answer.location) == (303, "/desk/users")
    assert (mail.address, mail.language, mail.context["purpose"]) == (
        "samir@example.org",
        "ar",
        "invite",
    )
    assert "samir@example.org" in shown
    assert done.status_code == 303
    assert newcomer.is_in


def test_invitation_is_dead_after_48_hours_and_can_be_sent_again(desk: Desk) -> None:
    admin = desk.sign_in()
    admin.post("/desk/users/new", INVITED)
    old = desk.mailed_path()
    page = f"/desk/users/{desk.user('samir').id}"
    desk.wait(hours=48, seconds=1)

    again = admin.post(f"{page}/invite", page=page)

    assert desk.browse().get(old).status_code == 410
    assert again.status_code == 303
    assert desk.browse().get(desk.mailed_path()).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"email": ""}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": "-oQ/tmp@example.org"}, "email"),
        ({"email": "ADMIN@example.org"}, "email"),
        ({"role": "owner"}, "role-0"),
        ({"role": ""}, "role-0"),
        ({"language": "xx"}, "language"),
    ],
)
def test_invitation_that_cannot_be_sent_names_the_field(
    desk: Desk, change: dict[str, str], field: str
) -> None:
    answer = desk.sign_in().post("/desk/users/new", INVITED | change)

    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert f'id="{field}"' in answer.text
    assert desk.mails() == []


def test_person_who_signed_in_once_is_not_invited_again(desk: Desk) -> None:
    page = f"/desk/users/{desk.user('viewer').id}"

    answer = desk.sign_in().post(f"{page}/invite", page=page)

    assert answer.status_code == 409
    assert desk.mails() == []


def test_changed_role_is_what_the_person_may_do_next(desk: Desk) -> None:
    page = f"/desk/users/{desk.user('editor').id}"

    desk.sign_in().post(f"{page}/role", {"role": "admin"}, page=page)

    assert desk.sign_in("editor").get("/desk/users").status_code == 200


@pytest.mark.parametrize("role", ["owner", ""])
def test_role_that_there_is_not_changes_nothing(desk: Desk, role: str) -> None:
    page = f"/desk/users/{desk.user('editor').id}"

    answer = desk.sign_in().post(f"{page}/role", {"role": role}, page=page)

    assert answer.status_code == 422
    assert [role.name for role in desk.user("editor").roles] == ["editor"]


@pytest.mark.parametrize(("action", "values"), [("role", {"role": "viewer"}), ("shut-out", {})])
def test_last_administrator_stays(desk: Desk, action: str, values: dict[str, str]) -> None:
    admin = desk.sign_in()
    page = f"/desk/users/{desk.user('admin').id}"

    answer = admin.post(f"{page}/{action}", values, page=page)

    assert answer.status_code == 409
    assert "Somebody must stay administrator." in answer.text
    assert admin.is_in


def test_person_who_was_shut_out_comes_back_only_when_let_in(desk: Desk) -> None:
    admin = desk.sign_in()
    page = f"/desk/users/{desk.user('editor').id}"
    admin.post(f"{page}/shut-out", page=page)

    refused = desk.browse().sign_in("editor@example.org")
    admin.post(f"{page}/let-in", page=page)
    allowed = desk.browse().sign_in("editor@example.org", PASSWORD)

    assert (refused.status_code, allowed.status_code) == (422, 302)


@pytest.mark.parametrize("number", ["0", "999", str(10**30), "9" * 5000, "-1"])
def test_coordinator_who_is_not_there_is_not_found(desk: Desk, number: str) -> None:
    answer = desk.sign_in().get(f"/desk/users/{number}")

    assert answer.status_code == 404


def test_name_that_is_markup_is_shown_as_text(desk: Desk) -> None:
    admin = desk.sign_in()

    admin.post("/desk/users/new", INVITED | {"name": "<script>alert(1)</script>"})
    page = admin.read("/desk/users")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
