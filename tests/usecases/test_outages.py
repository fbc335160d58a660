"""Why nothing leaves, read from the worker's own notes."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.storage.db import Sessions
from mailer.storage.settings import save_setting
from mailer.usecases.outages import (
    SILENT_AFTER,
    WORKER_TICK,
    Outage,
    end_trouble,
    find_silence,
    find_trouble,
    note_trouble,
)
from tests.letters import start_letter
from tests.people import add_subscriber


def test_a_worker_that_was_never_heard_of_is_silent(session: Session, now: datetime) -> None:
    assert find_silence(session, now) == Outage("", None)


def test_a_worker_is_silent_after_two_minutes(session: Session, now: datetime) -> None:
    save_setting(session, WORKER_TICK, now.isoformat(), now)

    in_time = find_silence(session, now + SILENT_AFTER)
    late = find_silence(session, now + SILENT_AFTER + timedelta(seconds=1))

    assert (in_time, late) == (None, Outage("", now))


@pytest.mark.parametrize(
    ("minutes", "is_open", "is_told"), [(20, False, True), (21, False, False), (21, True, True)]
)
def test_trouble_lapses_when_nothing_is_left_to_send(
    sessions: Sessions, now: datetime, minutes: int, is_open: bool, is_told: bool
) -> None:
    with sessions() as session:
        note_trouble(session, "421 try later", 421, now)
        add_subscriber(session, "reader@example.org", now)
    if is_open:
        start_letter(sessions, now)
    with sessions() as session:
        found = find_trouble(session, now + timedelta(minutes=minutes))

    assert (found is not None) is is_told


def test_trouble_is_told_in_the_words_of_the_provider(session: Session, now: datetime) -> None:
    before = find_trouble(session, now)
    note_trouble(session, "421 try later", 421, now)

    assert (before, find_trouble(session, now)) == (None, Outage("421 try later", now))


def test_trouble_keeps_its_beginning_until_it_ends(session: Session, now: datetime) -> None:
    later, found = now + timedelta(minutes=1), []
    note_trouble(session, "421 try later", 421, now)

    note_trouble(session, "535 who are you", 535, later)
    found.append(find_trouble(session, later))
    end_trouble(session)
    session.flush()
    found.append(find_trouble(session, later))

    assert found == [Outage("535 who are you", now, needs_person=True), None]


@pytest.mark.parametrize(
    ("code", "needs_person"), [(535, True), (550, True), (451, False), (503, False), (0, False)]
)
def test_trouble_that_somebody_must_mend_says_so_at_once(
    session: Session, now: datetime, code: int, needs_person: bool
) -> None:
    note_trouble(session, "no", code, now)

    assert find_trouble(session, now) == Outage("no", now, needs_person)
