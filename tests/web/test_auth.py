"""The desk's door: who comes in, how often one may try, and where one lands."""

from collections.abc import Callable

import pytest

from mailer.storage import audit
from mailer.usecases import users
from tests.web.desk import PASSWORD, Desk

SAME_ANSWER = "That e-mail address and password do not go together."
OPEN = {
    "security.login",
    "security.logout",
    "setup.show",
    "account.ask_link",
    "account.set_password",
}


def make_inactive(desk: Desk) -> None:
    with desk.sessions() as session:
        users.deactivate(session, desk.user("viewer").id, "test", desk.now)


def make_invited(desk: Desk) -> None:
    with desk.sessions() as session:
        new = users.NewUser("invited@example.org", "In Vited", "viewer")
        users.invite(session, new, "test", desk.now)


def test_sign_in_leads_to_the_desk_and_is_logged(desk: Desk) -> None:
    browser = desk.browse()

    answer = browser.sign_in("admin@example.org")

    assert (answer.status_code, answer.location) == (302, "/desk/")
    assert browser.is_in
    with desk.sessions() as session:
        (entry, *_) = audit.list_entries(session)
        assert (entry.who, entry.action) == ("admin@example.org", "signed in")


def test_sign_in_does_not_hash_the_password_anew(desk: Desk) -> None:
    before = desk.user("admin").password

    desk.sign_in("admin")

    assert desk.user("admin").password == before


def test_sign_in_ignores_case_and_spaces_of_the_address(desk: Desk) -> None:
    browser = desk.browse()

    browser.sign_in(" Admin@Example.ORG ")

    assert browser.is_in


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


@pytest.mark.parametrize(
    ("prepare", "email", "password"),
    [
        (None, "admin@example.org", "wrong horse battery"),
        (None, "nobody@example.org", PASSWORD),
        (None, "no address", PASSWORD),
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
    assert not browser.is_in


def test_unknown_address_costs_one_password_hash_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    security = desk.app.extensions["security"]
    hashed: list[str] = []
    monkeypatch.setattr(security, "pwd_context", Counting(security.pwd_context, hashed))

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

    assert browser.is_in


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
    assert [typed.is_in, asked.is_in] == [False, False]


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


def test_every_page_of_the_desk_but_the_door_names_its_permission(desk: Desk) -> None:
    pages = {rule.endpoint for rule in desk.app.url_map.iter_rules() if "/desk" in rule.rule}

    open_pages = {
        page for page in pages if not hasattr(desk.app.view_functions[page], "permission")
    }

    assert open_pages == OPEN
