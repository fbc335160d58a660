"""A moment as people announce it: a time, a day, a month, a season, a year, or not known.

The wall time is the truth and UTC is derived from it. This room never invents an end and reads
no text: that is the work of `dates`.
"""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Self

from mailer.domain.walltime import exists, is_zone, to_utc

DEFAULT_TZ = "Europe/Prague"
# An event with no end is treated as over this long after its start; no end is ever stored for it.
OVER_AFTER_START = timedelta(hours=3)
# Wide enough for any association's history, and far from where datetime overflows.
FIRST_YEAR, LAST_YEAR = 1800, 2199
MONTH_NUMBERS = range(1, 13)
# First and last month. Winter is the one that opens the year; a winter across two years is built
# from its own days.
SEASON_MONTHS = {"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11), "winter": (1, 3)}
_EDTF_SEASONS = {"spring": 21, "summer": 22, "autumn": 23, "winter": 24}


class InvalidWhen(ValueError):
    """A moment that cannot be kept; the message tells a person what to change."""


class Precision(StrEnum):
    DATETIME = "datetime"
    DATE = "date"
    MONTH = "month"
    MONTH_SPAN = "month_span"
    SEASON = "season"
    YEAR = "year"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How far the moment itself can be trusted, apart from how fine it is.

    exact: the text says so plainly. approximate: part of the reading is ours. doubtful: something
    speaks against it, or nothing is known; a person has to look.
    """

    EXACT = "exact"
    APPROXIMATE = "approximate"
    DOUBTFUL = "doubtful"


_MONTHS_LONG = {Precision.MONTH: 1, Precision.SEASON: 3, Precision.YEAR: 12}


@dataclass(frozen=True, slots=True)
class When:
    """`starts_on` and `ends_on` are inclusive, filled unless unknown, and the only sort keys.

    `starts_at` and `ends_at` are naive wall time in `tz`, for precision `datetime` only. A time
    that the autumn clock change repeats is the first of the two unless its `fold` is 1.
    Every construction is checked and raises InvalidWhen.
    """

    precision: Precision
    starts_on: date | None = None
    ends_on: date | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    tz: str = DEFAULT_TZ
    confidence: Confidence = Confidence.EXACT
    raw: str = ""
    season: str = ""

    def __post_init__(self) -> None:
        _check_zone(self.tz)
        if self.precision is Precision.UNKNOWN:
            _check_empty(self)
            return
        _check_days(self)
        _check_season(self)
        _check_times(self)

    @classmethod
    def at(cls, start: datetime, end: datetime | None = None, tz: str = DEFAULT_TZ) -> Self:
        """A wall time with minutes; no `end` stays no end."""
        last = (end or start).date()
        return cls(Precision.DATETIME, start.date(), last, starts_at=start, ends_at=end, tz=tz)

    @classmethod
    def on(cls, first: date, last: date | None = None, tz: str = DEFAULT_TZ) -> Self:
        """A whole day, or all days from `first` to `last` inclusive."""
        return cls(Precision.DATE, first, last or first, tz=tz)

    @classmethod
    def month(cls, year: int, month: int, tz: str = DEFAULT_TZ) -> Self:
        """Some time in a month, counted 1 to 12."""
        return cls(Precision.MONTH, _first_day(year, month), _last_day(year, month), tz=tz)

    @classmethod
    def months(cls, first: tuple[int, int], last: tuple[int, int], tz: str = DEFAULT_TZ) -> Self:
        """A span of whole months, each given as (year, month), inclusive."""
        precision = Precision.MONTH if first == last else Precision.MONTH_SPAN
        return cls(precision, _first_day(*first), _last_day(*last), tz=tz)

    @classmethod
    def in_season(cls, season: str, year: int, tz: str = DEFAULT_TZ) -> Self:
        """A northern season; winter is January to March of `year`, which the caller must flag.

        Approximate, as for every season: nobody agrees on its first day.
        """
        if season not in SEASON_MONTHS:
            raise InvalidWhen(f"Choose a season: {', '.join(SEASON_MONTHS)}.")
        first, last = SEASON_MONTHS[season]
        return cls._in_season(season, _first_day(year, first), _last_day(year, last), tz)

    @classmethod
    def across_winter(cls, year: int, tz: str = DEFAULT_TZ) -> Self:
        """The winter that begins in December of `year` and ends in February."""
        return cls._in_season("winter", _first_day(year, 12), _last_day(year + 1, 2), tz)

    @classmethod
    def _in_season(cls, season: str, first: date, last: date, tz: str) -> Self:
        trust = Confidence.APPROXIMATE
        return cls(Precision.SEASON, first, last, tz=tz, confidence=trust, season=season)

    @classmethod
    def year(cls, year: int, tz: str = DEFAULT_TZ) -> Self:
        """Some time in a year."""
        return cls(Precision.YEAR, _first_day(year, 1), _last_day(year, 12), tz=tz)

    @classmethod
    def unknown(cls, raw: str = "") -> Self:
        """No date; `raw` keeps what was written instead. Doubtful, so that nothing shows it."""
        return cls(Precision.UNKNOWN, raw=raw, confidence=Confidence.DOUBTFUL)

    @property
    def is_exact(self) -> bool:
        """A certain day or time: the only kind that may go into a calendar or a reminder."""
        is_fine = self.precision in (Precision.DATETIME, Precision.DATE)
        return is_fine and self.confidence is Confidence.EXACT

    @property
    def start_utc(self) -> datetime | None:
        """The first instant, aware; midnight in `tz` when only days are known."""
        if self.starts_on is None:
            return None
        return to_utc(self.starts_at or datetime.combine(self.starts_on, time()), self.tz)

    @property
    def end_utc(self) -> datetime | None:
        """The first instant that is no longer part of it, aware; None when no end was given."""
        if self.starts_at is not None:
            return to_utc(self.ends_at, self.tz) if self.ends_at else None
        if self.ends_on is None:
            return None
        return to_utc(datetime.combine(self.ends_on + timedelta(days=1), time()), self.tz)

    @property
    def sort_key(self) -> tuple[date, bool, time, date]:
        """By the first day, whole days before timed ones, unknown last."""
        starts_on, ends_on = self.starts_on or date.max, self.ends_on or date.max
        is_timed = self.starts_at is not None
        return starts_on, is_timed, self.starts_at.time() if self.starts_at else time(), ends_on

    @property
    def months_long(self) -> int:
        """How many calendar months it touches; 0 when unknown."""
        if self.starts_on is None or self.ends_on is None:
            return 0
        years = self.ends_on.year - self.starts_on.year
        return years * 12 + self.ends_on.month - self.starts_on.month + 1

    @property
    def edtf(self) -> str:
        """Extended Date/Time Format (ISO 8601-2), empty when unknown; a time carries its start."""
        if self.starts_on is None or self.ends_on is None:
            return ""
        if self.starts_at is not None:
            return self.starts_at.isoformat(timespec="seconds")
        match self.precision:
            case Precision.SEASON:
                return f"{self.starts_on.year}-{_EDTF_SEASONS[self.season]}"
            case Precision.YEAR:
                return f"{self.starts_on.year}"
            case Precision.MONTH | Precision.MONTH_SPAN:
                first, last = f"{self.starts_on:%Y-%m}", f"{self.ends_on:%Y-%m}"
            case _:
                first, last = self.starts_on.isoformat(), self.ends_on.isoformat()
        return first if first == last else f"{first}/{last}"

    def contains(self, other: Self) -> bool:
        """Whether the days of `other` all lie within the days of this one."""
        if not (self.starts_on and self.ends_on and other.starts_on and other.ends_on):
            return False
        return self.starts_on <= other.starts_on and other.ends_on <= self.ends_on

    def has_begun(self, now: datetime) -> bool:
        """`now` is aware; an unknown moment never begins."""
        return self.start_utc is not None and now >= self.start_utc

    def is_over(self, now: datetime) -> bool:
        """Whether the last instant has passed at the aware `now`; an unknown moment is never over.

        With a start and no end: three hours after the start.
        """
        if self.end_utc is not None:
            return now >= self.end_utc
        return self.start_utc is not None and now >= self.start_utc + OVER_AFTER_START


def _check_zone(tz: str) -> None:
    if not is_zone(tz):
        raise InvalidWhen(f"“{tz}” is not a time zone. Write one such as {DEFAULT_TZ}.")


def _check_empty(when: When) -> None:
    bounds = (when.starts_on, when.ends_on, when.starts_at, when.ends_at)
    if when.season or any(bound is not None for bound in bounds):
        raise InvalidWhen("An unknown date cannot have a day, a time or a season.")


def _check_days(when: When) -> None:
    if when.starts_on is None or when.ends_on is None:
        raise InvalidWhen("Give the first and the last day, or leave the date unknown.")
    _check_year(when.starts_on.year)
    _check_year(when.ends_on.year)
    if when.ends_on < when.starts_on:
        message = f"The end ({when.ends_on}) is before the start ({when.starts_on}). Swap them."
        raise InvalidWhen(message)
    if when.precision in (Precision.DATETIME, Precision.DATE):
        return
    last = _last_day(when.ends_on.year, when.ends_on.month)
    if when.starts_on.day != 1 or when.ends_on != last or not _has_fitting_length(when):
        raise InvalidWhen(f"A {when.precision} must be made of whole months. Change the days.")


def _has_fitting_length(when: When) -> bool:
    expected = _MONTHS_LONG.get(when.precision)
    return expected is None or when.months_long == expected


def _check_season(when: When) -> None:
    if (when.precision is Precision.SEASON) != (when.season in _EDTF_SEASONS):
        raise InvalidWhen(f"Choose a season: {', '.join(SEASON_MONTHS)}.")


def _check_times(when: When) -> None:
    if (when.precision is Precision.DATETIME) != (when.starts_at is not None):
        raise InvalidWhen("Give a start time, or choose a whole day.")
    if when.starts_at is None:
        if when.ends_at is not None:
            raise InvalidWhen("Give a start time as well as the end time.")
        return
    last = when.ends_at or when.starts_at
    if (when.starts_on, when.ends_on) != (when.starts_at.date(), last.date()):
        raise InvalidWhen("The days and the times do not agree. Give the same days.")
    _check_exists(when.starts_at, when.tz)
    _check_exists(last, when.tz)
    if to_utc(last, when.tz) < to_utc(when.starts_at, when.tz):
        message = f"The end ({last:%H:%M}) is before the start ({when.starts_at:%H:%M}). Swap them."
        raise InvalidWhen(message)


def _check_exists(wall: datetime, tz: str) -> None:
    """Refuse the hour that the spring clock change skips, and a time with its own zone."""
    if wall.tzinfo is not None:
        raise InvalidWhen("Give the time as the clock on the wall shows it, without a zone.")
    if not exists(wall, tz):
        raise InvalidWhen(
            f"{wall:%H:%M} on {wall:%d.%m.%Y} does not exist in {tz}: "
            "the clocks jump forward then. Choose a time one hour later."
        )


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidWhen(f"The year {year} is not possible. Use {FIRST_YEAR} to {LAST_YEAR}.")


def _first_day(year: int, month: int) -> date:
    _check_year(year)
    if month not in MONTH_NUMBERS:
        raise InvalidWhen(f"There is no month {month}. Use 1 to 12.")
    return date(year, month, 1)


def _last_day(year: int, month: int) -> date:
    first = _first_day(year, month)
    return first.replace(day=calendar.monthrange(year, month)[1])
