"""Events as everyone sees them: the list, a page each, the calendar file, the structured data."""

import json
import re
from datetime import UTC, date, datetime

import pytest
from icalendar import Calendar

from mailer.domain.content import (
    Attendance,
    Registration,
    SpokenRole,
    Status,
    Visibility,
)
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.storage.events import Event, EventSession, SpokenLanguage
from mailer.storage.texts import save_text
from mailer.storage.venues import Venue
from tests.web.public.visitor import Site

MONDAY = When.at(datetime(2026, 12, 7, 17, 30), datetime(2026, 12, 7, 20, 0))
_DATA = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.DOTALL)


def add_event(
    site: Site,
    *whens: When,
    slug: str = "voice",
    title: str = "Your City, Your Voice",
    **facts: object,
) -> None:
    with site.sessions() as session:
        venue = Venue(street="Jungmannova 35/29", city="Praha 1", access_note="Lift")
        session.add(venue)
        session.flush()
        event = Event(
            slug=slug,
            created_at=site.now,
            changed_at=site.now,
            **{"visibility": Visibility.PUBLISHED, "material_revision": 3, **facts},
        )
        for position, when in enumerate(whens or (MONDAY,)):
            row = EventSession(when=when, position=position, venue_id=venue.id, room="room 201")
            row.spoken = [
                SpokenLanguage(lang="cs", role=SpokenRole.MAIN),
                SpokenLanguage(lang="uk", role=SpokenRole.INTERPRETATION),
            ]
            event.sessions.append(row)
        session.add(event)
        session.flush()
        for entity, thing, field, lang, text in (
            ("venue", venue.id, "name", "en", "City Hall"),
            ("event", event.id, "title", "en", title),
            ("event", event.id, "title", "cs", "Tvé město, tvůj hlas"),
            ("event", event.id, "summary", "en", "Come and <say> it."),
            ("event", event.id, "body", "en", "**Two** ideas\n\n<script>x</script>"),
        ):
            state = TextState.SOURCE if lang == "en" else TextState.REVIEWED
            save_text(session, entity, thing, field, lang, text, state, site.now)


def read_calendar(site: Site, path: str = "/en/events/voice.ics") -> list[dict[str, object]]:
    calendar = Calendar.from_ical(site.get(path).data)
    return [dict(entry.items()) for entry in calendar.walk("VEVENT")]


def test_page_has_all_facts_in_the_readers_language(site: Site) -> None:
    add_event(
        site,
        registration=Registration.REQUIRED,
        registration_url="https://example.org/register",
        has_refreshments=True,
        capacity=40,
        contact="anna@example.org",
    )

    page = site.read("/cs/events/voice")

    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    for fact in (
        "Tvé město, tvůj hlas",
        "pondělí 7. prosince 2026 17:30–20:00",
        "Jungmannova 35/29, room 201, Praha 1",
        "Jazyk: čeština",
        "Tlumočení: ukrajinština",
        "anna@example.org",
    ):
        assert fact in text
    assert '<span lang="en" dir="ltr">City Hall</span>' in page
    assert '<small class="muted">(anglicky)</small>' in page
    assert 'href="https://example.org/register"' in page
    assert 'href="/cs/events/voice.ics"' in page


def test_page_shows_texts_from_people_as_text(site: Site) -> None:
    add_event(site, title="{{7*7}} <img src=x onerror=alert(1)>")

    page = site.read("/en/events/voice")

    assert "{{7*7}} &lt;img src=x onerror=alert(1)&gt;</h1>" in page
    assert "Come and &lt;say&gt; it." in page
    assert "<strong>Two</strong> ideas" in page
    assert ("<img" in page, "<script>" in page) == (False, False)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (When.month(2027, 9), "September 2027"),
        (When.in_season("spring", 2027), "spring 2027"),
        (When.unknown("soon"), "date not known yet"),
    ],
)
def test_page_of_an_approximate_date_claims_nothing_exact(
    site: Site, when: When, words: str
) -> None:
    add_event(site, when)

    page = site.read("/en/events/voice")

    assert words in page
    assert ("ld+json" in page, ".ics" in page, "<time" in page) == (False, False, False)
    assert site.get("/en/events/voice.ics").status_code == 404


def test_page_stays_when_the_event_is_cancelled_or_over(site: Site) -> None:
    add_event(site, slug="off", status=Status.CANCELLED)
    add_event(site, When.on(date(2026, 11, 1)), slug="past")

    off, past = site.read("/en/events/off"), site.read("/en/events/past")

    assert '<p class="badge">Cancelled</p>' in off
    assert "This event is over." in past


@pytest.mark.parametrize("visibility", [Visibility.DRAFT, Visibility.WITHDRAWN])
def test_page_of_what_is_not_published_is_not_there(site: Site, visibility: Visibility) -> None:
    add_event(site, visibility=visibility)

    codes = [site.get(f"/en/events/voice{rest}").status_code for rest in ("", ".ics")]

    assert codes == [404, 404]
    assert "Your City" not in site.read("/en/events")


def test_list_has_what_is_to_come_soonest_first(site: Site) -> None:
    add_event(site, When.on(date(2027, 1, 5)), slug="later")
    add_event(site, When.on(date(2026, 11, 1)), slug="past")
    add_event(site, MONDAY, When.on(date(2026, 12, 9)), slug="sooner")

    page = site.read("/en/events")

    assert re.findall(r'href="/en/events/(\w+)"', page) == ["sooner", "later"]
    assert "and 1 more date" in page


def test_calendar_file_has_zone_uid_and_sequence(site: Site) -> None:
    add_event(site, MONDAY, When.at(datetime(2026, 12, 9, 16, 30)))

    answer = site.get("/cs/events/voice.ics")
    calendar = Calendar.from_ical(answer.data)
    first, second = calendar.walk("VEVENT")

    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="voice.ics"'
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Prague"]
    assert first["DTSTART"].to_ical() == b"20261207T173000"
    assert first["DTSTART"].params["TZID"] == "Europe/Prague"
    assert first["DTEND"].dt.astimezone(UTC) == datetime(2026, 12, 7, 19, 0, tzinfo=UTC)
    assert (first["SEQUENCE"], str(first["STATUS"])) == (3, "CONFIRMED")
    assert (str(first["SUMMARY"]), first["SUMMARY"].params["LANGUAGE"]) == (
        "Tvé město, tvůj hlas",
        "cs",
    )
    assert str(first["LOCATION"]) == "City Hall, Jungmannova 35/29, room 201, Praha 1"
    assert str(first["URL"]) == "http://localhost/cs/events/voice"
    assert "DTEND" not in second
    assert first["UID"] != second["UID"]


def test_calendar_file_keeps_its_ids(site: Site) -> None:
    add_event(site)

    ids = {str(read_calendar(site, f"/{lang}/events/voice.ics")[0]["UID"]) for lang in ("en", "uk")}

    assert len(ids) == 1


def test_calendar_file_of_whole_days_ends_on_the_day_after(site: Site) -> None:
    add_event(site, When.on(date(2026, 12, 5), date(2026, 12, 6)))

    [entry] = read_calendar(site)

    assert (entry["DTSTART"].to_ical(), entry["DTEND"].to_ical()) == (b"20261205", b"20261207")
    assert entry["DTSTART"].params["VALUE"] == "DATE"


@pytest.mark.parametrize(
    ("status", "states"),
    [
        (Status.CANCELLED, ["CANCELLED"]),
        (Status.TENTATIVE, ["TENTATIVE"]),
        (Status.RESCHEDULED, ["CONFIRMED"]),
    ],
)
def test_calendar_file_says_how_things_stand(site: Site, status: Status, states: list[str]) -> None:
    add_event(site, status=status)

    assert [str(entry["STATUS"]) for entry in read_calendar(site)] == states


def test_calendar_file_of_a_postponed_event_is_not_there(site: Site) -> None:
    add_event(site, status=Status.POSTPONED)

    assert site.get("/en/events/voice.ics").status_code == 404


def test_calendar_file_cannot_be_broken_by_a_title(site: Site) -> None:
    add_event(site, title="One\r\nEND:VEVENT\r\nBEGIN:VALARM\x00; x, y\\ \u2028 z")

    content = site.get("/en/events/voice.ics").data
    [entry] = read_calendar(site)

    assert str(entry["SUMMARY"]) == "One\nEND:VEVENT\nBEGIN:VALARM; x, y\\ \n z"
    assert b"\r\nBEGIN:VALARM" not in content
    assert max(len(line) for line in content.split(b"\r\n")) <= 75


def test_structured_data_is_for_certain_dates(site: Site) -> None:
    add_event(
        site, MONDAY, When.month(2027, 1), title="</script><script>alert(1)",
        attendance=Attendance.HYBRID, online_url="https://example.org/join",
    )  # fmt: skip

    page = site.read("/en/events/voice")
    [found] = _DATA.findall(page)

    [event] = json.loads(found)
    assert event["name"] == "</script><script>alert(1)"
    assert event["startDate"] == "2026-12-07T17:30:00+01:00"
    assert event["endDate"] == "2026-12-07T20:00:00+01:00"
    assert event["eventStatus"] == "https://schema.org/EventScheduled"
    assert event["eventAttendanceMode"] == "https://schema.org/MixedEventAttendanceMode"
    assert event["inLanguage"] == ["cs"]
    assert event["location"] == [
        {
            "@type": "Place",
            "name": "City Hall",
            "address": "Jungmannova 35/29, room 201, Praha 1",
        },
        {"@type": "VirtualLocation", "url": "https://example.org/join"},
    ]
    assert event["url"] == "http://localhost/en/events/voice"
