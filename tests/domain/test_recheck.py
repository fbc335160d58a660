from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mailer.domain.compose import compose
from mailer.domain.content import (
    Attendance,
    DeadlineKind,
    Event,
    ProjectStatus,
    Registration,
    Session,
    Snapshot,
    Status,
    UpdateKind,
    Venue,
    Visibility,
)
from mailer.domain.recheck import recheck
from mailer.domain.when import When
from tests.domain.samples import (
    LATER,
    NOW,
    RUN,
    THIS_WEEK,
    Item,
    after,
    deadline,
    event,
    moment,
    outline,
    project,
    reader,
    snapshot,
    texts,
    update,
)

NEW_WORDS = texts("Rewritten", cs="Přepsáno")
OTHER_TOPIC = frozenset({"trainings"})


def test_recheck_takes_the_words_of_an_event_from_the_approval_and_its_facts_from_now() -> None:
    approved = event(1, THIS_WEEK, topics=frozenset({"events"}), project_ids=(1,))
    facts: dict[str, Any] = {
        "sessions": (Session(LATER, Venue(texts("InBáze")), "room 201"),),
        "status": Status.RESCHEDULED,
        "attendance": Attendance.HYBRID,
        "online_url": "https://meet.example/1",
        "registration": Registration.FULL,
        "registration_url": "https://form.example/1",
        "is_free": False,
        "has_refreshments": True,
        "slug": "new-slug",
        "revision": 2,
    }
    words: dict[str, Any] = {
        "title": NEW_WORDS,
        "summary": NEW_WORDS,
        "topics": OTHER_TOPIC,
        "project_ids": (2,),
    }
    current = replace(approved, **facts, **words)

    checked = recheck(snapshot(approved), snapshot(current), NOW)

    assert checked.events == (replace(approved, **facts),)


def test_recheck_takes_the_words_of_a_deadline_from_the_approval_and_its_facts_from_now() -> None:
    approved = deadline(1, topics=frozenset({"events"}), project_id=1)
    facts: dict[str, Any] = {"closes": LATER, "url": "https://vote.example", "revision": 2}
    words: dict[str, Any] = {
        "kind": DeadlineKind.OPEN_CALL,
        "title": NEW_WORDS,
        "summary": NEW_WORDS,
        "topics": OTHER_TOPIC,
        "project_id": 2,
    }

    checked = recheck(snapshot(approved), snapshot(replace(approved, **facts, **words)), NOW)

    assert checked.deadlines == (replace(approved, **facts),)


def test_recheck_takes_the_words_of_an_update_from_the_approval_and_its_facts_from_now() -> None:
    approved = update(1, project_id=1)
    facts: dict[str, Any] = {"url": "https://news.example", "revision": 2}
    words: dict[str, Any] = {
        "kind": UpdateKind.RESULT,
        "title": NEW_WORDS,
        "teaser": NEW_WORDS,
        "topics": OTHER_TOPIC,
        "project_id": 2,
        "is_significant": True,
        "published_at": after(days=-3),
    }

    checked = recheck(snapshot(approved), snapshot(replace(approved, **facts, **words)), NOW)

    assert checked.updates == (replace(approved, **facts),)


def test_recheck_takes_the_words_of_a_project_from_the_approval_and_its_facts_from_now() -> None:
    approved = project(1)
    facts: dict[str, Any] = {
        "slug": "new-slug",
        "period": When.on(date(2024, 1, 1), date(2024, 12, 31)),
        "status_override": ProjectStatus.PAUSED,
    }
    words: dict[str, Any] = {
        "title": NEW_WORDS,
        "summary": NEW_WORDS,
        "funder_ack": NEW_WORDS,
        "topics": OTHER_TOPIC,
    }

    checked = recheck(snapshot(approved), snapshot(replace(approved, **facts, **words)), NOW)

    assert checked.projects == (replace(approved, **facts),)


ALL = (event(1), deadline(1), update(1), project(1))
NOTHING = Snapshot(taken_at=NOW)


def test_recheck_drops_what_is_gone() -> None:
    checked = recheck(snapshot(*ALL), NOTHING, NOW)

    assert checked == NOTHING


def test_recheck_adds_nothing_that_was_not_approved() -> None:
    checked = recheck(NOTHING, snapshot(*ALL), NOW)

    assert checked == NOTHING


@pytest.mark.parametrize("visibility", [Visibility.WITHDRAWN, Visibility.DRAFT])
def test_recheck_drops_what_is_no_longer_published(visibility: Visibility) -> None:
    hidden = [replace(item, visibility=visibility) for item in ALL]

    checked = recheck(snapshot(*ALL), snapshot(*hidden), NOW)

    assert checked == NOTHING


def test_recheck_says_when_its_facts_were_taken() -> None:
    current = replace(snapshot(*ALL), taken_at=after(minutes=5))

    checked = recheck(snapshot(*ALL), current, after(minutes=6))

    assert checked == current


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(event(1, moment("2024-05-03 09:00")), [], id="event over by then"),
        pytest.param(
            event(1, moment("2024-05-03 17:00")),
            ["this_week event:1 new"],
            id="event still to come",
        ),
        pytest.param(deadline(1, moment("2024-05-03 12:00")), [], id="deadline passed by then"),
        pytest.param(
            deadline(1, moment("2024-05-03 12:01")),
            ["act_by deadline:1 deadline"],
            id="deadline a minute off",
        ),
    ],
)
def test_recheck_before_a_late_issue_drops_what_has_passed_since(
    item: Item, expected: list[str]
) -> None:
    friday_noon = datetime(2024, 5, 3, 10, 0, tzinfo=UTC)

    checked = recheck(snapshot(item), snapshot(item), friday_noon)

    assert outline(compose(reader(), RUN, checked)) == expected


def test_recheck_keeps_only_the_sessions_that_are_not_over() -> None:
    item = event(1, moment("2024-05-02 12:00"), LATER)

    checked = recheck(snapshot(item), snapshot(item), after(days=1))

    assert [session.when for session in checked.events[0].sessions] == [LATER]


def test_recheck_drops_an_event_of_which_no_session_is_left() -> None:
    item = event(1, moment("2024-05-02 12:00"), moment("2024-05-02 14:00"))

    checked = recheck(snapshot(item), snapshot(item), after(days=1))

    assert checked.events == ()


def test_recheck_leaves_what_has_no_date_for_the_composer_to_judge() -> None:
    items = snapshot(event(1, When.unknown()), deadline(1, When.unknown()))

    checked = recheck(items, items, NOW)

    assert checked == items


def cancelled(item: Event) -> Event:
    return replace(item, status=Status.CANCELLED, revision=2)


def test_recheck_stops_a_meeting_cancelled_five_minutes_before_the_issue() -> None:
    approved = snapshot(event(1), event(2))
    current = snapshot(cancelled(event(1)), event(2))

    checked = recheck(approved, current, after(minutes=-5))

    assert outline(compose(reader(), RUN, checked)) == ["this_week event:2 new"]
