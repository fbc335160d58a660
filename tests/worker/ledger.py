"""What the proofs of delivery share: a newsletter under way, and what its readers got of it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from email.parser import BytesHeaderParser

from sqlalchemy import select, update

from mailer import clock
from mailer.domain.delivery import Account, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.storage import recovery
from mailer.storage.accounts import get_account
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter

Copies = dict[str, list[str]]
"""Address → the Message-ID of each copy that arrived there."""


def read_copies(contents: Iterable[bytes]) -> Copies:
    copies: defaultdict[str, list[str]] = defaultdict(list)
    for content in contents:
        message = BytesHeaderParser().parsebytes(content)
        copies[message["To"]].append(message["Message-ID"])
    return dict(copies)


def count_repeats(copies: Copies) -> int:
    return sum(len(ids) - 1 for ids in copies.values())


def read_deliveries(sessions: Sessions) -> list[Delivery]:
    with sessions() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def read_account(sessions: Sessions, newsletter_id: int) -> Account:
    with sessions() as session:
        return get_account(session, get_newsletter(session, newsletter_id))


def is_sent(sessions: Sessions, newsletter_id: int) -> bool:
    with sessions() as session:
        return get_newsletter(session, newsletter_id).state == NewsletterState.SENT


def let_leases_run_out(sessions: Sessions) -> None:
    """A quarter of an hour passes for the claims of a dead process."""
    with sessions() as session:
        session.execute(update(Delivery).values(lease_until=clock.now() - timedelta(seconds=1)))


def let_waiting_end(sessions: Sessions) -> None:
    """A quarter of an hour passes for mails of unknown fate, and the clock notices."""
    now = clock.now()
    with sessions() as session:
        waits = (Delivery.state == DeliveryState.UNKNOWN, Delivery.next_at.is_not(None))
        session.execute(update(Delivery).where(*waits).values(next_at=now))
        recovery.requeue_unknown(session, now)
