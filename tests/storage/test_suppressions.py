"""Addresses that must not be mailed are written down by several processes at once."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.storage.db import Sessions
from mailer.storage.suppressions import Scope, Suppression, is_suppressed, lift, suppress
from tests.beside import run_beside

KEY = "k" * 64


def list_reasons(session: Session) -> list[tuple[Scope, str]]:
    return [(row.scope, row.reason) for row in session.scalars(select(Suppression))]


def test_two_processes_may_suppress_the_same_address_at_once(
    sessions: Sessions, now: datetime
) -> None:
    later = now + timedelta(seconds=1)

    waited = run_beside(
        sessions,
        lambda session: suppress(session, KEY, Scope.EVERYTHING, "first", now),
        lambda session: suppress(session, KEY, Scope.EVERYTHING, "second", later),
    )

    assert waited  # to see whether the first one is committed
    with sessions() as session:
        assert list_reasons(session) == [(Scope.EVERYTHING, "first")]


def test_suppressing_again_changes_nothing_and_each_scope_stands_alone(
    session: Session, now: datetime
) -> None:
    suppress(session, KEY, Scope.NEWSLETTERS, "left", now)
    suppress(session, KEY, Scope.NEWSLETTERS, "left again", now + timedelta(days=1))

    assert list_reasons(session) == [(Scope.NEWSLETTERS, "left")]
    assert not is_suppressed(session, KEY, Scope.EVERYTHING)


def test_lifted_suppression_can_come_again_in_the_same_transaction(
    session: Session, now: datetime
) -> None:
    suppress(session, KEY, Scope.NEWSLETTERS, "left", now)
    lift(session, KEY, Scope.NEWSLETTERS)
    suppress(session, KEY, Scope.NEWSLETTERS, "left again", now)

    assert list_reasons(session) == [(Scope.NEWSLETTERS, "left again")]
