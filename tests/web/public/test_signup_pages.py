"""The sign-up form: what visitors see, and what they cannot find out."""

import re
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from mailer.domain.consent import SubscriberState
from mailer.domain.content import Visibility
from mailer.domain.when import When
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.projects import Project
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from tests.usecases.readers import add_reader, key_of
from tests.web.public.visitor import Site, count, open_site

_TICKED = re.compile(r'value="([^"]+)" checked')
ADDRESS = "anna@example.org"


def add_project(site: Site, slug: str, visibility: Visibility) -> None:
    with site.sessions() as session:
        project = Project(
            slug=slug,
            period=When.on(date(2026, 5, 1)),
            topics=("trainings", "opportunities"),
            visibility=visibility,
            created_at=site.now,
            changed_at=site.now,
        )
        session.add(project)


def what_is_seen(answer: TestResponse) -> tuple[str, str, str, int]:
    """All of an answer that a visitor can tell apart, but for the mask of what they typed."""
    landing = re.sub(r"to=[^&]*", "to=…", answer.headers["Location"])
    headers = sorted(name for name, _ in answer.headers)
    return answer.status, landing, " ".join(headers), len(answer.data)


def test_start_leads_to_the_first_language(site: Site) -> None:
    answer = site.get("/", **{"Accept-Language": "cs"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/en/")


def test_home_suggests_the_browsers_language_and_does_not_choose_it(site: Site) -> None:
    answer = site.get("/en/", **{"Accept-Language": "cs-CZ,cs;q=0.9,en;q=0.5"})

    assert (answer.status_code, 'html lang="en"' in answer.text) == (200, True)
    assert '<a class="suggestion" href="/cs/" lang="cs" dir="ltr">Číst česky</a>' in answer.text


def test_sign_up_leads_to_a_page_with_the_masked_address(site: Site) -> None:
    answer = site.sign_up(ADDRESS)
    landing = site.get(answer.headers["Location"])

    assert answer.status_code == 303
    assert "anna" not in answer.headers["Location"]
    assert "<bdi>a***@example.org</bdi>" in landing.text
    assert site.list_mails() == [("confirm", ADDRESS)]


def test_sign_up_keeps_the_real_network_address_as_proof(site: Site) -> None:
    site.browser.environ_base["REMOTE_ADDR"] = "192.0.2.9"

    site.browser.post(
        "/cs/subscribe",
        data={
            "email": ADDRESS,
            "languages": "cs",
            "topics": "events",
            "opened": site.links.form_token(site.now - timedelta(seconds=5)),
        },
        headers={"X-Forwarded-For": "203.0.113.1"},
    )

    with site.sessions() as session:
        proof = session.scalars(select(Consent)).one()
        assert (proof.ip, proof.language, proof.source) == ("192.0.2.9", "cs", "form")


@pytest.mark.parametrize("state", [None, "suppressed", *SubscriberState])
def test_sign_up_answers_alike_for_everyone(
    site: Site, state: SubscriberState | str | None
) -> None:
    expected = what_is_seen(site.sign_up("stranger@example.org"))
    with site.sessions() as session:
        if isinstance(state, SubscriberState):
            add_reader(session, site.now, state)
        elif state:
            suppress(session, key_of(ADDRESS), Scope.EVERYTHING, "complained", site.now)

    first, capped = site.sign_up(ADDRESS), site.sign_up(ADDRESS)

    length = len("stranger@example.org"[:1]) - len(ADDRESS[:1])
    assert what_is_seen(first) == what_is_seen(capped) == (*expected[:3], expected[3] + length)


def test_sign_up_works_as_much_for_everyone(site: Site) -> None:
    """Each answer writes to the database: none is faster because there was nothing to do."""
    with site.sessions() as session:
        add_reader(session, site.now, SubscriberState.BOUNCED)
        suppress(session, key_of("s@example.org"), Scope.EVERYTHING, "complained", site.now)

    for address in (ADDRESS, "s@example.org", "new@example.org", "new@example.org"):
        site.sign_up(address)

    with site.sessions() as session:
        assert count(session, AuditEntry) == 3
    assert site.list_mails() == [("confirm", "new@example.org")]


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "not an address"},
        {"email": "{{7*7}}@gmail.com"},
        {"email": "a\x00b@example.org"},
        {"email": "x" * 300_000},
        {"languages": "xx"},
        {"languages": "'; drop table subscriber"},
        {"topics": []},
        {"topics": ["\x00", "members"]},
        {"opened": ""},
        {"opened": "\x00"},
        {"opened": "x" * 10_000},
    ],
)
def test_sign_up_shows_the_form_again_with_what_was_typed(
    site: Site, changes: dict[str, object]
) -> None:
    answer = site.sign_up(**{"email": ADDRESS, **changes})

    assert answer.status_code == 422
    assert 'name="cadence" value="weekly" checked' in answer.text
    with site.sessions() as session:
        assert count(session, Subscriber) == 0


def test_sign_up_error_is_beside_the_field_and_in_the_summary(site: Site) -> None:
    page = site.sign_up("anna.example.org", topics=["trainings"], also=["uk"]).text

    sentence = "An e-mail address needs one @, as in name@example.org."
    assert f'<p class="error" id="email-error">{sentence}</p>' in page
    assert f'<a href="#email">E-mail address: {sentence}</a>' in page
    assert 'value="anna.example.org"' in page
    assert _TICKED.findall(page) == ["uk", "trainings", "weekly"]


def test_sign_up_ignores_fields_that_are_not_on_the_form(site: Site) -> None:
    site.sign_up(ADDRESS, state="confirmed", status="confirmed", source="x", is_public="1")

    reader = site.find(ADDRESS)
    assert (reader.state, reader.source) == (SubscriberState.PENDING, "form")


def test_sign_up_pretends_when_a_machine_filled_in_the_trap(site: Site) -> None:
    caught = site.sign_up(ADDRESS, comment="cheap pills")
    garbage = site.sign_up("no address", comment="cheap pills")

    assert what_is_seen(caught) == what_is_seen(site.sign_up(ADDRESS))
    assert garbage.status_code == 303
    assert site.list_mails() == [("confirm", ADDRESS)]


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(seconds=1), 422),
        (timedelta(seconds=2), 303),
        (timedelta(hours=24), 303),
        (timedelta(hours=24, seconds=1), 422),
        (timedelta(minutes=-2), 422),
    ],
)
def test_sign_up_takes_as_long_as_a_person_takes(site: Site, age: timedelta, status: int) -> None:
    answer = site.sign_up(ADDRESS, opened=site.links.form_token(site.now - age))

    assert answer.status_code == status


def test_sign_up_that_came_too_fast_works_at_the_second_try(site: Site) -> None:
    page = site.sign_up(ADDRESS, opened=site.links.form_token(site.now)).text
    [opened] = re.findall(r'name="opened" value="([^"]+)"', page)
    site.wait(seconds=3)

    assert 'value="anna@example.org"' in page
    assert site.sign_up(ADDRESS, opened=opened).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "null"}, 303),
        ({}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Origin": "https://evil.example"}, 400),
        ({"Origin": "http://localhost.evil.example"}, 400),
        ({"Origin": "http://[bad"}, 400),
    ],
)
def test_sign_up_is_refused_from_other_sites(
    site: Site, headers: dict[str, str], status: int
) -> None:
    opened = site.links.form_token(site.now - timedelta(seconds=5))
    values: dict[str, object] = {
        "email": ADDRESS, "languages": "en", "topics": "events", "opened": opened,
    }  # fmt: skip

    answer = site.post("/en/subscribe", values, **headers)

    assert answer.status_code == status
    assert len(site.list_mails()) == (status == 303)


@pytest.mark.parametrize(
    ("query", "ticked"),
    [
        ("", ["events", "participation", "project-news"]),
        ("?topic=trainings", ["trainings"]),
        ("?topic=trainings&topic=events", ["events", "trainings"]),
        ("?topic=no-such&topic=%00", ["events", "participation", "project-news"]),
        ("?project=city-for-all", ["trainings", "opportunities"]),
        ("?project=city-for-all&topic=events", ["events", "trainings", "opportunities"]),
        ("?project=secret-plan", ["events", "participation", "project-news"]),
        ("?project=%00%27", ["events", "participation", "project-news"]),
    ],
)
def test_form_ticks_what_its_address_asks_for(site: Site, query: str, ticked: list[str]) -> None:
    add_project(site, "city-for-all", Visibility.PUBLISHED)
    add_project(site, "secret-plan", Visibility.DRAFT)

    page = site.read(f"/en/subscribe{query}")

    assert _TICKED.findall(page) == [*ticked, "weekly"]


@pytest.mark.parametrize(
    ("slug", "source"),
    [
        ("city-for-all", "project:city-for-all"),
        ("secret-plan", "form"),
        ("\x00", "form"),
    ],
)
def test_sign_up_remembers_the_project_it_came_from(site: Site, slug: str, source: str) -> None:
    add_project(site, "city-for-all", Visibility.PUBLISHED)
    add_project(site, "secret-plan", Visibility.DRAFT)

    site.sign_up(ADDRESS, project=slug)

    assert site.find(ADDRESS).source == source


def test_check_inbox_shows_no_text_from_its_address(site: Site) -> None:
    page = site.read("/en/check-inbox?to=call+0900+now&msg=evil")

    text = re.sub(r"<[^>]*>", "", page)
    assert ("0900" in text, "evil" in page) == (False, False)
    assert "We sent you a message." in page


@pytest.mark.parametrize("state", [None, *SubscriberState])
def test_link_form_answers_alike_for_everyone(site: Site, state: SubscriberState | None) -> None:
    expected = what_is_seen(site.ask_link("another@example.org"))
    if state:
        with site.sessions() as session:
            add_reader(session, site.now, state)

    answer = site.ask_link(ADDRESS)
    landing = site.get(answer.headers["Location"])

    assert what_is_seen(answer) == expected
    assert "If our letters come to <strong><bdi>a***@example.org</bdi></strong>" in landing.text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"email": "nobody"}, 422),
        ({"opened": "x"}, 422),
        ({"comment": "spam"}, 303),
        ({"comment": "spam", "email": "nobody"}, 303),
    ],
)
def test_link_form_has_the_same_walls(
    site: Site, reader: Subscriber, changes: dict[str, str], status: int
) -> None:
    answer = site.ask_link(**{"email": ADDRESS, **changes})

    assert (answer.status_code, site.list_mails()) == (status, [])


def test_forms_that_send_mail_share_a_limit_for_each_network(
    sqlite_url: str, now: datetime
) -> None:
    site = open_site(sqlite_url, now, signups_per_hour_per_ip=2)

    def try_from(ip: str, email: str) -> int:
        site.browser.environ_base["REMOTE_ADDR"] = ip
        return site.sign_up(email).status_code

    mistyped = [try_from("192.0.2.1", "nobody") for _ in range(4)]
    taken = [try_from("192.0.2.1", f"a{n}@example.org") for n in range(2)]
    too_many = site.ask_link("b@example.org")
    other = try_from("198.51.100.1", "c@example.org")
    house = [try_from(f"2001:db8:0:1::{n}", f"d{n}@example.org") for n in range(3)]

    assert (mistyped, taken, other) == ([422] * 4, [303, 303], 303)
    assert too_many.status_code == 429
    assert int(too_many.headers["Retry-After"]) > 0
    assert house == [303, 303, 429]


def test_forms_have_a_limit_for_neighbours_and_for_everyone(sqlite_url: str, now: datetime) -> None:
    site = open_site(sqlite_url, now, signups_per_hour_per_ip=1, signups_per_hour=6)

    def try_from(ip: str) -> int:
        site.browser.environ_base["REMOTE_ADDR"] = ip
        return site.sign_up(f"x{ip.replace('.', '-')}@example.org").status_code

    neighbours = [try_from(f"192.0.2.{n}") for n in range(6)]
    others = [try_from(f"198.51.{n}.1") for n in range(2)]

    assert neighbours == [303, 303, 303, 303, 303, 429]
    assert others == [303, 429]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("&".join(f"k{n}=v" for n in range(10_000)), "application/x-www-form-urlencoded"),
        ("email=" + "x" * 1_000_000, "application/x-www-form-urlencoded"),
        ("email=%00%ED%A0%80%FF", "application/x-www-form-urlencoded"),
        ("\x00" * 1000, "multipart/form-data; boundary=x"),
        ("not a form", "multipart/form-data"),
        ('{"a":' * 5000, "application/json"),
        ("email=a%40b.cz", "text/plain"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("path", ["/en/subscribe", "/cs/link"])
def test_forms_survive_hostile_bodies(site: Site, path: str, body: str, kind: str) -> None:
    answer = site.browser.post(path, data=body, content_type=kind)

    assert answer.status_code in (400, 413, 422)
    assert site.list_mails() == []
