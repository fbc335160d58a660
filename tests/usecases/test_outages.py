"""Why nothing leaves, read from the worker's own notes."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.storage.db import Sessions
from mailer.storage.settings import save_setting
from mailer.usecases.outages import (
    PROVIDER_TROUBLE,
    SILENT_AFTER,
    WORKER_TICK,
    Outage,
    find_silence,
    find_trouble,
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
        note = {"reason": "421 try later", "code": 421, "since": now.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, note, now)
        add_subscriber(session, "reader@example.org", now)
    if is_open:
        start_letter(sessions, now)
    with sessions() as session:
        found = find_trouble(session, now + timedelta(minutes=minutes))

    assert (found is not None) is is_told


def test_trouble_is_told_in_the_words_of_the_provider(session: Session, now: datetime) -> None:
    before = find_trouble(session, now)
    note = {"reason": "421 try later", "code": 421, "since": now.isoformat()}
    save_setting(session, PROVIDER_TROUBLE, note, now)

    assert (before, find_trouble(session, now)) == (None, Outage("421 try later", now))
