"""Events as a coordinator handles them."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.domain.content import (
    Attendance,
    Registration,
    Spoken,
    SpokenRole,
    Status,
    Visibility,
)
from mailer.domain.errors import Invalid, MailerError, NotFound, Refused
from mailer.domain.texts import TextState
from mailer.domain.when import Confidence, When
from mailer.storage.audit import list_about
from mailer.storage.events import Event, as_values
from mailer.storage.snapshots import take_snapshot
from mailer.storage.texts import load_texts
from mailer.usecases import event_changes, events, venues
from mailer.usecases.events import EventEdit, SessionEdit
from mailer.usecases.venues import VenueEdit
from tests.usecases.edits import ANNA, EVENING, NEXT_DAY, event_edit, translated, words


@pytest.fixture
def published(session: Session, now: datetime) -> Event:
    return events.create(session, event_edit(), who=ANNA, now=now, publish=True)


def _save(session: Session, event: Event, edit: EventEdit, now: datetime) -> tuple[str, ...]:
    ids = [row.id for row in event.sessions]
    sessions = [
        replace(one, id=ids[place]) if place < len(ids) else one
        for place, one in enumerate(edit.sessions)
    ]
    edit = replace(edit, sessions=sessions)
    return events.change(session, event.id, edit, revision=event.revision, who=ANNA, now=now)


def _reload(session: Session) -> None:
    session.flush()
    session.expire_all()


def _actions(session: Session, event: Event) -> list[str]:
    session.flush()
    return [entry.action for entry in list_about(session, "event", event.id)]


def test_create_makes_a_draft_that_nobody_sees(session: Session, now: datetime) -> None:
    event = events.create(session, event_edit(), who=ANNA, now=now)

    value = as_values(session, [event])[0]
    assert (value.slug, value.visibility, value.revision) == (
        "prague-7-meetup",
        Visibility.DRAFT,
        1,
    )
    assert value.title.source() == "Prague 7 meetup"
    assert value.sessions[0].when == EVENING
    assert value.sessions[0].spoken == (Spoken("cs"), Spoken("en", SpokenRole.INTERPRETATION))
    assert take_snapshot(session, now).events == ()
    assert _actions(session, event) == ["event created"]


def test_publish_offers_the_event_to_the_next_digest(
    session: Session, now: datetime, published: Event
) -> None:
    events.publish(session, published.id, who=ANNA, now=now)

    assert [event.id for event in take_snapshot(session, now).events] == [published.id]
    assert _actions(session, published) == ["event created", "event published"]


def test_withdraw_takes_it_out_and_publish_brings_it_back(
    session: Session, now: datetime, published: Event
) -> None:
    events.withdraw(session, published.id, who=ANNA, now=now)
    withdrawn = take_snapshot(session, now).events

    events.publish(session, published.id, who=ANNA, now=now)

    assert withdrawn == ()
    assert len(take_snapshot(session, now).events) == 1


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Žižkov: setkání č. 2", "zizkov-setkani-c-2"),
        ("Зустріч у Празі", "zustrich-u-prazi"),
        ("اجتماع", "event"),
        ("a" * 150, "a" * 60),
        ("word " * 20, "word-word-word-word-word-word-word-word-word-word-word-word"),
    ],
)
def test_address_is_made_from_the_title(
    session: Session, now: datetime, title: str, slug: str
) -> None:
    event = events.create(session, event_edit(title), who=ANNA, now=now)

    assert event.slug == slug


def test_address_is_unique(session: Session, now: datetime) -> None:
    made = [events.create(session, event_edit("Meetup"), who=ANNA, now=now) for _ in range(3)]

    assert [event.slug for event in made] == ["meetup", "meetup-2", "meetup-3"]


def test_address_follows_the_title_until_published(session: Session, now: datetime) -> None:
    event = events.create(session, event_edit("Meetpu"), who=ANNA, now=now)

    _save(session, event, event_edit("Meetup"), now)
    events.publish(session, event.id, who=ANNA, now=now)
    _save(session, event, event_edit("Great meetup"), now)

    assert event.slug == "meetup"


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"wordings": words("Prague 8 meetup")}, ("title",)),
        ({"wordings": words("Prague 7 meetup", summary="Come!")}, ()),
        ({"sessions": [SessionEdit(NEXT_DAY)]}, ("time",)),
        ({"sessions": [SessionEdit(EVENING), SessionEdit(NEXT_DAY)]}, ("time", "place", "status")),
        ({"sessions": [SessionEdit(EVENING, room="201")]}, ("place",)),
        ({"sessions": [SessionEdit(EVENING, spoken=(Spoken("uk"),))]}, ()),
        ({"sessions": [SessionEdit(EVENING, status=Status.CANCELLED)]}, ("status",)),
        ({"attendance": Attendance.HYBRID}, ("attendance",)),
        ({"online_url": "https://meet.example/7"}, ("online_url",)),
        ({"is_tentative": True}, ("status",)),
        ({"registration": Registration.REQUIRED}, ("registration",)),
        ({"registration_url": "https://example.org/form"}, ("registration",)),
        ({"has_refreshments": True, "is_free": False, "capacity": 20, "contact": "Anna"}, ()),
    ],
)
def test_change_counts_what_readers_act_on(
    session: Session,
    now: datetime,
    published: Event,
    changes: dict[str, object],
    changed: tuple[str, ...],
) -> None:
    said = _save(session, published, event_edit(**changes), now)  # type: ignore[arg-type]

    assert said == changed
    assert (published.revision, published.material_revision) == (2, 1 + bool(changed))


def test_change_keeps_the_rows_of_sessions_that_stay(session: Session, now: datetime) -> None:
    event = events.create(session, event_edit("Two", EVENING, NEXT_DAY), who=ANNA, now=now)
    kept = event.sessions[1].id
    edit = event_edit("Two", sessions=[SessionEdit(NEXT_DAY, id=kept, spoken=(Spoken("uk"),))])

    events.change(session, event.id, edit, revision=1, who=ANNA, now=now)

    _reload(session)
    assert [(row.id, row.position, row.when) for row in event.sessions] == [(kept, 0, NEXT_DAY)]
    assert [spoken.lang for spoken in event.sessions[0].spoken] == ["uk"]


def test_change_takes_no_session_from_another_event(session: Session, now: datetime) -> None:
    mine, other = (events.create(session, event_edit(), who=ANNA, now=now) for _ in range(2))
    theirs = other.sessions[0].id
    edit = event_edit(sessions=[SessionEdit(NEXT_DAY, id=theirs)])

    events.change(session, mine.id, edit, revision=1, who=ANNA, now=now)

    _reload(session)
    assert [row.id for row in other.sessions] == [theirs]


def test_change_of_a_stale_form_is_refused(
    session: Session, now: datetime, published: Event
) -> None:
    _save(session, published, event_edit("Mine"), now)

    with pytest.raises(Refused, match="Somebody else saved this"):
        events.change(session, published.id, event_edit("Yours"), revision=1, who=ANNA, now=now)

    assert as_values(session, [published])[0].title.source() == "Mine"


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (event_edit(" "), "title"),
        (event_edit("a" * 151), "title"),
        (event_edit(wordings=words("A", summary="s" * 201)), "summary"),
        (event_edit(sessions=()), "sessions"),
        (event_edit("Many", *[EVENING] * 51), "sessions"),
        (event_edit(capacity=0), "capacity"),
        (event_edit(online_url="javascript:alert(1)"), "online_url"),
        (event_edit(online_url="https://"), "online_url"),
        (event_edit(online_url="https://[::1"), "online_url"),
        (event_edit(registration_url="example.org/form"), "registration_url"),
        (event_edit(registration_url="https://example.org/a b"), "registration_url"),
        (event_edit(registration_url="https://example.org/" + "a" * 500), "registration_url"),
        (event_edit(contact="a" * 201), "contact"),
        (event_edit(sessions=[SessionEdit(EVENING, room="r" * 101)]), "sessions-0"),
    ],
)
def test_create_refuses_what_cannot_be_kept(
    session: Session, now: datetime, edit: EventEdit, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        events.create(session, edit, who=ANNA, now=now)

    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes", [{"project_id": 99}, {"sessions": [SessionEdit(EVENING, venue_id=99)]}]
)
def test_create_refuses_rows_that_are_not_there(
    session: Session, now: datetime, changes: dict[str, object]
) -> None:
    with pytest.raises(NotFound):
        events.create(session, event_edit(**changes), who=ANNA, now=now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "when",
    [When.unknown("soon"), replace(When.month(2026, 12), confidence=Confidence.DOUBTFUL)],
)
def test_publish_refuses_a_date_that_nobody_vouches_for(
    session: Session, now: datetime, when: When
) -> None:
    event = events.create(session, event_edit("Soon", when), who=ANNA, now=now)

    with pytest.raises(Invalid) as caught:
        events.publish(session, event.id, who=ANNA, now=now)

    assert caught.value.field == "sessions-0"


@pytest.mark.parametrize(
    "when", [When.in_season("spring", 2027), When.on(date(2027, 1, 5)), When.year(2027)]
)
def test_publish_takes_an_approximate_date(session: Session, now: datetime, when: When) -> None:
    event = events.create(session, event_edit("Fair", when), who=ANNA, now=now, publish=True)

    assert event.visibility is Visibility.PUBLISHED


def test_change_of_a_published_event_may_not_lose_its_date(
    session: Session, now: datetime, published: Event
) -> None:
    with pytest.raises(Invalid, match="Give a date"):
        _save(session, published, event_edit("Meetup", When.unknown()), now)


def test_duplicate_asks_for_the_date_anew(session: Session, now: datetime) -> None:
    wordings = translated("Meetup", "cs", TextState.REVIEWED, "Setkání")
    edit = event_edit(wordings=wordings, capacity=30, topics=("events",))
    event = events.create(session, edit, who=ANNA, now=now, publish=True)
    venue = venues.create(session, VenueEdit("InBáze", "Legerova 50"), who=ANNA, now=now)
    event.sessions[0].venue_id = venue.id

    copy = events.duplicate(session, event.id, who=ANNA, now=now)

    value = as_values(session, [copy])[0]
    assert (copy.slug, copy.capacity, value.visibility) == ("meetup-2", 30, Visibility.DRAFT)
    assert value.topics == {"events"}
    assert {lang: text.text for lang, text in value.title.by_lang.items()} == {
        "en": "Meetup",
        "cs": "Setkání",
    }
    assert [(one.when, one.venue and one.venue.name.source()) for one in value.sessions] == [
        (When.unknown(), "InBáze")
    ]
    assert copy.uid != event.uid


def test_source_edit_outdates_a_translation_until_somebody_looks(
    session: Session, now: datetime
) -> None:
    first = translated("Meetup", "cs", TextState.REVIEWED, "Setkání")
    event = events.create(session, event_edit(wordings=first), who=ANNA, now=now)

    later = translated("Big meetup", "cs", TextState.REVIEWED, "Setkání")
    _save(session, event, event_edit(wordings=later), now)
    after_edit = _title(session, event, "cs")
    checked = translated("Big meetup", "cs", TextState.REVIEWED, "Setkání", is_checked=True)
    _save(session, event, event_edit(wordings=checked), now)

    assert after_edit == ("Setkání", TextState.REVIEWED, True)
    assert _title(session, event, "cs") == ("Setkání", TextState.REVIEWED, False)


def _title(session: Session, event: Event, lang: str) -> tuple[str, TextState, bool]:
    text = load_texts(session, "event", [event.id])[event.id]["title"].by_lang[lang]
    return text.text, text.state, text.outdated


def test_texts_are_cleaned(session: Session, now: datetime) -> None:
    wordings = words("  A\u00a0 B\x07 ", body="one \r\n\r\ntwo\x00\u0092\r\n")

    event = events.create(session, event_edit(wordings=wordings), who=ANNA, now=now)

    texts = load_texts(session, "event", [event.id])[event.id]
    assert {field: text.source() for field, text in texts.items()} == {
        "title": "A B",
        "body": "one\n\ntwo",
    }


def test_cancel_is_a_change_that_readers_act_on(
    session: Session, now: datetime, published: Event
) -> None:
    event_changes.cancel(session, published.id, revision=1, who=ANNA, now=now)

    assert published.status is Status.CANCELLED
    assert (published.revision, published.material_revision) == (2, 2)
    assert _actions(session, published)[-1] == "event cancelled"


def test_reinstate_puts_it_back(session: Session, now: datetime, published: Event) -> None:
    event_changes.postpone(session, published.id, revision=1, who=ANNA, now=now)

    event_changes.reinstate(session, published.id, revision=2, who=ANNA, now=now)

    assert (published.status, published.material_revision) == (Status.SCHEDULED, 3)


def test_move_gives_the_new_date(session: Session, now: datetime, published: Event) -> None:
    whens = {published.sessions[0].id: NEXT_DAY}

    event_changes.move(session, published.id, whens, revision=1, who=ANNA, now=now)

    _reload(session)
    assert published.status is Status.RESCHEDULED
    assert [(row.when, row.status) for row in published.sessions] == [(NEXT_DAY, Status.SCHEDULED)]
    assert published.material_revision == 2


def test_move_marks_which_session_of_several_moved(session: Session, now: datetime) -> None:
    edit = event_edit("Two", EVENING, NEXT_DAY)
    event = events.create(session, edit, who=ANNA, now=now, publish=True)
    later = When.at(datetime(2026, 12, 9, 18, 0))

    whens = {event.sessions[0].id: EVENING, event.sessions[1].id: later}
    event_changes.move(session, event.id, whens, revision=1, who=ANNA, now=now)

    assert [(row.when, row.status) for row in event.sessions] == [
        (EVENING, Status.SCHEDULED),
        (later, Status.RESCHEDULED),
    ]


def test_move_online_keeps_the_time(session: Session, now: datetime, published: Event) -> None:
    event_changes.move_online(
        session, published.id, "https://meet.example/7", revision=1, who=ANNA, now=now
    )

    value = as_values(session, [published])[0]
    assert (value.status, value.attendance, value.online_url, value.sessions[0].when) == (
        Status.MOVED_ONLINE,
        Attendance.ONLINE,
        "https://meet.example/7",
        EVENING,
    )


def test_form_leaves_the_status_of_a_moved_event_alone(
    session: Session, now: datetime, published: Event
) -> None:
    event_changes.postpone(session, published.id, revision=1, who=ANNA, now=now)

    _save(session, published, event_edit("New title", When.unknown()), now)

    assert published.status is Status.POSTPONED


def test_news_of_an_event_is_refused_where_it_makes_no_sense(
    session: Session, now: datetime, published: Event
) -> None:
    draft = events.create(session, event_edit(), who=ANNA, now=now)
    same = {published.sessions[0].id: EVENING}

    said = [
        _refusal(lambda: event_changes.cancel(session, draft.id, revision=1, who=ANNA, now=now)),
        _refusal(
            lambda: event_changes.cancel(session, published.id, revision=7, who=ANNA, now=now)
        ),
        _refusal(
            lambda: event_changes.reinstate(session, published.id, revision=1, who=ANNA, now=now)
        ),
        _refusal(
            lambda: event_changes.move(session, published.id, same, revision=1, who=ANNA, now=now)
        ),
    ]

    assert said == [Refused, Refused, Refused, Invalid]
    assert published.status is Status.SCHEDULED


def _refusal(act: object) -> type[MailerError]:
    with pytest.raises(MailerError) as caught:
        act()  # type: ignore[operator]
    return caught.type


def test_changed_at_is_the_moment_of_the_edit(
    session: Session, now: datetime, published: Event
) -> None:
    later = now + timedelta(hours=1)

    _save(session, published, event_edit("Later"), later)

    assert (published.created_at, published.changed_at) == (now, later)


def test_venue_is_added_once(session: Session, now: datetime) -> None:
    first = venues.create(session, VenueEdit("InBáze", "Legerova 50"), who=ANNA, now=now)

    again = venues.create(session, VenueEdit(" inbaze ", "legerova 50"), who=ANNA, now=now)
    other = venues.create(session, VenueEdit("InBáze", "Jungmannova 1"), who=ANNA, now=now)

    assert again.id == first.id
    assert other.id != first.id
