"""The desk's door. Each test is a way in that must work, or one that was found open elsewhere."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailer.storage import audit
from mailer.storage.deliveries import Delivery
from mailer.storage.users import find_user
from mailer.usecases import passwords, users
from tests.web.desk import PASSWORD, Browser, Desk, open_desk

SAME_ANSWER = "That e-mail address and password do not go together."


def is_in(browser: Browser) -> bool:
    return browser.get("/desk/account").status_code == 200


def mailed_path(desk: Desk) -> str:
    """Where the newest “account” mail leads, signed as the worker would do it now."""
    with desk.sessions() as session:
        mail = session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
        assert mail is not None
        assert mail.template == "account"
        return passwords.link_path(desk.links, mail.context, desk.now)


def count_mails(desk: Desk) -> int:
    with desk.sessions() as session:
        return len(session.scalars(select(Delivery)).all())


def seen(answer: TestResponse) -> tuple[int, str]:
    """Status and text of a page, without the form token, which is new each time."""
    lines = [line for line in answer.text.splitlines() if "csrf_token" not in line]
    return answer.status_code, "\n".join(lines)


# Signing in


def test_sign_in_leads_to_the_desk_and_is_logged(desk: Desk) -> None:
    browser = desk.browse()

    answer = browser.sign_in("admin@example.org")

    assert (answer.status_code, answer.location) == (302, "/desk/")
    assert is_in(browser)
    with desk.sessions() as session:
        (entry, *_) = audit.list_entries(session)
        assert (entry.who, entry.action) == ("admin@example.org", "signed in")


def test_sign_in_ignores_case_and_spaces_of_the_address(desk: Desk) -> None:
    browser = desk.browse()

    browser.sign_in(" Admin@Example.ORG ")

    assert is_in(browser)


def test_stranger_is_sent_to_the_sign_in_page_and_back(desk: Desk) -> None:
    browser = desk.browse()

    answer = browser.get("/desk/users?page=2")
    landed = browser.sign_in("admin@example.org", next="/desk/users?page=2")

    assert (answer.status_code, answer.location) == (
        303,
        "/desk/sign-in?next=/desk/users?page%3D2",
    )
    assert landed.location == "/desk/users?page=2"


def test_stranger_of_a_page_fragment_is_sent_away_as_a_whole(desk: Desk) -> None:
    answer = desk.browse().client.get("/desk/users", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/desk/sign-in")


def make_inactive(desk: Desk) -> None:
    with desk.sessions() as session:
        user = find_user(session, "viewer@example.org")
        assert user is not None
        users.deactivate(session, user.id, "test", desk.now)


def make_invited(desk: Desk) -> None:
    with desk.sessions() as session:
        new = users.NewUser("invited@example.org", "In Vited", "viewer")
        users.invite(session, new, "test", desk.now)


@pytest.mark.parametrize(
    ("prepare", "email", "password"),
    [
        (None, "admin@example.org", "wrong horse battery"),
        (None, "nobody@example.org", PASSWORD),
        (None, "no address", PASSWORD),
        (None, "a\0b@example.org", PASSWORD),
        (None, "", PASSWORD),
        (None, "admin@example.org", ""),
        (None, "admin@example.org", "x" * 100_000),
        (make_inactive, "viewer@example.org", PASSWORD),
        (make_invited, "invited@example.org", PASSWORD),
        (make_invited, "invited@example.org", ""),
    ],
)
def test_every_failed_sign_in_gets_the_same_answer(
    desk: Desk, prepare: Callable[[Desk], None] | None, email: str, password: str
) -> None:
    if prepare:
        prepare(desk)
    browser = desk.browse()

    answer = browser.sign_in(email, password)

    assert answer.status_code == 422
    assert answer.text.count(SAME_ANSWER) == 1
    assert 'role="alert"' in answer.text
    assert not is_in(browser)


def test_unknown_address_costs_one_password_hash_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = desk.app.extensions["security"].pwd_context
    hashed = []
    monkeypatch.setattr(
        desk.app.extensions["security"],
        "pwd_context",
        Counting(context, hashed),
    )

    desk.browse().sign_in("nobody@example.org")

    assert hashed == ["hash"]


class Counting:
    """Passes everything on and notes which costly calls were made."""

    def __init__(self, real: object, calls: list[str]) -> None:
        self._real, self._calls = real, calls

    def __getattr__(self, name: str) -> object:
        if name in ("hash", "verify", "verify_and_update"):
            self._calls.append(name)
        return getattr(self._real, name)


def test_password_typed_in_another_normal_form_is_the_same(desk: Desk) -> None:
    with desk.sessions() as session:
        new = users.NewUser("jiri@example.org", "Jiří", "viewer")
        users.add_user(session, new, "řeka teče p\u0159es Prahu", "test", desk.now)
    browser = desk.browse()

    browser.sign_in("jiri@example.org", "r\u030ceka tec\u030ce pr\u030ces Prahu")

    assert is_in(browser)


# Where `next` may lead (A56)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\evil.example",
        "/desk/..//evil.example",
        "/desk//evil.example/../..",
        "/desk/\\evil.example",
        "/desk@evil.example",
        "http:evil.example",
        "https:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "\t//evil.example",
        " //evil.example",
        "/desk/\r\nSet-Cookie: a=b",
        "/en/",
        "/desk/" + "a" * 600,
    ],
)
def test_sign_in_leads_nowhere_but_to_the_desk(desk: Desk, target: str) -> None:
    typed, asked = desk.browse(), desk.browse()

    by_form = typed.sign_in("admin@example.org", next=target)
    token = asked.token("/desk/sign-in")
    by_address = asked.client.post(
        "/desk/sign-in",
        query_string={"next": target},
        data={"csrf_token": token, "email": "admin@example.org", "password": PASSWORD},
    )

    assert [by_form.location, by_address.location] == ["/desk/sign-in", "/desk/sign-in"]
    assert [is_in(typed), is_in(asked)] == [False, False]


# Throttling


def test_account_is_closed_for_a_while_after_ten_tries_even_with_the_right_password(
    desk: Desk,
) -> None:
    browser = desk.browse()
    for _ in range(10):
        assert browser.sign_in("admin@example.org", "wrong horse battery").status_code == 422

    answer = browser.sign_in("ADMIN@example.org")

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert browser.sign_in("sender@example.org").status_code == 302


def test_unknown_account_is_closed_like_a_known_one(desk: Desk) -> None:
    browser = desk.browse()

    answers = [browser.sign_in("nobody@example.org").status_code for _ in range(11)]

    assert answers == [422] * 10 + [429]


def test_visitor_who_tries_many_accounts_is_stopped(desk: Desk) -> None:
    browser = desk.browse()

    answers = [browser.sign_in(f"p{number}@example.org").status_code for number in range(21)]

    assert answers == [422] * 20 + [429]


def test_forged_proxy_header_gives_no_more_tries(desk: Desk) -> None:
    browser = desk.browse()
    for number in range(20):
        browser.client.post(
            "/desk/sign-in",
            data={"csrf_token": browser.token("/desk/sign-in"), "email": f"p{number}@x.org"},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )

    answer = browser.sign_in("admin@example.org")

    assert answer.status_code == 429


# Forged requests (A11)


@pytest.mark.parametrize("value", [None, "", "x", "x" * 5000])
def test_post_without_the_session_s_token_is_refused(desk: Desk, value: str | None) -> None:
    browser = desk.sign_in()
    data = {"name": "Mallory", "language": "en"} | ({"csrf_token": value} if value else {})

    answer = browser.client.post("/desk/account", data=data)

    assert answer.status_code == 400
    assert "Mallory" not in browser.read("/desk/account")


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
    assert not is_in(browser)


def test_sign_in_by_json_is_no_way_around_the_form(desk: Desk) -> None:
    browser = desk.browse()
    token = browser.token("/desk/sign-in")

    answer = browser.client.post(
        "/desk/sign-in?include_auth_token",
        json={"email": "admin@example.org", "password": PASSWORD},
        headers={"X-CSRFToken": token, "Accept": "application/json"},
    )

    assert answer.status_code == 415
    assert not is_in(browser)


def test_token_in_the_query_signs_nobody_in(desk: Desk) -> None:
    with desk.app.test_request_context(), desk.sessions() as session:
        user = find_user(session, "admin@example.org")
        assert user is not None
        serializer = desk.app.extensions["security"].remember_token_serializer
        token = serializer.dumps({"ver": "5", "uid": user.fs_uniquifier, "fs_paa": 0, "exp": 0})

    by_query = desk.browse().get(f"/desk/account?auth_token={token}")
    by_header = desk.browse().client.get("/desk/account", headers={"Authentication-Token": token})

    assert [by_query.status_code, by_header.status_code] == [303, 303]


# Leaving, and sessions that must die (A42)


def test_sign_out_by_get_is_refused(desk: Desk) -> None:
    browser = desk.sign_in()

    answer = browser.get("/desk/sign-out")

    assert answer.status_code == 405
    assert is_in(browser)


def test_sign_out_ends_every_copy_of_the_session(desk: Desk) -> None:
    browser, thief = desk.sign_in(), desk.browse()
    thief.client.set_cookie("desk", browser.cookie, path="/desk")
    assert is_in(thief)

    answer = browser.post("/desk/sign-out", page="/desk/account")

    assert (answer.status_code, answer.location) == (302, "/desk/sign-in")
    assert [is_in(browser), is_in(thief)] == [False, False]


def test_changed_password_keeps_this_device_and_ends_the_others(desk: Desk) -> None:
    phone, laptop = desk.sign_in(), desk.sign_in()
    values = {"present": PASSWORD, "password": "a new and better one"}

    answer = laptop.post("/desk/account/password", values)

    assert answer.status_code == 303
    assert [is_in(laptop), is_in(phone)] == [True, False]
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


@pytest.mark.parametrize("action", ["role", "shut-out"])
def test_changed_rights_end_the_person_s_sessions(desk: Desk, action: str) -> None:
    admin, editor = desk.sign_in("admin"), desk.sign_in("editor")
    with desk.sessions() as session:
        user = find_user(session, "editor@example.org")
        assert user is not None
    page = f"/desk/users/{user.id}"

    answer = admin.post(f"{page}/{action}", {"role": "viewer"}, page=page)

    assert answer.status_code == 303
    assert not is_in(editor)


# Cookies (A43)


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
    assert answer.headers["Vary"] == "Cookie"


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
    forged = SecureCookieSessionInterface().get_signing_serializer(desk.app)
    assert forged is not None
    with desk.sessions() as session:
        user = find_user(session, "admin@example.org")
        assert user is not None
        cookie = str(forged.dumps({"_user_id": user.fs_uniquifier, "_fresh": True}))
    opens, fails = desk.browse(), desk.browse()

    opens.client.set_cookie("desk", cookie, path="/desk")
    fails.client.set_cookie("desk", cookie[:-4] + "AAAA", path="/desk")

    assert [is_in(opens), is_in(fails)] == [True, False]


# A forgotten password (A20, A40, A46)


def test_forgotten_password_is_set_by_a_mailed_link_once(desk: Desk) -> None:
    asker, thief = desk.browse(), desk.browse()
    other_device = desk.sign_in()

    asker.post("/desk/forgotten", {"email": "admin@example.org"})
    path = mailed_path(desk)
    answer = asker.post(path, {"password": "a new and better one"})
    again = thief.get(path)

    assert (answer.status_code, answer.location) == (303, "/desk/")
    assert is_in(asker)
    assert not is_in(other_device)
    assert again.status_code == 410
    assert "This link was used before." in again.text


def test_answer_about_a_forgotten_password_is_the_same_for_everybody(desk: Desk) -> None:
    make_inactive(desk)

    answers = {
        email: desk.browse().post("/desk/forgotten", {"email": email}).text.replace(email, "…")
        for email in ("admin@example.org", "nobody@example.org", "viewer@example.org")
    }

    assert len(set(answers.values())) == 1
    assert count_mails(desk) == 1


def test_link_for_a_forgotten_password_works_for_an_hour(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = mailed_path(desk)

    desk.wait(minutes=60)
    in_time = desk.browse().get(path).status_code
    desk.wait(seconds=1)
    too_late = desk.browse().get(path).status_code

    assert (in_time, too_late) == (200, 410)


def test_opening_a_password_link_changes_nothing(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = mailed_path(desk)

    scanned = [desk.browse().client.open(path, method=method) for method in ("HEAD", "GET", "GET")]

    assert [answer.status_code for answer in scanned] == [200, 200, 200]
    assert desk.browse().sign_in("admin@example.org").status_code == 302


def test_two_links_are_both_dead_when_one_is_used(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    first = mailed_path(desk)
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    second = mailed_path(desk)

    desk.browse().post(first, {"password": "a new and better one"})

    assert desk.browse().get(second).status_code == 410


@pytest.mark.parametrize("change", ["=", "A", "x" * 5000, "%00", "ř"])
def test_altered_password_link_opens_nothing(desk: Desk, change: str) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = mailed_path(desk)
    head, _dot, _signature = path.rpartition(".")

    altered = desk.browse().get(f"{head}.{change}")

    assert altered.status_code == 410


def test_mailed_link_whose_spelling_differs_still_works_only_once(desk: Desk) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    path = mailed_path(desk)
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
    assert count_mails(desk) == 3


def test_finished_link_is_stored_nowhere(desk: Desk, tmp_path: Path) -> None:
    desk.browse().post("/desk/forgotten", {"email": "admin@example.org"})
    token = mailed_path(desk).removeprefix("/desk/password/")

    stored = b"".join(file.read_bytes() for file in tmp_path.glob("mailer.db*"))

    assert token.rpartition(".")[2].encode() not in stored
    assert b"password link asked for" in stored


# The first sign-in (A61)


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
    assert is_in(browser)
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


# Language


@pytest.mark.parametrize(
    ("browser_lang", "query", "lang"),
    [("en", "", "en"), ("ar", "", "ar"), ("xx", "", "en"), ("cs", "?lang=uk", "uk"),
     ("cs", "?lang=<b>", "cs")],
)  # fmt: skip
def test_sign_in_page_speaks_the_stranger_s_language(
    desk: Desk, browser_lang: str, query: str, lang: str
) -> None:
    page = desk.browse(browser_lang).read(f"/desk/sign-in{query}")

    direction = "rtl" if lang == "ar" else "ltr"
    assert f'<html lang="{lang}" dir="{direction}">' in page


def test_desk_speaks_the_coordinator_s_language(desk: Desk) -> None:
    browser = desk.sign_in()

    browser.post("/desk/account", {"name": "Admin", "language": "cs"})

    assert '<html lang="cs" dir="ltr">' in browser.read("/desk/account")


def test_permission_below_the_page_s_is_refused(desk: Desk) -> None:
    answer = desk.sign_in("sender").get("/desk/users")

    assert answer.status_code == 403
    assert "Your role does not include" in answer.text
