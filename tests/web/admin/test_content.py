"""Events, deadlines, projects and updates as a coordinator meets them, without JavaScript."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import event as sql_events
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from mailer.domain.content import (
    Attendance,
    DeadlineKind,
    ProjectStatus,
    Spoken,
    SpokenRole,
    Status,
    UpdateKind,
    Visibility,
)
from mailer.domain.errors import NotFound
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.storage import deadlines as deadline_rows
from mailer.storage import events as event_rows
from mailer.storage import projects as project_rows
from mailer.storage import updates as update_rows
from mailer.storage.audit import AuditEntry
from mailer.storage.events import Event
from mailer.storage.texts import load_texts
from mailer.usecases import events, updates
from mailer.usecases.updates import UpdateEdit
from tests.usecases.edits import ANNA, EVENING, event_edit, translated, words
from tests.web.desk import Browser, Desk
from tests.web.pages import Page, read_form

MEETUP = {
    "title": "Prague 7 meetup",
    "written_in": "en",
    "sessions-0-kind": "time",
    "sessions-0-day": "2026-12-07",
    "sessions-0-start": "17:30",
    "sessions-0-end": "20:00",
    "sessions-0-main": ["cs", "en"],
    "sessions-0-status": "scheduled",
    "attendance": "in_person",
    "registration": "none",
    "is_free": "y",
}
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


def _send(
    browser: Browser, path: str, values: Mapping[str, object], action: str, *, field: str = "title"
) -> TestResponse:
    """Fill in the form that `path` shows, over what it carries already, and press a button."""
    form = read_form(browser.read(path), field)
    for name, value in values.items():
        form.setlist(name, value if isinstance(value, list) else [value])
    form["action"] = action
    return browser.client.post(path, data=form)


def _refill(browser: Browser, path: str, answer: TestResponse, **changes: str) -> TestResponse:
    """Change something in the form that an answer shows, and send that."""
    form = read_form(answer.text, "title")
    for name, value in changes.items():
        form[name] = value
    return browser.client.post(path, data=form)


def _add_event(desk: Desk, *whens: When, **changes: object) -> int:
    with desk.sessions() as session:
        edit = event_edit("Prague 7 meetup", *whens, **changes)
        return events.create(session, edit, who=ANNA, now=desk.now, publish=True).id


def _get_event(session: Session, event_id: int = 1) -> event_rows.content.Event:
    return event_rows.as_values(session, [event_rows.get_event(session, event_id)])[0]


def _headings(html: str) -> list[str]:
    return [re.sub("<[^>]+>", "", found) for found in re.findall("<h3>(.*?)</h3>", html)]


def test_event_is_published_with_title_time_and_languages(desk: Desk) -> None:
    answer = _send(desk.sign_in("editor"), "/desk/events/new", MEETUP, "publish")

    assert (answer.status_code, answer.location) == (303, "/desk/events")
    with desk.sessions() as session:
        value = _get_event(session)
        assert (value.title.source(), value.slug, value.visibility) == (
            "Prague 7 meetup",
            "prague-7-meetup",
            Visibility.PUBLISHED,
        )
        assert [(one.when, one.spoken) for one in value.sessions] == [
            (EVENING, (Spoken("cs"), Spoken("en")))
        ]
        log = session.scalars(select(AuditEntry).where(AuditEntry.thing == "event"))
        assert [(entry.who, entry.action) for entry in log] == [
            ("editor@example.org", "event created"),
            ("editor@example.org", "event published"),
        ]


def test_event_may_be_written_in_another_language_first(desk: Desk) -> None:
    values = MEETUP | {"title": "Зустріч", "written_in": "uk"}

    _send(desk.sign_in(), "/desk/events/new", values, "save")

    with desk.sessions() as session:
        value = _get_event(session)
        assert (value.title.source_lang, value.title.source(), value.slug) == (
            "uk",
            "Зустріч",
            "zustrich",
        )


def test_event_at_a_new_place_adds_it_for_the_next_time(desk: Desk) -> None:
    browser = desk.sign_in()
    place = {"sessions-0-new_place": "InBáze", "sessions-0-new_street": "Legerova 50"}

    _send(browser, "/desk/events/new", MEETUP | place, "save")
    again = _send(browser, "/desk/events/new", MEETUP | {"sessions-0-venue": "1"}, "save")

    assert again.status_code == 303
    with desk.sessions() as session:
        venues = [_get_event(session, key).sessions[0].venue for key in (1, 2)]
        assert [(one and one.name.source(), one and one.street) for one in venues] == [
            ("InBáze", "Legerova 50")
        ] * 2
    assert "InBáze" in browser.read("/desk/venues")


def test_another_session_is_one_button_away_and_nothing_typed_is_lost(desk: Desk) -> None:
    browser = desk.sign_in()

    more = _send(browser, "/desk/events/new", MEETUP, "add")
    form = read_form(more.text, "title")
    for name, value in {"day": "2026-12-08", "start": "18:00", "end": "20:00"}.items():
        form[f"sessions-1-{name}"] = value
    form["action"] = "save"
    browser.client.post("/desk/events/new", data=form)

    assert more.status_code == 200
    assert form.getlist("sessions-1-main") == ["en", "cs"]  # the languages of the one above
    with desk.sessions() as session:
        assert [one.when.starts_at for one in _get_event(session).sessions] == [
            datetime(2026, 12, 7, 17, 30),
            datetime(2026, 12, 8, 18, 0),
        ]


def test_session_can_be_taken_out(desk: Desk) -> None:
    _add_event(desk, EVENING, When.on(date(2026, 12, 9)))
    browser = desk.sign_in()

    fewer = _send(browser, "/desk/events/1", {}, "remove-0")
    saved = _refill(browser, "/desk/events/1", fewer, action="save")

    assert (fewer.status_code, saved.status_code) == (200, 303)
    with desk.sessions() as session:
        assert [one.when for one in _get_event(session).sessions] == [When.on(date(2026, 12, 9))]


def test_pasted_announcement_fills_the_form_and_saves_nothing(desk: Desk) -> None:
    pasted = (
        "First meeting\n"
        "Monday 15. 12. 2026, 17:00-19:30 in English, City Hall\n"
        "17. 12. 2026, 16:30-18:30 in Czech, InBáze\n"
        "Register, capacity limited"
    )

    answer = _send(desk.sign_in(), "/desk/events/new", {"pasted": pasted}, "read")

    form = read_form(answer.text, "title")
    said = [form[f"sessions-{place}-{name}"] for place in (0, 1) for name in ("day", "start", "end")]
    assert answer.status_code == 200
    assert form["title"] == "First meeting"
    assert said == ["2026-12-15", "17:00", "19:30", "2026-12-17", "16:30", "18:30"]
    assert "The text says Monday, but 15. 12. 2026 is a Tuesday." in answer.text
    assert "Thursday, 17 December 2026, 16:30–18:30 (Prague time)" in answer.text.replace("\u2009", "")
    with desk.sessions() as session:
        assert event_rows.list_all(session) == []


def test_pasted_text_does_not_overwrite_what_was_typed(desk: Desk) -> None:
    values = MEETUP | {"pasted": "Other title\n1. 2. 2027, 10:00"}

    answer = _send(desk.sign_in(), "/desk/events/new", values, "read")

    form = read_form(answer.text, "title")
    assert (form["title"], form["sessions-0-day"]) == ("Prague 7 meetup", "2026-12-07")
    assert form["sessions-1-day"] == "2027-02-01"


@pytest.mark.parametrize(
    "when",
    [
        EVENING,
        When.at(datetime(2026, 12, 7, 17, 30)),
        When.at(datetime(2026, 12, 31, 20, 0), datetime(2027, 1, 1, 2, 0)),
        When.on(date(2026, 12, 7)),
        When.on(date(2026, 12, 7), date(2026, 12, 9)),
        When.month(2027, 5),
        When.months((2026, 12), (2027, 1)),
        When.months((2027, 1), (2029, 3)),
        When.in_season("spring", 2027),
        When.in_season("winter", 2027),
        When.across_winter(2026),
        When.year(2027),
    ],
    ids=lambda when: when.edtf,
)
def test_form_saved_untouched_changes_nothing_that_readers_know(desk: Desk, when: When) -> None:
    _add_event(desk, when)

    answer = _send(desk.sign_in(), "/desk/events/1", {}, "save")

    assert answer.status_code == 303
    with desk.sessions() as session:
        row = event_rows.get_event(session, 1)
        assert (row.revision, row.material_revision) == (2, 1)
        assert row.sessions[0].when == when


@pytest.mark.parametrize(
    ("typed", "when"),
    [
        ({"kind": "day", "day": "2026-12-07"}, When.on(date(2026, 12, 7))),
        ({"kind": "about", "year": "2027"}, When.year(2027)),
        ({"kind": "about", "year": "2027", "part": "5"}, When.month(2027, 5)),
        (
            {"kind": "about", "year": "2026", "part": "12", "until": "1"},
            When.months((2026, 12), (2027, 1)),
        ),
        ({"kind": "about", "year": "2027", "part": "autumn"}, When.in_season("autumn", 2027)),
        ({"kind": "about", "year": "2026", "part": "across"}, When.across_winter(2026)),
        ({"kind": "none"}, When.unknown()),
    ],
)
def test_form_takes_a_date_as_exact_as_it_is_known(
    desk: Desk, typed: dict[str, str], when: When
) -> None:
    session_fields = {f"sessions-0-{name}": value for name, value in typed.items()}
    rest = {name: value for name, value in MEETUP.items() if not name.startswith("sessions-0-")}

    answer = _send(desk.sign_in(), "/desk/events/new", rest | session_fields, "save")

    assert answer.status_code == 303
    with desk.sessions() as session:
        assert _get_event(session).sessions[0].when == when


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"title": " "}, "title", "Give it a title."),
        ({"title": "t" * 151}, "title", "Field cannot be longer than 150 characters."),
        ({"sessions-0-day": ""}, "sessions-0-day", "Give the day, or choose “Not known yet”."),
        ({"sessions-0-start": ""}, "sessions-0-day", "Give the time too, or choose a whole day."),
        ({"sessions-0-day": "soon"}, "sessions-0-day", "Not a valid date value."),
        ({"sessions-0-end": "16:00"}, "sessions-0-day", "Swap them."),
        (
            {"sessions-0-day": "2027-03-28", "sessions-0-start": "02:30"},
            "sessions-0-day",
            "the clocks jump forward then",
        ),
        ({"sessions-0-kind": "about"}, "sessions-0-year", "Give the year"),
        ({"sessions-0-kind": "none"}, "sessions-0-kind", "Give a date before you publish."),
        ({"online_url": "zoom"}, "online_url", "Write a whole address"),
        ({"capacity": "many"}, "capacity", "Not a valid integer value."),
    ],
)
def test_mistake_stands_beside_its_field_and_nothing_typed_is_lost(
    desk: Desk, changes: dict[str, str], field: str, sentence: str
) -> None:
    typed = MEETUP | {"summary": "Come and meet us"} | changes

    answer = _send(desk.sign_in(), "/desk/events/new", typed, "publish")

    page, form = Page(answer.text), read_form(answer.text, "title")
    assert answer.status_code == 422
    assert sentence in answer.text.split(f'id="{field}-error"', 1)[1].split("</div>", 1)[0]
    assert page.anchors - {"content"} <= page.ids
    assert page.described <= page.ids
    assert {name: form.getlist(name) for name in ("title", "summary", "sessions-0-start")} == {
        name: [typed[name]] for name in ("title", "summary", "sessions-0-start")
    }
    with desk.sessions() as session:
        assert event_rows.list_all(session) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"sessions-0-day": "0000-00-00"},
        {"sessions-0-day": "9999-12-31"},
        {"sessions-0-start": "99:99"},
        {"sessions-0-kind": "about", "sessions-0-year": "9" * 30},
        {"sessions-0-kind": "whenever"},
        {"sessions-0-venue": "999"},
        {"sessions-0-main": ["xx"]},
        {"sessions-0-status": "asleep"},
        {"project": "1 OR 1=1"},
        {"topics": ["nothing"]},
        {"written_in": "xx"},
        {"attendance": "\0"},
        {"capacity": "1e99"},
        {"contact": "a" * 201},
        {"pasted": "a" * 5001},
    ],
    ids=str,
)
def test_hostile_input_is_refused(desk: Desk, changes: dict[str, object]) -> None:
    answer = _send(desk.sign_in(), "/desk/events/new", MEETUP | changes, "save")

    assert answer.status_code == 422


def test_form_survives_hostile_names_of_fields(desk: Desk) -> None:
    _add_event(desk)
    odd = {"sessions-99999-kind": "time", "revision": "²", "action": "remove-99"}

    answer = _send(desk.sign_in(), "/desk/events/1", odd, "remove-99")

    assert answer.status_code == 200


def test_text_is_shown_as_text(desk: Desk) -> None:
    title = "<script>alert(1)</script> {{ 7 * 7 }} &amp;"
    browser = desk.sign_in()

    _send(browser, "/desk/events/new", MEETUP | {"title": title}, "save")

    page = browser.read("/desk/events")
    assert "<script>alert" not in page
    assert _headings(page) == [
        "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }} &amp;amp;"
    ]


def test_stale_form_is_refused_once_and_keeps_what_was_typed(desk: Desk) -> None:
    _add_event(desk)
    anna, samir = desk.sign_in("editor"), desk.sign_in("sender")
    opened = read_form(anna.read("/desk/events/1"), "title")
    _send(samir, "/desk/events/1", {"title": "Samir's title"}, "save")

    opened["title"] = "Anna's title"
    refused = anna.client.post("/desk/events/1", data=opened)
    kept = read_form(refused.text, "title")["title"]
    with desk.sessions() as session:
        between = _get_event(session).title.source()
    insisted = _refill(anna, "/desk/events/1", refused)

    assert (refused.status_code, kept, between) == (409, "Anna's title", "Samir's title")
    assert "Somebody else saved this while you were writing." in refused.text
    assert insisted.status_code == 303
    with desk.sessions() as session:
        assert _get_event(session).title.source() == "Anna's title"


def test_translation_is_sent_only_once_checked(desk: Desk) -> None:
    _add_event(desk)
    browser = desk.sign_in()
    draft = {"text_cs-title": "Setkání", "text_cs-state": "draft"}

    _send(browser, "/desk/events/1", draft, "save")
    begun = _marks(browser.read("/desk/events"))
    _send(browser, "/desk/events/1", {"text_cs-state": "reviewed"}, "save")
    ready = _marks(browser.read("/desk/events"))
    _send(browser, "/desk/events/1", {"title": "Prague 7 meet-up"}, "save")
    outdated = _marks(browser.read("/desk/events"))
    _send(browser, "/desk/events/1", {"text_cs-is_checked": "y"}, "save")
    checked = _marks(browser.read("/desk/events"))

    assert [one["cs"] for one in (begun, ready, outdated, checked)] == ["~", "✓", "~", "✓"]
    assert (begun["en"], begun["uk"]) == ("✓", "–")


def _marks(html: str) -> dict[str, str]:
    return dict(re.findall(r'aria-hidden="true">(\w\w) (.)</span>', html))


def test_mistake_in_a_translation_stands_in_its_part(desk: Desk) -> None:
    _add_event(desk)

    answer = _send(desk.sign_in(), "/desk/events/1", {"text_cs-title": "č" * 151}, "save")

    assert answer.status_code == 422
    assert 'id="text_cs-title-error"' in answer.text


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

    assert {show: _headings(page) for show, page in pages.items()} == {
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
    _send(browser, "/desk/projects/new", {"title": "P", "period-kind": "none"}, "save")
    with desk.sessions() as session:
        first = event_edit("A", topics=("events",))
        second = event_edit("B", wordings=czech, project_id=1)
        for edit in (first, second):
            events.create(session, edit, who=ANNA, now=desk.now)

    assert _headings(browser.read(f"/desk/events?{query}")) == found


@pytest.mark.parametrize("path", ["/desk/events", "/desk/deadlines", "/desk/updates", "/desk/projects"])
def test_list_asks_as_many_questions_for_three_as_for_one(desk: Desk, path: str) -> None:
    browser = desk.sign_in()
    asked: list[str] = []
    engines = _engines(desk)
    for engine in engines:
        sql_events.listen(
            engine, "before_cursor_execute", lambda *call: asked.append(call[2])
        )
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
    _send(browser, "/desk/events/new", MEETUP | named, "publish")
    closes = {"closes-kind": "day", "closes-day": "2026-12-02"}
    _send(browser, "/desk/deadlines/new", named | closes, "publish")
    _send(browser, "/desk/updates/new", named, "publish")
    _send(browser, "/desk/projects/new", named | {"period-kind": "none"}, "publish")


def test_buttons_of_an_event_do_what_they_say(desk: Desk) -> None:
    _add_event(desk)
    browser = desk.sign_in()
    states = []

    for act in ("withdraw", "publish", "duplicate"):
        answer = browser.post(f"/desk/events/1/{act}", page="/desk/events")
        with desk.sessions() as session:
            states.append((answer.location, _get_event(session).visibility))

    assert states == [
        ("/desk/events", Visibility.WITHDRAWN),
        ("/desk/events", Visibility.PUBLISHED),
        ("/desk/events/2", Visibility.PUBLISHED),
    ]
    with desk.sessions() as session:
        assert _get_event(session, 2).sessions[0].when == When.unknown()


def test_publish_of_an_undated_copy_says_what_is_missing(desk: Desk) -> None:
    _add_event(desk)
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
    _add_event(desk)
    values = {"news": news, **fields}

    answer = _send(desk.sign_in(), "/desk/events/1/news", values, "", field="news")

    assert (answer.status_code, answer.location) == (303, "/desk/events")
    with desk.sessions() as session:
        value = _get_event(session)
        assert (value.status, value.attendance, value.revision) == (status, attendance, 2)
        day = date(2026, 12, 8) if news == "move" else date(2026, 12, 7)
        assert value.sessions[0].when.starts_on == day


def test_cancelled_event_can_take_place_after_all(desk: Desk) -> None:
    _add_event(desk)
    browser = desk.sign_in()
    path = "/desk/events/1/news"
    _send(browser, path, {"news": "cancel"}, "", field="news")

    answer = _send(browser, path, {"news": "reinstate"}, "", field="news")

    assert answer.status_code == 303
    with desk.sessions() as session:
        assert _get_event(session).status is Status.SCHEDULED


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
    _add_event(desk)

    answer = _send(desk.sign_in(), "/desk/events/1/news", values, "", field="news")

    assert answer.status_code == code
    assert sentence in answer.text
    with desk.sessions() as session:
        assert _get_event(session).revision == 1


def test_deadline_is_written_published_and_withdrawn(desk: Desk) -> None:
    browser = desk.sign_in("editor")
    values = {
        "title": "Vote for two ideas",
        "kind": "vote",
        "closes-day": "2026-12-02",
        "closes-start": "12:00",
        "url": "https://example.org/vote",
    }

    made = _send(browser, "/desk/deadlines/new", values, "publish")
    changed = _send(browser, "/desk/deadlines/1", {"closes-start": "18:00"}, "save")

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

    answer = _send(desk.sign_in(), "/desk/deadlines/new", values, "publish")

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

    _send(desk.sign_in("editor"), "/desk/updates/new", values, "publish")

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

    answer = _send(desk.sign_in(), "/desk/updates/1", {}, "save")

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

    more = _send(browser, "/desk/projects/new", values, "add")
    second = {"partners-1-name": "AMIGA", "action": "publish"}
    saved = _refill(browser, "/desk/projects/new", more, **second)

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
    _send(browser, "/desk/events/new", MEETUP | {"sessions-0-new_place": "Town hall"}, "save")
    values = {"street": "Jungmannova 35", "name_cs": "Radnice"}

    answer = _send(browser, "/desk/venues/1", values, "", field="street")

    assert answer.status_code == 303
    with desk.sessions() as session:
        venue = _get_event(session).sessions[0].venue
        assert venue is not None
        assert venue.street == "Jungmannova 35"
        assert venue.name.pick(("cs",), "en").text == "Radnice"


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_page_obeys_the_policy_and_names_its_parts(desk: Desk, path: str) -> None:
    _add_event(desk)

    html = desk.sign_in().read(path)

    page = Page(html)
    assert page.described <= page.ids
    assert {name for name in page.attributes if name.startswith("on") or name == "style"} == set()
    assert re.findall(r"<script(?![^>]* src=)", html) == []
    assert len(re.findall("<h1", html)) == 1
    assert html.count("btn-primary") <= 1


@pytest.mark.parametrize("lang", ["ar", "cs", "uk"])
def test_page_speaks_the_coordinators_language(desk: Desk, lang: str) -> None:
    _add_event(desk)
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
    _add_event(desk)
    viewer = desk.sign_in("viewer")

    answer = viewer.post(path, MEETUP, page="/desk/account")

    assert answer.status_code == 403
    with desk.sessions() as session:
        assert [row.revision for row in session.scalars(select(Event))] == [1]


@pytest.mark.parametrize("path", ["/desk/events", "/desk/findings", "/desk/projects"])
def test_viewer_sees_the_list_without_buttons(desk: Desk, path: str) -> None:
    _add_event(desk)

    html = desk.sign_in("viewer").read(path)

    assert "btn-primary" not in html
    assert "/publish" not in html


@pytest.mark.parametrize("path", ["/desk/events/99", "/desk/projects/99", "/desk/venues/99"])
def test_missing_thing_is_not_found(desk: Desk, path: str) -> None:
    assert desk.sign_in().get(path).status_code == 404


def test_missing_event_is_named() -> None:
    assert str(NotFound("event", 99)) == "There is no event “99”."
