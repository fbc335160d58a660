"""What a session is good for, what ends it, and what is refused although it is there."""

import re
from datetime import datetime

import pytest
from flask.sessions import SecureCookieSessionInterface

from tests.web.desk import PASSWORD, Desk, open_desk


@pytest.mark.parametrize("value", [None, "", "x", "x" * 5000])
def test_post_without_the_session_s_token_is_refused(desk: Desk, value: str | None) -> None:
    browser = desk.sign_in()
    data = {"name": "Mallory", "language": "en"} | ({"csrf_token": value} if value else {})

    answer = browser.client.post("/desk/account", data=data)

    assert answer.status_code == 400
    assert "Mallory" not in browser.read("/desk/account")


def test_every_form_of_the_desk_needs_the_token(desk: Desk) -> None:
    browser = desk.sign_in()
    paths = [
        re.sub(r"<int:\w+>", "1", re.sub(r"<(slug:)?\w+>", "x", rule.rule))
        for rule in desk.app.url_map.iter_rules()
        if rule.rule.startswith("/desk") and "POST" in (rule.methods or ())
    ]

    answers = {path: browser.client.post(path, data={"a": "b"}).status_code for path in paths}

    assert answers == dict.fromkeys(paths, 400)
    assert len(paths) > 10
    assert browser.is_in


def test_token_of_another_session_is_refused(desk: Desk) -> None:
    victim, attacker = desk.sign_in("admin"), desk.sign_in("viewer")
    data = {"name": "Mallory", "language": "en", "csrf_token": attacker.token("/desk/account")}

    answer = victim.client.post("/desk/account", data=data)

    assert answer.status_code == 400


def test_token_from_before_sign_in_is_refused(desk: Desk) -> None:
    browser = desk.browse()
    token = browser.token("/desk/sign-in")
    browser.sign_in("admin@example.org")
    data = {"name": "Mallory", "language": "en", "csrf_token": token}

    answer = browser.client.post("/desk/account", data=data)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "https://evil.example"}, 400),
        ({"Origin": "http://localhost.evil.example"}, 400),
        ({"Origin": "http://localhost:8000"}, 400),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
    ],
)
def test_form_is_taken_from_our_own_pages_only(
    desk: Desk, headers: dict[str, str], status: int
) -> None:
    browser = desk.sign_in()
    data = {"name": "New Name", "language": "en", "csrf_token": browser.token("/desk/account")}

    answer = browser.client.post("/desk/account", data=data, headers=headers)

    assert answer.status_code == status


def test_sign_in_form_needs_its_token_too(desk: Desk) -> None:
    browser = desk.browse()

    answer = browser.client.post(
        "/desk/sign-in", data={"email": "admin@example.org", "password": PASSWORD}
    )

    assert answer.status_code == 400
    assert not browser.is_in


def test_sign_in_by_json_is_no_way_around_the_form(desk: Desk) -> None:
    browser = desk.browse()
    token = browser.token("/desk/sign-in")

    answer = browser.client.post(
        "/desk/sign-in?include_auth_token",
        json={"email": "admin@example.org", "password": PASSWORD},
        headers={"X-CSRFToken": token, "Accept": "application/json"},
    )

    assert answer.status_code == 415
    assert not browser.is_in


def test_token_in_the_query_signs_nobody_in(desk: Desk) -> None:
    serializer = desk.app.extensions["security"].remember_token_serializer
    epoch = desk.user("admin").fs_uniquifier
    token = serializer.dumps({"ver": "5", "uid": epoch, "fs_paa": 0, "exp": 0})

    by_query = desk.browse().get(f"/desk/account?auth_token={token}")
    by_header = desk.browse().client.get("/desk/account", headers={"Authentication-Token": token})

    assert [by_query.status_code, by_header.status_code] == [303, 303]


def test_sign_out_by_get_is_refused(desk: Desk) -> None:
    browser = desk.sign_in()

    answer = browser.get("/desk/sign-out")

    assert answer.status_code == 405
    assert browser.is_in


def test_sign_out_ends_every_copy_of_the_session(desk: Desk) -> None:
    browser, thief = desk.sign_in(), desk.browse()
    thief.client.set_cookie("desk", browser.cookie, path="/desk")
    assert thief.is_in

    answer = browser.post("/desk/sign-out", page="/desk/account")

    assert (answer.status_code, answer.location) == (302, "/desk/sign-in")
    assert [browser.is_in, thief.is_in] == [False, False]


@pytest.mark.parametrize("action", ["role", "shut-out"])
def test_changed_rights_end_the_person_s_sessions(desk: Desk, action: str) -> None:
    admin, editor = desk.sign_in("admin"), desk.sign_in("editor")
    page = f"/desk/users/{desk.user('editor').id}"

    answer = admin.post(f"{page}/{action}", {"role": "viewer"}, page=page)

    assert answer.status_code == 303
    assert not editor.is_in


@pytest.mark.parametrize("https", [False, True])
def test_session_cookie_is_shut_to_scripts_other_sites_and_public_pages(
    sqlite_url: str, now: datetime, https: bool
) -> None:
    browser = open_desk(sqlite_url, now, https=https).browse()

    (cookie,) = browser.get("/desk/sign-in").headers.getlist("Set-Cookie")

    flags = {part.strip() for part in cookie.split(";")[1:]}
    assert flags == {"HttpOnly", "SameSite=Lax", "Path=/desk"} | ({"Secure"} if https else set())


def test_pages_of_the_desk_are_not_kept_by_caches(desk: Desk) -> None:
    answer = desk.sign_in().get("/desk/account")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept-Encoding, Cookie"


@pytest.mark.parametrize(
    "path", ["/", "/en/", "/cs/events", "/en/archive", "/healthz", "/robots.txt", "/no/such/page"]
)
def test_public_page_sets_no_cookie_and_reads_none(desk: Desk, path: str) -> None:
    browser = desk.sign_in()

    answer = browser.client.get(path, headers={"Cookie": f"desk={browser.cookie}"})

    assert answer.headers.getlist("Set-Cookie") == []
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_static_file_answers_whoever_sends_a_session(desk: Desk) -> None:
    browser = desk.sign_in()

    answer = browser.client.get("/static/desk.css", headers={"Cookie": f"desk={browser.cookie}"})

    answer.close()
    assert answer.status_code == 200
    assert answer.headers.getlist("Set-Cookie") == []


def test_cookie_signed_with_another_key_opens_nothing(desk: Desk) -> None:
    signer = SecureCookieSessionInterface().get_signing_serializer(desk.app)
    assert signer is not None
    cookie = str(signer.dumps({"_user_id": desk.user("admin").fs_uniquifier, "_fresh": True}))
    opens, fails = desk.browse(), desk.browse()

    opens.client.set_cookie("desk", cookie, path="/desk")
    fails.client.set_cookie("desk", cookie[:-4] + "AAAA", path="/desk")

    assert [opens.is_in, fails.is_in] == [True, False]


@pytest.mark.parametrize("path", ["/desk/log?who=%00", "/desk/settings/plans/%00", "/desk/%00"])
def test_nul_in_an_address_is_refused_before_any_database_sees_it(desk: Desk, path: str) -> None:
    answer = desk.sign_in().get(path)

    assert answer.status_code == 400


def test_nul_in_a_form_is_refused_before_any_database_sees_it(desk: Desk) -> None:
    answer = desk.browse().sign_in("ad\0min@example.org")

    assert answer.status_code == 400
