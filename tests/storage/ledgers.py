"""Short words for the ledger's questions, for those who ask them in tests."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from mailer.storage import claiming, ledger
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim, Delivery

LEASE = timedelta(minutes=15)
WAIT = timedelta(minutes=15)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def claim(sessions: Sessions, now: datetime, owner: str = "a", limit: int = 10) -> list[Claim]:
    with sessions() as session:
        return claiming.claim_newsletter(session, owner, now, LEASE, limit)


def read_states(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return [row.state.value for row in session.scalars(select(Delivery).order_by(Delivery.id))]


def may_leave(sessions: Sessions, claimed: Claim, now: datetime) -> bool:
    with sessions() as session:
        passed = ledger.hand_off(session, [(claimed.id, claimed.generation)], now)
    return passed == {claimed.id}


def end_leases(sessions: Sessions) -> None:
    """By the database's clock, where it is the one that counts, and by that of the tests."""
    with sessions() as session:
        session.execute(update(Delivery).values(lease_until=LONG_AGO))


def read_leases(sessions: Sessions) -> list[datetime | None]:
    with sessions() as session:
        return list(session.scalars(select(Delivery.lease_until).order_by(Delivery.id)))
