"""When a plan's next issue is due, on the wall clock of its own time zone (rule R1).

Pure arithmetic over moments. It refuses to know what an issue holds and to remember what was sent:
callers keep the last period key.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from mailer.domain.consent import Cadence
from mailer.domain.errors import Invalid
from mailer.domain.newsletter import LATE_LIMIT
from mailer.domain.walltime import is_zone, to_utc
from mailer.domain.when import DEFAULT_TZ

_WEEK = timedelta(days=7)
_WEEKDAYS = range(7)
# Longer than any gap between two issues: the first such weekdays of two months are ≤ 35 days apart.
_LOOK_BACK = timedelta(days=40)


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a plan sends: `at` local time on `weekday` (0 is Monday) of each week, or of the first
    such weekday of each month.

    `draft_lead` is how long before sending the draft is made: less than a week, so that two
    drafts never overlap. `late_limit` is how old a missed issue may be and still be caught up.
    """

    weekday: int
    at: time
    tz: str = DEFAULT_TZ
    cadence: Cadence = Cadence.WEEKLY
    draft_lead: timedelta = timedelta(hours=17)
    late_limit: timedelta = LATE_LIMIT

    def __post_init__(self) -> None:
        if self.weekday not in _WEEKDAYS:
            raise Invalid("weekday", "Choose a weekday from 0 (Monday) to 6 (Sunday).")
        if self.at.tzinfo is not None:
            raise Invalid("at", "Give the time of day without a time zone.")
        if not is_zone(self.tz):
            raise Invalid("tz", "Choose a time zone by its name, such as Europe/Prague.")
        if not timedelta(0) <= self.draft_lead < _WEEK:
            raise Invalid("draft_lead", "Make the draft less than seven days before it is sent.")
        if self.late_limit < timedelta(0):
            raise Invalid("late_limit", "The limit for late issues cannot be less than zero.")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One issue of a plan. Moments are aware, UTC; `period_key` is unique within the plan."""

    send_at: datetime
    draft_at: datetime
    period_key: str


def next_occurrence(timetable: Timetable, after: datetime) -> datetime:
    """The first moment strictly after `after` at which an issue is due, in UTC."""
    first_day = _local(timetable, after).date() - timedelta(days=1)
    return next(moment for moment in _moments(timetable, first_day) if moment > after)


def previous_occurrence(timetable: Timetable, now: datetime) -> datetime:
    """The last moment at or before `now` at which an issue was due, in UTC.

    A new plan stores the period key of this as its last one, so that it does not try to catch
    up with issues from before it existed.
    """
    first_day = _local(timetable, now).date() - _LOOK_BACK
    past = takewhile(lambda moment: moment <= now, _moments(timetable, first_day))
    return deque(past, maxlen=1).pop()


def period_key(timetable: Timetable, occurrence: datetime) -> str:
    """The local date of an occurrence, ISO: rule R1 allows one issue per plan and local date."""
    return _local(timetable, occurrence).date().isoformat()


def draft_due(timetable: Timetable, occurrence: datetime) -> datetime:
    """When the draft for an occurrence is made, in UTC; the lead is counted on the wall clock."""
    wall = _local(timetable, occurrence).replace(tzinfo=None) - timetable.draft_lead
    return _instant(timetable, wall)


def is_too_late(timetable: Timetable, due: datetime, now: datetime) -> bool:
    """Whether an issue that was due at `due` is too old to be sent after all (rule R1)."""
    return now - due > timetable.late_limit


def due_occurrence(
    timetable: Timetable, last_period_key: str | None, now: datetime
) -> Occurrence | None:
    """The one occurrence to start work on at `now`: its draft moment has come, its key is new.

    After an outage only the latest is given, and only when it is not too late: one catch-up,
    never two (rule R1). Asking again with the key that was given answers None. `last_period_key`
    None means that nothing was ever sent; see `previous_occurrence` for a new plan.
    """
    occurrence = _latest_begun(timetable, now)
    if last_period_key is not None and occurrence.period_key <= last_period_key:
        return None
    if is_too_late(timetable, occurrence.send_at, now):
        return None
    return occurrence


def _latest_begun(timetable: Timetable, now: datetime) -> Occurrence:
    """The newest occurrence whose draft moment is not in the future."""
    coming = _occurrence(timetable, next_occurrence(timetable, now))
    if coming.draft_at <= now:
        return coming
    return _occurrence(timetable, previous_occurrence(timetable, now))


def _occurrence(timetable: Timetable, moment: datetime) -> Occurrence:
    return Occurrence(moment, draft_due(timetable, moment), period_key(timetable, moment))


def _moments(timetable: Timetable, first_day: date) -> Iterator[datetime]:
    """Every due moment from the week (or month) of `first_day` on, in UTC, oldest first."""
    for day in _days(timetable, first_day):
        yield _instant(timetable, datetime.combine(day, timetable.at))


def _days(timetable: Timetable, first_day: date) -> Iterator[date]:
    if timetable.cadence is Cadence.WEEKLY:
        yield from _weekly(timetable.weekday, first_day)
    else:
        yield from _monthly(timetable.weekday, first_day)


def _weekly(weekday: int, first_day: date) -> Iterator[date]:
    day = _on_or_after(weekday, first_day)
    while True:
        yield day
        day += _WEEK


def _monthly(weekday: int, first_day: date) -> Iterator[date]:
    month = first_day.replace(day=1)
    while True:
        yield _on_or_after(weekday, month)
        month = (month + timedelta(days=31)).replace(day=1)


def _on_or_after(weekday: int, day: date) -> date:
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def _instant(timetable: Timetable, wall: datetime) -> datetime:
    """The UTC moment of a local wall time.

    `fold=0` gives what R1 wants of both clock changes: a time that the spring change skips moves
    forward by the hour that was lost, and a time that the autumn change repeats is its first one.
    """
    return to_utc(wall.replace(fold=0), timetable.tz)


def _local(timetable: Timetable, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(timetable.tz))
