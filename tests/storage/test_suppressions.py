"""Addresses that must not be mailed are written down by several processes at once."""

import threading
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.storage.db import Sessions
from mailer.storage.suppressions import Scope, Suppression, is_suppressed, lift, suppress

KEY = "k" * 64


def list_reasons(session: Session) -> list[tuple[Scope, str]]:
    return [(row.scope, row.reason) for row in session.scalars(select(Suppression))]


def test_two_processes_may_suppress_the_same_address_at_once(
    sessions: Sessions, now: datetime
) -> None:
    failures: list[Exception] = []

    def suppress_too() -> None:
        try:
            with sessions() as session:
                suppress(session, KEY, Scope.EVERYTHING, "second", now + timedelta(seconds=1))
        except Exception as error:  # noqa: BLE001  whatever it is, the test wants to see it
            failures.append(error)

    second = threading.Thread(target=suppress_too, daemon=True)

    with sessions() as session:
        suppress(session, KEY, Scope.EVERYTHING, "first", now)
        second.start()
        second.join(0.5)
        assert second.is_alive()  # it waits to see whether the first one is committed
    second.join(10)

    assert failures == []
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
