"""What every answer carries, whatever it is: pages, files, mistakes, letters."""

import pytest
from werkzeug.test import TestResponse

from mailer.web.requests import LETTER_POLICY, PAGE_POLICY
from tests.web.desk import Desk, open_desk
from tests.web.world import World

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def read_always(answer: TestResponse) -> dict[str, str]:
    return {name: answer.headers.get(name, "") for name in ALWAYS}


def read_policy(policy: str) -> dict[str, set[str]]:
    """Directive → what it allows."""
    directives = (part.split() for part in policy.split(";"))
    return {name: set(allowed) for name, *allowed in directives}


def test_every_page_has_the_headers_that_protect_it(world: World) -> None:
    browser = world.browse("admin").client

    answers = {path: browser.get(path) for path in world.list_paths()}

    bare = {path: read_always(answer) for path, answer in answers.items()}
    assert {path: found for path, found in bare.items() if found != ALWAYS} == {}
    kept = {path: answer.headers["Cache-Control"] for path, answer in answers.items()}
    calendar = f"/en/events/{world.values['slug']}.ics"
    assert {path: how for path, how in kept.items() if how != "no-store"} == {
        calendar: "public, max-age=3600"
    }


def test_only_letters_have_a_policy_of_their_own(world: World) -> None:
    browser = world.browse("admin").client

    policies = {
        path: browser.get(path).headers["Content-Security-Policy"] for path in world.list_paths()
    }

    others = {path: policy for path, policy in policies.items() if policy != PAGE_POLICY}
    letter, slug = world.letters["sent"], world.special["public.archive.letter"]["slug"]
    assert others == {
        f"/desk/newsletters/{letter}/letter": LETTER_POLICY,
        f"/en/archive/{slug}/letter": LETTER_POLICY,
        f"/inbox/{world.values['message_id']}/html": LETTER_POLICY,
    }


@pytest.mark.parametrize("language", ["en", "vi"])
def test_desk_may_frame_a_letter_even_where_there_is_none(world: World, language: str) -> None:
    path = f"/desk/newsletters/{world.letters['draft']}/letter?variant={language}"

    answer = world.browse("admin").get(path)

    assert answer.headers["Content-Security-Policy"] == LETTER_POLICY


def test_pages_may_load_and_run_only_what_is_ours() -> None:
    policy = read_policy(PAGE_POLICY)

    assert policy["default-src"] == {"'none'"}
    assert policy["frame-ancestors"] == {"'none'"}
    assert set.union(*policy.values()) == {"'none'", "'self'", "data:"}
    assert policy["script-src"] == {"'self'"}


def test_letters_may_run_nothing_and_send_nothing() -> None:
    policy = read_policy(LETTER_POLICY)

    assert policy["default-src"] == {"'none'"}
    assert "script-src" not in policy
    assert policy["sandbox"] == {
        "allow-popups",
        "allow-popups-to-escape-sandbox",
        "allow-top-navigation-by-user-activation",
    }


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/no/such/page", 404),
        ("GET", "/desk/no/such/page", 404),
        ("GET", "/xx/", 404),
        ("GET", "/u/broken", 404),
        ("DELETE", "/en/", 405),
        ("POST", "/en/subscribe", 422),
        ("GET", "/desk/newsletters", 303),
        ("GET", "/static/no-such-file.css", 404),
        ("GET", "/static/public.css", 200),
        ("OPTIONS", "/en/", 200),
    ],
)
def test_mistakes_and_files_are_as_well_protected(
    world: World, method: str, path: str, code: int
) -> None:
    answer = world.browse().client.open(path, method=method)
    answer.close()

    assert answer.status_code == code
    assert read_always(answer) == ALWAYS
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY


def test_form_from_another_site_is_refused_with_the_same_headers(world: World) -> None:
    browser = world.browse().client

    answer = browser.post("/en/subscribe", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 400
    assert read_always(answer) == ALWAYS
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY


@pytest.fixture
def encrypted_desk(sqlite_url: str, world: World) -> Desk:
    return open_desk(sqlite_url, world.desk.now, https=True)


@pytest.mark.parametrize("path", ["/en/", "/desk/sign-in", "/static/public.css", "/nothing"])
def test_encryption_is_asked_for_where_there_is_some(encrypted_desk: Desk, path: str) -> None:
    answer = encrypted_desk.browse().get(path)
    answer.close()

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_encryption_is_not_asked_for_on_a_machine_without(world: World) -> None:
    answer = world.browse().get("/en/")

    assert "Strict-Transport-Security" not in answer.headers
