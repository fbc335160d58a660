"""What a process holds: claimed in turns, given back when it may not go out, kept from others."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from sqlalchemy import Engine, update

from mailer import clock
from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import Limits
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.presence import Presence
from mailer.worker import claims as claims_room
from mailer.worker.claims import Claims, Pace
from tests.letters import start_letter
from tests.people import add_people, add_subscriber
from tests.worker.ledger import read_deliveries

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def claims(sessions: Sessions, database: Engine, now: datetime) -> Iterator[Claims]:
    """Of a process that claims two mails at a time of a newsletter to five readers."""
    with sessions() as session:
        add_people(session, 5, now)
    start_letter(sessions, now)
    presence = Presence(database, "test")
    pace = Pace(claim_size=2, lease=timedelta(minutes=15))
    claims = Claims(sessions, clock.fixed(now), "test", presence, pace, Limits())
    claims.begin(10)
    yield claims
    presence.leave()


def read_states(sessions: Sessions) -> list[str]:
    return [row.state.value for row in read_deliveries(sessions)]


def test_claims_come_batch_by_batch(claims: Claims, sessions: Sessions) -> None:
    first = claims.next()
    held = read_states(sessions)
    rest = [claims.next() for _ in range(5)]

    assert held == ["claimed", "claimed", "queued", "queued", "queued"]
    assert [claim.id if claim else None for claim in (first, *rest)] == [1, 2, 3, 4, 5, None]


def test_claims_are_limited_to_the_batches_that_were_allowed(claims: Claims) -> None:
    claims.begin(1)

    found = [claims.next() for _ in range(3)]

    assert [claim is not None for claim in found] == [True, True, False]


def test_claims_in_doubt_are_given_back_before_the_next_mail(
    claims: Claims, sessions: Sessions
) -> None:
    begun = claims.next()
    claims.doubt()

    following = claims.next()

    assert begun
    assert following
    assert [(row.id, row.generation) for row in read_deliveries(sessions)[:3]] == [
        (1, 1),
        (2, 2),
        (3, 1),
    ]
    assert (following.id, following.generation) == (2, 2)


def test_claims_are_forgotten_with_what_was_begun(claims: Claims, sessions: Sessions) -> None:
    claims.next()

    claims.forget()

    assert read_states(sessions) == ["queued"] * 5
    assert len(claims) == 0


@pytest.mark.parametrize("is_due", [True, False])
def test_claims_are_kept_by_a_process_at_work(
    claims: Claims, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, is_due: bool
) -> None:
    """F15: the lease is renewed while mail waits for its turn."""
    claims.next()
    with sessions() as session:
        session.execute(update(Delivery).values(lease_until=LONG_AGO))
    later = monotonic() + (claims_room.RENEW_SECONDS if is_due else 2)
    monkeypatch.setattr(claims_room, "monotonic", lambda: later)

    claims.next()

    leases = [row.lease_until for row in read_deliveries(sessions)[:2]]
    assert [lease is not None and lease > LONG_AGO for lease in leases] == [is_due, is_due]


def test_whoever_must_wait_for_a_limit_keeps_nobody_else_waiting(
    sessions: Sessions, database: Engine, now: datetime
) -> None:
    """A claim that only put mails off is followed by another, without a rest."""
    with sessions() as session:
        for number in range(60):
            add_subscriber(session, f"{number}@busy.example", now)
        add_subscriber(session, "one@other.example", now)
    start_letter(sessions, now)
    limits = Limits("p", domains={"busy.example": Rate(1, Unit.HOUR)})
    pace = Pace(claim_size=5, idle_seconds=600)
    claims = Claims(sessions, clock.fixed(now), "a", Presence(database, "a"), pace, limits)
    claims.begin(math.inf)

    found = [claims.next() for _ in range(5)]

    addresses = [claim.address for claim in found if claim]
    assert addresses == ["0@busy.example", "one@other.example"]
