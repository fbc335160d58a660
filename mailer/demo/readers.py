"""Example readers. Their addresses end in example.org, which reaches nobody (RFC 2606)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, ConsentAction, SubscriberState
from mailer.storage.subscribers import Subscriber
from mailer.usecases.consents import Trace, record

EVERYTHING = ("events", "participation", "project-news", "trainings")
GROUPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], int], ...] = (
    ("en", ("en",), EVERYTHING, 6),
    ("en", ("en", "cs"), ("events",), 3),
    ("cs", ("cs",), EVERYTHING, 4),
    ("cs", ("cs", "en"), ("participation", "project-news"), 2),
    ("uk", ("uk", "cs"), EVERYTHING, 5),
    ("uk", ("uk", "ru"), ("events", "trainings"), 2),
    ("ar", ("ar", "en"), EVERYTHING, 2),
)
"""Language, content languages, topics, and how many such readers there are."""


def add_readers(session: Session, address_key: Callable[[str], str], now: datetime) -> int:
    """Add the example readers, confirmed some weeks ago. Returns how many."""
    number = 0
    for language, content_languages, topics, size in GROUPS:
        for _ in range(size):
            number += 1
            _add(session, address_key, number, (language, content_languages, topics), now)
    return number


def _add(
    session: Session,
    address_key: Callable[[str], str],
    number: int,
    wishes: tuple[str, tuple[str, ...], tuple[str, ...]],
    now: datetime,
) -> None:
    language, content_languages, topics = wishes
    joined = now - timedelta(days=10 + 7 * (number % 9))
    address = f"reader-{number:02}-{language}@example.org"
    subscriber = Subscriber(
        address=address,
        address_key=address_key(address),
        state=SubscriberState.CONFIRMED,
        language=language,
        content_languages=content_languages,
        topics=topics,
        cadence=Cadence.WEEKLY,
        source="demonstration",
        created_at=joined,
        confirmed_at=joined,
    )
    session.add(subscriber)
    session.flush()
    trace = Trace(source="demonstration", language=language, evidence="example reader")
    record(session, subscriber, ConsentAction.IMPORTED, trace, joined)
