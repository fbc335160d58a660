"""Writes an audience into the ledger, nobody ever twice. The database does it by itself, a range
of subscribers at a time: a million readers never pass through this process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    Subquery,
    and_,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from mailer.domain.delivery import ARRIVED_STATES, DeliveryKind, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.storage.audiences import is_in_audience
from mailer.storage.db import has_one_writer, insert_into
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Cohort, CohortItem, Newsletter, ReaderKind
from mailer.storage.subscribers import Subscriber

OF_A_LETTER = ("language", "content_languages")
OF_A_DIGEST = (*OF_A_LETTER, "topics", "cadence")
"""What in a subscriber decides which letter they get."""

NOTHING_NEW = "nothing new"

_S = DeliveryState


@dataclass(frozen=True, slots=True)
class Roster:
    """Those who get a newsletter by what is known at `now`, as far as their numbers are above
    `after` and at most `up_to`. `traits` are the columns that decide their letter; `issues` are
    the newsletters of which it matters whether they arrived, if they were written after `since`.
    """

    newsletter: Newsletter
    traits: tuple[str, ...]
    issues: tuple[int, ...]
    since: datetime
    after: int
    up_to: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """Readers who get the same letter: by the traits that decide it, and by the cohorts whose
    letters arrived with them, in order."""

    traits: Mapping[str, Any]
    history: tuple[int, ...]


def expect_many(session: Session) -> None:
    """Until the transaction ends, PostgreSQL joins by hashing. Its figures about tables that grow
    this fast are always old: it expects one row, takes every reader through thousands, and the
    work grows with the square of the audience."""
    if not has_one_writer(session):
        session.execute(text("SET LOCAL enable_nestloop = off"))


def find_last(session: Session) -> int:
    """The number of the newest subscriber."""
    return session.scalar(select(func.max(Subscriber.id))) or 0


def list_issues(session: Session, since: datetime) -> tuple[int, ...]:
    """Newsletters from which somebody may know an item since that moment."""
    told = exists().where(Cohort.newsletter_id == Newsletter.id, CohortItem.cohort_id == Cohort.id)
    query = select(Newsletter.id).where(Newsletter.changed_at >= since, told)
    return tuple(session.scalars(query.order_by(Newsletter.id)))


def write(session: Session, roster: Roster) -> int:
    """Write the mails of those whose kind is known. Returns how many are to leave; who is in the
    ledger already stays as they are and is not counted again."""
    written = _write(session, roster, is_empty=False)
    if _has_empty_letters(session, roster.newsletter):
        _write(session, roster, is_empty=True)
    return written


def _write(session: Session, roster: Roster, *, is_empty: bool) -> int:
    statement = _insert(session, roster, is_empty=is_empty)
    # To be ready for a conflict costs PostgreSQL a fifth, and nobody else writes this newsletter.
    if _has_begun(session, roster):
        statement = statement.on_conflict_do_nothing()
    options = {"preserve_rowcount": True}
    return session.connection().execute(statement, execution_options=options).rowcount


def _has_begun(session: Session, roster: Roster) -> bool:
    query = select(func.count()).where(
        Delivery.newsletter_id == roster.newsletter.id,
        Delivery.subscriber_id > roster.after,
        Delivery.subscriber_id <= roster.up_to,
    )
    return session.scalar(query) != 0


def _has_empty_letters(session: Session, newsletter: Newsletter) -> bool:
    query = select(Cohort.id).where(Cohort.newsletter_id == newsletter.id, Cohort.is_empty)
    return session.scalar(query.limit(1)) is not None


def is_written(session: Session, roster: Roster) -> bool:
    """Whether everybody on it is in the ledger."""
    # Asked for the first one only, PostgreSQL would look for it through the whole table: it hopes
    # to find one, and mostly there is none.
    query = select(func.count()).select_from(Subscriber)
    return session.scalar(query.where(*_is_on(roster), ~_has_row(roster))) == 0


def list_kinds(session: Session, roster: Roster, limit: int) -> list[Kind]:
    """The kinds of those who are not in the ledger yet, in the order of their first readers."""
    histories = _list_histories(roster)
    traits = [getattr(Subscriber, name) for name in roster.traits]
    readers = (
        select(Subscriber.id, *traits, _history(histories).label("history"))
        .select_from(_readers(histories))
        .where(*_is_on(roster), ~_has_row(roster))
        .subquery()
    )
    telling = [readers.c[name] for name in (*roster.traits, "history")]
    rows = session.execute(
        select(*telling).group_by(*telling).order_by(func.min(readers.c.id)).limit(limit)
    )
    return [
        Kind(dict(zip(roster.traits, traits, strict=True)), _read_history(history))
        for *traits, history in rows
    ]


def add_kinds(
    session: Session, newsletter_id: int, found: Iterable[tuple[Kind, int, datetime | None]]
) -> None:
    """From now on `write` knows the letters of these readers: kind, cohort, and since when it is
    due, None if the letter would be empty. Kinds that are known already stay as they are."""
    rows = [
        {
            "newsletter_id": newsletter_id,
            **kind.traits,
            "history": " ".join(map(str, kind.history)),
            "cohort_id": cohort_id,
            "next_at": next_at,
        }
        for kind, cohort_id, next_at in found
    ]
    if rows:
        session.connection().execute(
            insert_into(session, ReaderKind).on_conflict_do_nothing(), rows
        )


def drop_kinds(session: Session) -> None:
    """Forget the kinds of readers, but of newsletters whose audience is being written down."""
    begun = (NewsletterState.PREPARING, NewsletterState.PAUSED)
    going_on = select(Newsletter.id).where(Newsletter.state.in_(begun))
    session.execute(delete(ReaderKind).where(ReaderKind.newsletter_id.not_in(going_on)))


def _insert(
    session: Session, roster: Roster, *, is_empty: bool
) -> postgresql.Insert | sqlite.Insert:
    histories = _list_histories(roster)
    values = _list_values(roster, is_empty=is_empty)
    wanted = ReaderKind.next_at.is_(None) if is_empty else ReaderKind.next_at.is_not(None)
    rows = (
        select(*values.values())
        .select_from(_readers(histories))
        # An inner join in its effect. Written as one, SQLite would look for the letter before the
        # history, and find all those that differ by it alone.
        .outerjoin(ReaderKind, _is_of_kind(roster, _history(histories)))
        .where(*_is_on(roster), case((ReaderKind.cohort_id.is_(None), false()), else_=wanted))
    )
    return insert_into(session, Delivery).from_select(list(values), rows)


def _list_values(roster: Roster, *, is_empty: bool) -> dict[str, Any]:
    """Column → what stands in it; all others have their defaults."""
    newsletter, state = roster.newsletter, _S.SKIPPED if is_empty else _S.QUEUED
    constants = {
        "newsletter_id": newsletter.id,
        "kind": DeliveryKind.NEWSLETTER,
        "state": state,
        "reason": NOTHING_NEW if is_empty else "",
        "expires_at": newsletter.expires_at,
        "created_at": roster.now,
        "changed_at": roster.now,
    }
    columns = Delivery.__table__.c
    found: dict[str, Any] = {
        "cohort_id": ReaderKind.cohort_id,
        "next_at": ReaderKind.next_at,
        "subscriber_id": Subscriber.id,
        "reader_id": Subscriber.public_id,
        "language": Subscriber.language,
        "address": Subscriber.address,
        "address_key": Subscriber.address_key,
    }
    return found | {name: literal(value, columns[name].type) for name, value in constants.items()}


def _is_on(roster: Roster) -> list[ColumnElement[bool]]:
    return [
        Subscriber.id > roster.after,
        Subscriber.id <= roster.up_to,
        is_in_audience(roster.newsletter, roster.now),
    ]


def _has_row(roster: Roster) -> ColumnElement[bool]:
    return exists().where(
        Delivery.newsletter_id == roster.newsletter.id,
        Delivery.subscriber_id == Subscriber.id,
        # Said twice, so that PostgreSQL reads the range and not the whole newsletter.
        Delivery.subscriber_id > roster.after,
        Delivery.subscriber_id <= roster.up_to,
    )


def _is_of_kind(roster: Roster, history: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(
        ReaderKind.newsletter_id == roster.newsletter.id,
        *(getattr(ReaderKind, name) == getattr(Subscriber, name) for name in roster.traits),
        ReaderKind.history == history,
    )


def _readers(histories: Subquery | None) -> FromClause:
    subscribers = Subscriber.__table__
    if histories is None:
        return subscribers
    return subscribers.outerjoin(histories, histories.c.subscriber_id == subscribers.c.id)


def _history(histories: Subquery | None) -> ColumnElement[str]:
    return literal("") if histories is None else func.coalesce(histories.c.cohorts, "")


def _list_histories(roster: Roster) -> Subquery | None:
    """Subscriber → the cohorts whose letters arrived with them, as one text. None if nobody can
    have any: most of the work is in this."""
    if not roster.issues:
        return None
    arrived = (
        select(Delivery.subscriber_id, cast(Delivery.cohort_id, String).label("cohort"))
        .where(
            Delivery.newsletter_id.in_(roster.issues),
            Delivery.subscriber_id > roster.after,
            Delivery.subscriber_id <= roster.up_to,
            Delivery.state.in_(ARRIVED_STATES),
            Delivery.created_at >= roster.since,
        )
        # Equal histories must be equal texts; both databases put them together in this order.
        .order_by(Delivery.subscriber_id, Delivery.cohort_id)
        .subquery()
    )
    cohorts = func.aggregate_strings(arrived.c.cohort, " ").label("cohorts")
    return select(arrived.c.subscriber_id, cohorts).group_by(arrived.c.subscriber_id).subquery()


def _read_history(history: str) -> tuple[int, ...]:
    return tuple(int(cohort) for cohort in history.split())
