"""Who may do what, asked of every page of the desk: role × address × method, from the URL map.

Requests run against an application whose transactions never commit, so the buttons can be pressed
by everyone in turn and the service stays as it was.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from mailer.domain.permissions import ROLES, Permission
from mailer.storage.db import open_sessions
from mailer.web.app import create_app
from mailer.web.parts import WebParts
from tests.web.desk import Browser
from tests.web.world import World, is_desk

METHODS = ("GET", "POST")
STRANGER = "a stranger"
OPEN = {
    "security.login",
    "security.logout",
    "setup.show",
    "account.ask_link",
    "account.set_password",
}
"""The way in and the way out. Each is tested for itself in test_auth and test_setup."""

TO_SIGN_IN, FORBIDDEN, ALLOWED = "to sign-in", "forbidden", "allowed"

Ask = Callable[[str, Rule, str], str]


@pytest.fixture(scope="module")
def ask(world: World) -> Ask:
    """What the desk answers: (who, where, method) → TO_SIGN_IN, FORBIDDEN or ALLOWED."""
    parts: WebParts = world.desk.app.extensions["mailer"]
    with world.desk.sessions() as session:
        engine = session.get_bind().engine
    app = create_app(replace(parts, sessions=open_sessions(engine, reads_only=True)))
    browsers: dict[str, tuple[FlaskClient, str]] = {STRANGER: (app.test_client(), "")}
    for role in ROLES:
        cookie = world.browse(role).cookie
        client = app.test_client()
        client.set_cookie("desk", cookie, path="/desk")
        browsers[role] = client, Browser(client).token("/desk/account")

    def answer(who: str, rule: Rule, method: str) -> str:
        client, token = browsers[who]
        response = client.open(world.fill(rule), method=method, data={"csrf_token": token})
        if response.status_code == 403:
            return FORBIDDEN
        if response.status_code == 303 and response.location.startswith("/desk/sign-in"):
            return TO_SIGN_IN
        assert response.status_code != 400, (who, rule, method)
        return ALLOWED

    return answer


def list_doors(world: World) -> list[tuple[Rule, str]]:
    """Every address of the desk with every method it takes, but the way in."""
    return [
        (rule, method)
        for method in METHODS
        for rule in world.list_rules(method)
        if is_desk(rule.rule) and rule.endpoint not in OPEN
    ]


def find_permission(world: World, rule: Rule) -> Permission | None:
    view = world.desk.app.view_functions[rule.endpoint]
    return getattr(view, "permission", None)


def test_every_page_of_the_desk_requires_a_permission(world: World) -> None:
    doors = list_doors(world)

    unguarded = {rule.endpoint for rule, _ in doors if find_permission(world, rule) is None}

    assert len(doors) > 60
    assert unguarded == set()


def test_no_page_outside_the_desk_requires_a_permission(world: World) -> None:
    outside = [rule for rule in world.desk.app.url_map.iter_rules() if not is_desk(rule.rule)]

    assert {rule.endpoint for rule in outside if find_permission(world, rule)} == set()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_role_reaches_exactly_what_it_includes(world: World, ask: Ask, role: str) -> None:
    doors = list_doors(world)
    wanted = {
        (rule.rule, method): ALLOWED if find_permission(world, rule) in ROLES[role] else FORBIDDEN
        for rule, method in doors
    }

    found = {(rule.rule, method): ask(role, rule, method) for rule, method in doors}

    assert found == wanted


@pytest.mark.parametrize("method", METHODS)
def test_stranger_is_sent_to_sign_in_everywhere(world: World, ask: Ask, method: str) -> None:
    doors = [rule for rule, allowed in list_doors(world) if allowed == method]

    found = {rule.rule: ask(STRANGER, rule, method) for rule in doors}

    assert {path: answer for path, answer in found.items() if answer != TO_SIGN_IN} == {}


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("viewer", "view"),
        ("editor", "view write"),
        ("sender", "view write send people"),
        ("admin", "view write send people admin"),
    ],
)
def test_roles_are_those_of_the_documentation(role: str, permissions: str) -> None:
    assert ROLES[role] == {Permission(name) for name in permissions.split()}
