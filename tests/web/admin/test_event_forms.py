"""The form of an event, without JavaScript: nothing typed is lost, nothing doubtful is kept."""

from datetime import date, datetime

import pytest
from sqlalchemy import select

from mailer.domain.content import (
    Spoken,
    Visibility,
)
from mailer.domain.when import When
from mailer.storage import events as event_rows
from mailer.storage.audit import AuditEntry
from tests.usecases.edits import EVENING
from tests.web.content import MEETUP, add_event, get_event, headings, refill, send
from tests.web.desk import Desk
from tests.web.pages import Page, read_form


def test_event_is_published_with_title_time_and_languages(desk: Desk) -> None:
    answer = send(desk.sign_in("editor"), "/desk/events/new", MEETUP, "publish")

    assert (answer.status_code, answer.location) == (303, "/desk/events")
    with desk.sessions() as session:
        value = get_event(session)
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

    send(desk.sign_in(), "/desk/events/new", values, "save")

    with desk.sessions() as session:
        value = get_event(session)
        assert (value.title.source_lang, value.title.source(), value.slug) == (
            "uk",
            "Зустріч",
            "zustrich",
        )


def test_event_at_a_new_place_adds_it_for_the_next_time(desk: Desk) -> None:
    browser = desk.sign_in()
    place = {"sessions-0-new_place": "InBáze", "sessions-0-new_street": "Legerova 50"}

    send(browser, "/desk/events/new", MEETUP | place, "save")
    again = send(browser, "/desk/events/new", MEETUP | {"sessions-0-venue": "1"}, "save")

    assert again.status_code == 303
    with desk.sessions() as session:
        venues = [get_event(session, key).sessions[0].venue for key in (1, 2)]
        assert [(one and one.name.source(), one and one.street) for one in venues] == [
            ("InBáze", "Legerova 50")
        ] * 2
    assert "InBáze" in browser.read("/desk/venues")


def test_another_session_is_one_button_away_and_nothing_typed_is_lost(desk: Desk) -> None:
    browser = desk.sign_in()

    more = send(browser, "/desk/events/new", MEETUP, "add")
    form = read_form(more.text, "title")
    for name, value in {"day": "2026-12-08", "start": "18:00", "end": "20:00"}.items():
        form[f"sessions-1-{name}"] = value
    form["action"] = "save"
    browser.client.post("/desk/events/new", data=form)

    assert more.status_code == 200
    assert form.getlist("sessions-1-main") == ["en", "cs"]  # the languages of the one above
    with desk.sessions() as session:
        assert [one.when.starts_at for one in get_event(session).sessions] == [
            datetime(2026, 12, 7, 17, 30),
            datetime(2026, 12, 8, 18, 0),
        ]


def test_session_can_be_taken_out(desk: Desk) -> None:
    add_event(desk, EVENING, When.on(date(2026, 12, 9)))
    browser = desk.sign_in()

    fewer = send(browser, "/desk/events/1", {}, "remove-0")
    saved = refill(browser, "/desk/events/1", fewer, action="save")

    assert (fewer.status_code, saved.status_code) == (200, 303)
    with desk.sessions() as session:
        assert [one.when for one in get_event(session).sessions] == [When.on(date(2026, 12, 9))]


def test_pasted_announcement_fills_the_form_and_saves_nothing(desk: Desk) -> None:
    pasted = (
        "First meeting\n"
        "Monday 15. 12. 2026, 17:00-19:30 in English, City Hall\n"
        "17. 12. 2026, 16:30-18:30 in Czech, InBáze\n"
        "Register, capacity limited"
    )

    answer = send(desk.sign_in(), "/desk/events/new", {"pasted": pasted}, "read")

    form = read_form(answer.text, "title")
    said = [
        form[f"sessions-{place}-{name}"] for place in (0, 1) for name in ("day", "start", "end")
    ]
    assert answer.status_code == 200
    assert form["title"] == "First meeting"
    assert said == ["2026-12-15", "17:00", "19:30", "2026-12-17", "16:30", "18:30"]
    assert "The text says Monday, but 15. 12. 2026 is a Tuesday." in answer.text
    assert "Thursday, 17 December 2026, 16:30–18:30 (Prague time)" in answer.text.replace(
        "\u2009", ""
    )
    with desk.sessions() as session:
        assert event_rows.list_all(session) == []


def test_pasted_text_does_not_overwrite_what_was_typed(desk: Desk) -> None:
    values = MEETUP | {"pasted": "Other title\n1. 2. 2027, 10:00"}

    answer = send(desk.sign_in(), "/desk/events/new", values, "read")

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
    add_event(desk, when)

    answer = send(desk.sign_in(), "/desk/events/1", {}, "save")

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

    answer = send(desk.sign_in(), "/desk/events/new", rest | session_fields, "save")

    assert answer.status_code == 303
    with desk.sessions() as session:
        assert get_event(session).sessions[0].when == when


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

    answer = send(desk.sign_in(), "/desk/events/new", typed, "publish")

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
        {"attendance": "nowhere"},
        {"capacity": "1e99"},
        {"contact": "a" * 201},
        {"pasted": "a" * 5001},
    ],
    ids=str,
)
def test_hostile_input_is_refused(desk: Desk, changes: dict[str, object]) -> None:
    answer = send(desk.sign_in(), "/desk/events/new", MEETUP | changes, "save")

    assert answer.status_code == 422


def test_form_survives_hostile_names_of_fields(desk: Desk) -> None:
    add_event(desk)
    odd = {"sessions-99999-kind": "time", "revision": "²", "action": "remove-99"}

    answer = send(desk.sign_in(), "/desk/events/1", odd, "remove-99")

    assert answer.status_code == 200


def test_text_is_shown_as_text(desk: Desk) -> None:
    title = "<script>alert(1)</script> {{ 7 * 7 }} &amp;"
    browser = desk.sign_in()

    send(browser, "/desk/events/new", MEETUP | {"title": title}, "save")

    page = browser.read("/desk/events")
    assert "<script>alert" not in page
    assert headings(page) == ["&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }} &amp;amp;"]


def test_stale_form_is_refused_once_and_keeps_what_was_typed(desk: Desk) -> None:
    add_event(desk)
    anna, samir = desk.sign_in("editor"), desk.sign_in("sender")
    opened = read_form(anna.read("/desk/events/1"), "title")
    send(samir, "/desk/events/1", {"title": "Samir's title"}, "save")

    opened["title"] = "Anna's title"
    refused = anna.client.post("/desk/events/1", data=opened)
    kept = read_form(refused.text, "title")["title"]
    with desk.sessions() as session:
        between = get_event(session).title.source()
    insisted = refill(anna, "/desk/events/1", refused)

    assert (refused.status_code, kept, between) == (409, "Anna's title", "Samir's title")
    assert "Somebody else saved this while you were writing." in refused.text
    assert insisted.status_code == 303
    with desk.sessions() as session:
        assert get_event(session).title.source() == "Anna's title"


def test_mistake_in_a_translation_stands_in_its_part(desk: Desk) -> None:
    add_event(desk)

    answer = send(desk.sign_in(), "/desk/events/1", {"text_cs-title": "č" * 151}, "save")

    assert answer.status_code == 422
    assert 'id="text_cs-title-error"' in answer.text
