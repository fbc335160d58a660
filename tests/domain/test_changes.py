"""Which differences readers must hear of."""

from dataclasses import replace
from datetime import datetime

import pytest

from mailer.domain.changes import deadline_changes, event_changes
from mailer.domain.content import Attendance, Event, Registration, Session, Spoken, Status, Venue
from mailer.domain.when import Confidence, When
from tests.domain.samples import deadline, event, moment, texts

INBAZE = Venue(texts("InBáze", cs="InBáze z.s."), "Legerova 50", "Praha")
BEFORE = event(sessions=(Session(moment("2024-05-06 17:30"), INBAZE, "201"),))
(SITTING,) = BEFORE.sessions
AUTUMN = datetime(2024, 10, 27, 2, 30)


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (BEFORE, ()),
        (replace(BEFORE, title=texts("Event one")), ("title",)),
        (replace(BEFORE, title=texts("Event 1", cs="Akce 1")), ()),
        (replace(BEFORE, summary=texts("Come")), ()),
        (replace(BEFORE, sessions=(replace(SITTING, when=moment("2024-05-06 18:00")),)), ("time",)),
        (replace(BEFORE, sessions=(replace(SITTING, room="202"),)), ("place",)),
        (replace(BEFORE, sessions=(replace(SITTING, venue=None),)), ("place",)),
        (replace(BEFORE, sessions=(replace(SITTING, spoken=(Spoken("uk"),)),)), ()),
        (replace(BEFORE, sessions=(replace(SITTING, status=Status.CANCELLED),)), ("status",)),
        (replace(BEFORE, status=Status.CANCELLED), ("status",)),
        (replace(BEFORE, sessions=(SITTING, SITTING)), ("time", "place", "status")),
        (replace(BEFORE, attendance=Attendance.ONLINE), ("attendance",)),
        (replace(BEFORE, online_url="https://example.org"), ("online_url",)),
        (replace(BEFORE, registration=Registration.FULL), ("registration",)),
        (replace(BEFORE, registration_url="https://example.org"), ("registration",)),
        (replace(BEFORE, is_free=False, has_refreshments=True, topics=frozenset({"x"})), ()),
    ],
)
def test_event_changes_names_what_readers_act_on(after: Event, changed: tuple[str, ...]) -> None:
    assert event_changes(BEFORE, after) == changed


def test_event_changes_ignores_how_a_date_was_written() -> None:
    when = replace(SITTING.when, raw="6. 5. 2024 17.30", confidence=Confidence.APPROXIMATE)
    after = replace(BEFORE, sessions=(replace(SITTING, when=when),))

    assert event_changes(BEFORE, after) == ()


def test_event_changes_tells_a_repeated_hour_apart() -> None:
    first, second = (event(1, When.at(AUTUMN.replace(fold=fold))) for fold in (0, 1))

    assert event_changes(first, second) == ("time",)


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({}, ()),
        ({"title": texts("Vote!")}, ("title",)),
        ({"closes": moment("2024-05-09 13:00")}, ("time",)),
        ({"url": "https://example.org"}, ("url",)),
        ({"summary": texts("Soon"), "project_id": 3}, ()),
    ],
)
def test_deadline_changes_names_what_readers_act_on(
    changes: dict[str, object], changed: tuple[str, ...]
) -> None:
    assert deadline_changes(deadline(), deadline(**changes)) == changed
