"""Deadlines, updates, projects and places on the desk, and what all pages of content promise."""

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from mailer.domain.content import (
    DeadlineKind,
    ProjectStatus,
    UpdateKind,
    Visibility,
)
from mailer.domain.errors import NotFound
from mailer.domain.when import When
from mailer.storage import deadlines as deadline_rows
from mailer.storage import projects as project_rows
from mailer.storage import updates as update_rows
from mailer.storage.events import Event
from mailer.storage.texts import load_texts
from mailer.usecases import updates
from mailer.usecases.updates import UpdateEdit
from tests.usecases.edits import ANNA, words
from tests.web.content import MEETUP, add_event, get_event, refill, send
from tests.web.desk import Desk
from tests.web.pages import Page

EVERY_PAGE = (
    "/desk/events",
    "/desk/events/new",
    "/desk/events/1",
    "/desk/events/1/news",
    "/desk/deadlines",
    "/desk/deadlines/new",
    "/desk/updates",
    "/desk/updates/new",
    "/desk/projects",
    "/desk/projects/new",
    "/desk/venues",
)


def test_deadline_is_written_published_and_withdrawn(desk: Desk) -> None:
    browser = desk.sign_in("editor")
    values = {
        "title": "Vote for two ideas",
        "kind": "vote",
        "closes-day": "2026-12-02",
        "closes-start": "12:00",
        "url": "https://example.org/vote",
    }

    made = send(browser, "/desk/deadlines/new", values, "publish")
    changed = send(browser, "/desk/deadlines/1", {"closes-start": "18:00"}, "save")

    assert (made.location, changed.location) == ("/desk/deadlines", "/desk/deadlines")
    with desk.sessions() as session:
        row = deadline_rows.get_deadline(session, 1)
        assert (row.kind, row.visibility, row.material_revision) == (
            DeadlineKind.VOTE,
            Visibility.PUBLISHED,
            2,
        )
        assert row.closes == When.at(datetime(2026, 12, 2, 18, 0))
    browser.post("/desk/deadlines/1/withdraw", page="/desk/deadlines")
    with desk.sessions() as session:
        assert deadline_rows.get_deadline(session, 1).visibility is Visibility.WITHDRAWN


def test_deadline_without_a_day_stays_a_draft(desk: Desk) -> None:
    values = {"title": "Call", "closes-kind": "none"}

    answer = send(desk.sign_in(), "/desk/deadlines/new", values, "publish")

    assert answer.status_code == 422
    assert 'id="closes-kind-error"' in answer.text
    assert "Give the day it closes before you publish." in answer.text


def test_update_is_written_and_published(desk: Desk) -> None:
    values = {
        "title": "Our strategy is ready",
        "teaser": "Read it.",
        "kind": "result",
        "published_at": "2026-11-25T10:00",
        "is_significant": "y",
    }

    send(desk.sign_in("editor"), "/desk/updates/new", values, "publish")

    with desk.sessions() as session:
        row = update_rows.get_update(session, 1)
        assert (row.kind, row.is_significant, row.visibility) == (
            UpdateKind.RESULT,
            True,
            Visibility.PUBLISHED,
        )
        assert row.published_at.isoformat() == "2026-11-25T09:00:00+00:00"


def test_update_saved_untouched_keeps_its_moment(desk: Desk) -> None:
    with desk.sessions() as session:
        edit = UpdateEdit(words("News"))
        updates.create(session, edit, who=ANNA, now=desk.now, publish=True)
        made_at = desk.now
    desk.wait(days=2)

    answer = send(desk.sign_in(), "/desk/updates/1", {}, "save")

    assert answer.status_code == 303
    with desk.sessions() as session:
        published_at = update_rows.get_update(session, 1).published_at
        assert abs(published_at - made_at) < timedelta(minutes=1)


def test_project_is_written_with_its_partners(desk: Desk) -> None:
    browser = desk.sign_in("editor")
    values = {
        "title": "City for All",
        "period-kind": "day",
        "period-day": "2026-05-01",
        "period-last_day": "2026-12-31",
        "partners-0-name": "Prague City Hall",
        "partners-0-role": "funder",
        "funder_ack": "Paid by the City of Prague.",
    }

    more = send(browser, "/desk/projects/new", values, "add")
    second = {"partners-1-name": "AMIGA", "action": "publish"}
    saved = refill(browser, "/desk/projects/new", more, **second)

    assert (more.status_code, saved.status_code) == (200, 303)
    with desk.sessions() as session:
        row = project_rows.get_project(session, 1)
        assert [(link.organisation.name, link.role.value) for link in row.organisations] == [
            ("Prague City Hall", "funder"),
            ("AMIGA", "partner"),
        ]
        assert project_rows.as_values(session, [row])[0].status(desk.now) is ProjectStatus.ACTIVE
        texts = load_texts(session, "project", [1])[1]
        assert texts["funder_ack"].source() == "Paid by the City of Prague."


def test_place_can_be_corrected_and_named_in_other_languages(desk: Desk) -> None:
    browser = desk.sign_in("editor")
    send(browser, "/desk/events/new", MEETUP | {"sessions-0-new_place": "Town hall"}, "save")
    values = {"street": "Jungmannova 35", "name_cs": "Radnice"}

    answer = send(browser, "/desk/venues/1", values, "", field="street")

    assert answer.status_code == 303
    with desk.sessions() as session:
        venue = get_event(session).sessions[0].venue
        assert venue is not None
        assert venue.street == "Jungmannova 35"
        assert venue.name.pick(("cs",), "en").text == "Radnice"


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_page_obeys_the_policy_and_names_its_parts(desk: Desk, path: str) -> None:
    add_event(desk)

    html = desk.sign_in().read(path)

    page = Page(html)
    assert page.described <= page.ids
    assert {name for name in page.attributes if name.startswith("on") or name == "style"} == set()
    assert re.findall(r"<script(?![^>]* src=)", html) == []
    assert len(re.findall("<h1", html)) == 1
    assert html.count("btn-primary") <= 1


@pytest.mark.parametrize("lang", ["ar", "cs", "uk"])
def test_page_speaks_the_coordinators_language(desk: Desk, lang: str) -> None:
    add_event(desk)
    browser = desk.sign_in()
    with desk.sessions() as session:
        row = session.merge(desk.user("admin"))
        row.language = lang

    html = browser.read("/desk/events/1")

    direction = "rtl" if lang == "ar" else "ltr"
    assert f'<html lang="{lang}" dir="{direction}">' in html


@pytest.mark.parametrize(
    "path",
    [
        "/desk/events/1/publish",
        "/desk/events/1/withdraw",
        "/desk/events/1/duplicate",
        "/desk/events/1/news",
        "/desk/events/1",
        "/desk/events/new",
        "/desk/deadlines/new",
        "/desk/updates/new",
        "/desk/projects/new",
        "/desk/findings/paste",
    ],
)
def test_viewer_changes_nothing(desk: Desk, path: str) -> None:
    add_event(desk)
    viewer = desk.sign_in("viewer")

    answer = viewer.post(path, MEETUP, page="/desk/account")

    assert answer.status_code == 403
    with desk.sessions() as session:
        assert [row.revision for row in session.scalars(select(Event))] == [1]


@pytest.mark.parametrize("path", ["/desk/events", "/desk/findings", "/desk/projects"])
def test_viewer_sees_the_list_without_buttons(desk: Desk, path: str) -> None:
    add_event(desk)

    html = desk.sign_in("viewer").read(path)

    assert "btn-primary" not in html
    assert "/publish" not in html


@pytest.mark.parametrize("path", ["/desk/events/99", "/desk/projects/99", "/desk/venues/99"])
def test_missing_thing_is_not_found(desk: Desk, path: str) -> None:
    assert desk.sign_in().get(path).status_code == 404


def test_missing_event_is_named() -> None:
    assert str(NotFound("event", 99)) == "There is no event “99”."
