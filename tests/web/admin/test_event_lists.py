"""The list of events, its buttons, and the page that cancels and moves."""

import re
from datetime import date, datetime

import pytest
from sqlalchemy import event as sql_events

from mailer.domain.content import (
    Attendance,
    Status,
    Visibility,
)
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.usecases import events
from tests.usecases.edits import ANNA, event_edit, translated
from tests.web.content import MEETUP, add_event, get_event, headings, send
from tests.web.desk import Browser, Desk


def test_translation_is_sent_only_once_checked(desk: Desk) -> None:
    add_event(desk)
    browser = desk.sign_in()
    draft = {"text_cs-title": "Setkání", "text_cs-state": "draft"}

    send(browser, "/desk/events/1", draft, "save")
    begun = _marks(browser.read("/desk/events"))
    send(browser, "/desk/events/1", {"text_cs-state": "reviewed"}, "save")
    ready = _marks(browser.read("/desk/events"))
    send(browser, "/desk/events/1", {"title": "Prague 7 meet-up"}, "save")
    outdated = _marks(browser.read("/desk/events"))
    send(browser, "/desk/events/1", {"text_cs-is_checked": "y"}, "save")
    checked = _marks(browser.read("/desk/events"))

    assert [one["cs"] for one in (begun, ready, outdated, checked)] == ["~", "✓", "~", "✓"]
    assert (begun["en"], begun["uk"]) == ("✓", "–")


def _marks(html: str) -> dict[str, str]:
    return dict(re.findall(r'aria-hidden="true">(\w\w) (.)</span>', html))


def test_list_shows_what_needs_a_date_first_then_the_soonest(desk: Desk) -> None:
    browser = desk.sign_in()
    with desk.sessions() as session:
        for title, when, is_published in (
            ("Later", When.at(datetime(2027, 1, 5, 18, 0)), True),
            ("Sooner", When.at(datetime(2026, 12, 1, 18, 0)), True),
            ("All day", When.on(date(2026, 12, 1)), True),
            ("Spring", When.in_season("spring", 2027), True),
            ("Sometime", When.unknown(), False),
            ("Over", When.on(date(2026, 11, 1)), True),
        ):
            edit = event_edit(title, when)
            events.create(session, edit, who=ANNA, now=desk.now, publish=is_published)
        gone = events.create(session, event_edit("Gone"), who=ANNA, now=desk.now)
        events.withdraw(session, gone.id, who=ANNA, now=desk.now)

    pages = {show: browser.read(f"/desk/events?show={show}") for show in ("x", "past", "withdrawn")}

    assert {show: headings(page) for show, page in pages.items()} == {
        "x": ["Sometime", "Spring", "All day", "Sooner", "Later"],
        "past": ["Over"],
        "withdrawn": ["Gone"],
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("topic=events", ["A"]),
        ("topic=trainings", []),
        ("missing=cs", ["A"]),
        ("missing=en", []),
        ("missing=xx", ["A", "B"]),
        ("project=1", ["B"]),
    ],
)
def test_list_can_be_narrowed(desk: Desk, query: str, found: list[str]) -> None:
    czech = translated("B", "cs", TextState.REVIEWED, "Bé")
    browser = desk.sign_in()
    send(browser, "/desk/projects/new", {"title": "P", "period-kind": "none"}, "save")
    with desk.sessions() as session:
        first = event_edit("A", topics=("events",))
        second = event_edit("B", wordings=czech, project_id=1)
        for edit in (first, second):
            events.create(session, edit, who=ANNA, now=desk.now)

    assert headings(browser.read(f"/desk/events?{query}")) == found


@pytest.mark.parametrize(
    "path", ["/desk/events", "/desk/deadlines", "/desk/updates", "/desk/projects"]
)
def test_list_asks_as_many_questions_for_three_as_for_one(desk: Desk, path: str) -> None:
    browser = desk.sign_in()
    asked: list[str] = []
    engines = _engines(desk)
    for engine in engines:
        sql_events.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    counts = []
    for number in (1, 2):
        for copy in range(number):
            _add_one_of_each(browser, f"{number}-{copy}")
        asked.clear()
        browser.read(path)
        counts.append(len(asked))

    assert counts[0] == counts[1]
    assert counts[0] > 0


def _engines(desk: Desk) -> list[object]:
    parts = desk.app.extensions["mailer"]
    with parts.reading() as session:
        return [session.get_bind().engine]


def _add_one_of_each(browser: Browser, title: str) -> None:
    named = {"title": title}
    send(browser, "/desk/events/new", MEETUP | named, "publish")
    closes = {"closes-kind": "day", "closes-day": "2026-12-02"}
    send(browser, "/desk/deadlines/new", named | closes, "publish")
    send(browser, "/desk/updates/new", named, "publish")
    send(browser, "/desk/projects/new", named | {"period-kind": "none"}, "publish")


def test_buttons_of_an_event_do_what_they_say(desk: Desk) -> None:
    add_event(desk)
    browser = desk.sign_in()
    states = []

    for act in ("withdraw", "publish", "duplicate"):
        answer = browser.post(f"/desk/events/1/{act}", page="/desk/events")
        with desk.sessions() as session:
            states.append((answer.location, get_event(session).visibility))

    assert states == [
        ("/desk/events", Visibility.WITHDRAWN),
        ("/desk/events", Visibility.PUBLISHED),
        ("/desk/events/2", Visibility.PUBLISHED),
    ]
    with desk.sessions() as session:
        assert get_event(session, 2).sessions[0].when == When.unknown()


def test_publish_of_an_undated_copy_says_what_is_missing(desk: Desk) -> None:
    add_event(desk)
    browser = desk.sign_in()
    browser.post("/desk/events/1/duplicate", page="/desk/events")

    answer = browser.post("/desk/events/2/publish", page="/desk/events")

    assert answer.status_code == 422
    assert "Give a date before you publish." in answer.text


@pytest.mark.parametrize(
    ("news", "fields", "status", "attendance"),
    [
        ("cancel", {}, Status.CANCELLED, Attendance.IN_PERSON),
        ("postpone", {}, Status.POSTPONED, Attendance.IN_PERSON),
        (
            "online",
            {"online_url": "https://meet.example/7"},
            Status.MOVED_ONLINE,
            Attendance.ONLINE,
        ),
        ("move", {"sessions-0-day": "2026-12-08"}, Status.RESCHEDULED, Attendance.IN_PERSON),
    ],
)
def test_news_of_an_event_is_saved(
    desk: Desk, news: str, fields: dict[str, str], status: Status, attendance: Attendance
) -> None:
    add_event(desk)
    values = {"news": news, **fields}

    answer = send(desk.sign_in(), "/desk/events/1/news", values, "", field="news")

    assert (answer.status_code, answer.location) == (303, "/desk/events")
    with desk.sessions() as session:
        value = get_event(session)
        assert (value.status, value.attendance, value.revision) == (status, attendance, 2)
        day = date(2026, 12, 8) if news == "move" else date(2026, 12, 7)
        assert value.sessions[0].when.starts_on == day


def test_cancelled_event_can_take_place_after_all(desk: Desk) -> None:
    add_event(desk)
    browser = desk.sign_in()
    path = "/desk/events/1/news"
    send(browser, path, {"news": "cancel"}, "", field="news")

    answer = send(browser, path, {"news": "reinstate"}, "", field="news")

    assert answer.status_code == 303
    with desk.sessions() as session:
        assert get_event(session).status is Status.SCHEDULED


@pytest.mark.parametrize(
    ("values", "code", "sentence"),
    [
        ({"news": "move"}, 422, "This is the date it had. Give the new one."),
        ({"news": "move", "sessions-0-kind": "none"}, 422, "Give a date before you publish."),
        ({"news": "online", "online_url": "x"}, 422, "Write a whole address"),
        ({"news": "reinstate"}, 422, "Not a valid choice."),
        ({"news": "cancel", "revision": "7"}, 409, "Somebody else saved this"),
    ],
)
def test_news_that_cannot_be_is_refused(
    desk: Desk, values: dict[str, str], code: int, sentence: str
) -> None:
    add_event(desk)

    answer = send(desk.sign_in(), "/desk/events/1/news", values, "", field="news")

    assert answer.status_code == code
    assert sentence in answer.text
    with desk.sessions() as session:
        assert get_event(session).revision == 1
