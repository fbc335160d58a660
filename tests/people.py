"""Subscribers for tests: confirmed unless said otherwise, with wishes that can be named."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, SubscriberState
from mailer.storage.subscribers import Subscriber


def add_subscriber(
    session: Session,
    address: str,
    now: datetime,
    *,
    language: str = "en",
    content_languages: tuple[str, ...] = (),
    topics: tuple[str, ...] = ("events",),
    cadence: Cadence = Cadence.WEEKLY,
    state: SubscriberState = SubscriberState.CONFIRMED,
    paused_until: datetime | None = None,
) -> Subscriber:
    """One row, flushed. The address key is the address itself: readable in a failed test."""
    subscriber = Subscriber(
        address=address,
        address_key=address,
        state=state,
        language=language,
        content_languages=content_languages or (language,),
        topics=topics,
        cadence=cadence,
        paused_until=paused_until,
        created_at=now - timedelta(days=30),
        confirmed_at=now - timedelta(days=30),
    )
    session.add(subscriber)
    session.flush()
    return subscriber


def add_people(session: Session, number: int, now: datetime) -> list[Subscriber]:
    """`number` confirmed readers of English."""
    return [add_subscriber(session, f"reader{i:04}@example.org", now) for i in range(number)]
