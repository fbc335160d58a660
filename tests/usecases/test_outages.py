"""Why nothing leaves, read from the worker's own notes."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.storage.settings import save_setting
from mailer.usecases.outages import (
    PROVIDER_TROUBLE,
    SILENT_AFTER,
    WORKER_TICK,
    Outage,
    find_silence,
    find_trouble,
)


def test_a_worker_that_was_never_heard_of_is_silent(session: Session, now: datetime) -> None:
    assert find_silence(session, now) == Outage("", None)


def test_a_worker_is_silent_after_two_minutes(session: Session, now: datetime) -> None:
    save_setting(session, WORKER_TICK, now.isoformat(), now)

    in_time = find_silence(session, now + SILENT_AFTER)
    late = find_silence(session, now + SILENT_AFTER + timedelta(seconds=1))

    assert (in_time, late) == (None, Outage("", now))


def test_trouble_is_told_in_the_words_of_the_provider(session: Session, now: datetime) -> None:
    before = find_trouble(session)
    note = {"reason": "421 try later", "code": 421, "since": now.isoformat()}
    save_setting(session, PROVIDER_TROUBLE, note, now)

    assert (before, find_trouble(session)) == (None, Outage("421 try later", now))
