"""Readers and their newsletter, written by the database itself: a million rows in seconds.

What differs from reader to reader is as random as in real life, so that the indexes are as large
and as scattered as there.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, cast, func, insert, literal, select, text
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.newsletter import LONGEST_LIFE, NewsletterKind, NewsletterState
from mailer.message.values import Rendered
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Cohort, Newsletter
from mailer.storage.subscribers import Subscriber
from mailer.usecases.setup import set_up

LANGUAGE = "cs"

Columns = dict[str, ColumnElement[Any]]


def add_readers(session: Session, number: int, now: datetime) -> None:
    """`number` confirmed readers."""
    counted = select(literal(1, Integer).label("n")).cte("counted", recursive=True)
    counted = counted.union_all(select(counted.c.n + 1).where(counted.c.n < number))
    reader = Subscriber.__table__.c
    values: Columns = {
        "public_id": _random_id(session),
        "address": literal("reader") + cast(counted.c.n, String) + literal("@example.org"),
        "address_key": _random_key(session, counted.c.n),
        "state": literal(SubscriberState.CONFIRMED, reader.state.type),
        "language": literal(LANGUAGE),
        "content_languages": literal((LANGUAGE,), reader.content_languages.type),
        "topics": literal(("events",), reader.topics.type),
        "created_at": literal(now - timedelta(days=30), reader.created_at.type),
        "confirmed_at": literal(now - timedelta(days=30), reader.confirmed_at.type),
    }
    session.execute(insert(Subscriber).from_select(list(values), select(*values.values())))
    # Readers have been there for long, so the database knows its way about them.
    session.execute(text("ANALYZE subscriber"))


def add_newsletter(session: Session, letter: Rendered, now: datetime) -> int:
    """A newsletter to all readers whose audience has just been written down, paused; its id."""
    set_up(session, None, now)
    number = session.scalar(select(func.count()).select_from(Subscriber))
    newsletter = Newsletter(
        slug="bench",
        kind=NewsletterKind.LETTER,
        state=NewsletterState.PAUSED,
        title="Bench",
        audience_count=number,
        created_at=now,
        changed_at=now,
        started_at=now,
        expires_at=now + LONGEST_LIFE,
    )
    session.add(newsletter)
    session.flush()
    cohort = Cohort(
        newsletter_id=newsletter.id,
        key="all",
        language=letter.lang,
        subject=letter.subject,
        preheader=letter.preheader,
        html=letter.html,
        text=letter.text,
        created_at=now,
    )
    session.add(cohort)
    session.flush()
    _add_deliveries(session, newsletter.id, cohort.id, now)
    return newsletter.id


def _add_deliveries(session: Session, newsletter_id: int, cohort_id: int, now: datetime) -> None:
    delivery, reader = Delivery.__table__.c, Subscriber.__table__.c
    values: Columns = {
        "newsletter_id": literal(newsletter_id),
        "cohort_id": literal(cohort_id),
        "subscriber_id": reader.id,
        "reader_id": reader.public_id,
        "kind": literal(DeliveryKind.NEWSLETTER, delivery.kind.type),
        "language": reader.language,
        "address": reader.address,
        "address_key": reader.address_key,
        "state": literal(DeliveryState.QUEUED, delivery.state.type),
        "next_at": literal(now, delivery.next_at.type),
        "expires_at": literal(now + LONGEST_LIFE, delivery.expires_at.type),
        "created_at": literal(now, delivery.created_at.type),
        "changed_at": literal(now, delivery.changed_at.type),
    }
    readers = select(*values.values()).order_by(reader.id)
    session.execute(insert(Delivery).from_select(list(values), readers))


def _random_id(session: Session) -> ColumnElement[Any]:
    if session.get_bind().dialect.name == "postgresql":
        return func.gen_random_uuid()
    return func.lower(func.hex(func.randomblob(16)))


def _random_key(session: Session, number: ColumnElement[int]) -> ColumnElement[Any]:
    if session.get_bind().dialect.name == "postgresql":
        as_bytes = func.convert_to(cast(number, String), "UTF8")
        return func.encode(func.sha256(as_bytes), "hex")
    return func.lower(func.hex(func.randomblob(32)))
