"""Which items a digest may carry at a moment, and in what role (rules R2, R3, R6, R7, R9, R11).

Questions about one item and what one reader was told of it. It refuses to know languages and
limits: those are for `cards` and `sections`.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from mailer.domain.content import (
    Deadline,
    Event,
    Project,
    ProjectStatus,
    Session,
    Status,
    Update,
    Visibility,
)
from mailer.domain.digest import Role, Run, SectionKind
from mailer.domain.when import Confidence, Precision, When

LOOK_BEYOND = timedelta(days=2)
ANNOUNCE_AHEAD = timedelta(days=60)
LAST_CALL = timedelta(days=3)
NEWS_AGE = timedelta(days=35)
NEWS_AGE_FOR_NEWCOMERS = timedelta(days=14)

# A date that does not hold is not announced; readers who were told it are put right under R4.
_OFF = frozenset({Status.CANCELLED, Status.POSTPONED})
_NEVER = datetime.max.replace(tzinfo=UTC)


class Spot(NamedTuple):
    """Where in the letter an event stands, as what, and with which of its sessions."""

    section: SectionKind
    role: Role
    sessions: tuple[Session, ...]


def matches_topics(topics: frozenset[str], wanted: frozenset[str]) -> bool:
    """R11: one topic in common is enough; an item without topics is for everybody."""
    return not topics or not topics.isdisjoint(wanted)


def sessions_to_show(event: Event, now: datetime) -> tuple[Session, ...]:
    """What is still to come of an event, soonest first; empty when it may not be announced.

    R14: nothing that is withdrawn, called off or over. R6: no doubtful date, and an approximate
    one only while there is no exact one.
    """
    if event.visibility is not Visibility.PUBLISHED or event.status in _OFF:
        return ()
    sessions = sorted(
        (session for session in event.sessions if _holds(session, now)),
        key=lambda session: date_order(session.when),
    )
    exact = tuple(session for session in sessions if session.when.is_exact)
    return exact or tuple(sessions)


def _holds(session: Session, now: datetime) -> bool:
    when = session.when
    return session.status not in _OFF and is_printable(when) and not when.is_over(now)


def is_printable(when: When) -> bool:
    """R6: a doubtful or missing date is never shown."""
    return when.confidence is not Confidence.DOUBTFUL and when.precision is not Precision.UNKNOWN


def date_order(when: When) -> tuple[datetime, bool]:
    """R15: by start, and all-day before timed; what has no date comes last."""
    return when.start_utc or _NEVER, when.precision is Precision.DATETIME


def place_event(event: Event, told: frozenset[Role], run: Run) -> Spot | None:
    """Where an event stands for a reader who was told of it in the roles `told`; None: nowhere.

    An event of several sessions counts by the next one that is not over.
    """
    sessions = sessions_to_show(event, run.send_at)
    if not sessions:
        return None
    if not sessions[0].when.is_exact:
        return _place_approximate(sessions, told)
    return _place_dated(sessions, told, run)


def _place_approximate(sessions: tuple[Session, ...], told: frozenset[Role]) -> Spot | None:
    """R6, R3: an approximate date only asks to be saved, once, and is never reminded of."""
    if Role.SAVE_THE_DATE in told:
        return None
    return Spot(SectionKind.SAVE_THE_DATE, Role.SAVE_THE_DATE, sessions)


def _place_dated(sessions: tuple[Session, ...], told: frozenset[Role], run: Run) -> Spot | None:
    """R2 and R3: the full card once, when it comes in sight; one reminder in the week itself.

    What was only a date to save is new once its day is known.
    """
    start, _ = date_order(sessions[0].when)
    is_this_week = start <= run.next_at + LOOK_BEYOND
    if Role.NEW in told:
        is_owed = is_this_week and Role.REMINDER not in told
        return Spot(SectionKind.THIS_WEEK, Role.REMINDER, sessions) if is_owed else None
    if is_this_week:
        return Spot(SectionKind.THIS_WEEK, Role.NEW, sessions)
    if start <= run.send_at + ANNOUNCE_AHEAD:
        return Spot(SectionKind.ANNOUNCED, Role.NEW, sessions)
    return None


def closing_moment(closes: When) -> datetime | None:
    """When a deadline passes; None when there is no exact time, and so nothing to act by.

    Not `When.is_over`: that lets an event without an end run on for a while after its start.
    """
    if not closes.is_exact:
        return None
    return closes.end_utc or closes.start_utc


def closing_order(closes: When) -> tuple[datetime, bool]:
    """R15 for deadlines: by the moment they pass (a whole day: its end), all-day before timed."""
    return closing_moment(closes) or _NEVER, closes.precision is Precision.DATETIME


def deadline_role(deadline: Deadline, told: frozenset[Role], now: datetime) -> Role | None:
    """R7: once when it is new, once as a last call, and gone the moment it has passed."""
    closes_at = closing_moment(deadline.closes)
    if deadline.visibility is not Visibility.PUBLISHED or closes_at is None or closes_at <= now:
        return None
    if closes_at - now <= LAST_CALL:
        return None if Role.DEADLINE in told else Role.DEADLINE
    return None if told else Role.NEW


def news_age(*, is_newcomer: bool) -> timedelta:
    """R9: how far back news goes; someone who just joined is not sent a month of it."""
    return NEWS_AGE_FOR_NEWCOMERS if is_newcomer else NEWS_AGE


def is_news(update: Update, told: frozenset[Role], now: datetime, oldest: timedelta) -> bool:
    """R9: an update that was never told and is at most `oldest` old; never one from the future."""
    if update.visibility is not Visibility.PUBLISHED or told:
        return False
    return timedelta(0) <= now - update.published_at <= oldest


def finished_at(project: Project, now: datetime, oldest: timedelta) -> datetime | None:
    """R9: when a project ended, if that is news: at most `oldest` ago and by a date to rely on.

    One that was called finished before its period ended has no such date, and is no news until
    its period is corrected: told without a date, it would be news to every newcomer for months.
    """
    if project.visibility is not Visibility.PUBLISHED or not is_printable(project.period):
        return None
    if project.status(now) is not ProjectStatus.FINISHED:
        return None
    ended_at = project.period.end_utc
    if ended_at is None or not timedelta(0) <= now - ended_at <= oldest:
        return None
    return ended_at
