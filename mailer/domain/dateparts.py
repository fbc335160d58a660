"""One end of a written date: which number is the day, the month, the year and the time.

Always day, month, year. It fills in nothing that is not written: that is for `dates`.
"""

import re
from dataclasses import dataclass
from datetime import time

_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})", r"(?P<month>\d{1,2})", r"(?P<year>\d{4})"
_NAMED, _MAYBE_YEAR = r"@(?P<month>\d\d)", r"(?:,? ?(?P<year>\d{4}))?"
_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::00)?)?(?P<half>am|pm|h)?"
_WEEKDAY = r"(?:#(?P<weekday>\d),? ?)?"
# In this order: the first that fits the whole text is the reading.
_SHAPES = tuple(
    re.compile(f"{_WEEKDAY}{shape}(?:(?:,| |(?<!\\d)){_CLOCK})?")
    for shape in (
        rf"{_DAY}\.{_MONTH}\.{_YEAR}",
        rf"{_DAY}/{_MONTH}/{_YEAR}",
        rf"{_DAY}\.?{_NAMED}{_MAYBE_YEAR}",
        rf"{_NAMED} ?{_DAY}(?!\d|:)\.?{_MAYBE_YEAR}",
        rf"{_DAY}\.{_MONTH}\.",
        rf"{_MONTH}[./]{_YEAR}",
        rf"{_NAMED}{_MAYBE_YEAR}",
        rf"%(?P<season>[a-z]+),?{_YEAR}(?:/(?P<next_year>\d\d(?:\d\d)?))?",
        _YEAR,
        rf"{_DAY}\.?",
    )
)
_HOURS_OF_HALF = range(1, 13)
_TIME_ONLY = re.compile(_CLOCK)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time as written: `half` is am, pm, h (the 24-hour clock said aloud) or nothing."""

    hour: int
    minute: int | None = None
    half: str = ""

    @property
    def is_plain_number(self) -> bool:
        """A number that nothing marks as a time."""
        return self.minute is None and not self.half

    def may_be_in(self, half: str) -> bool:
        """Whether it is unmarked and could be meant as am or pm."""
        return half in ("am", "pm") and not self.half and self.hour in _HOURS_OF_HALF

    def in_half(self, half: str) -> "Clock":
        return Clock(self.hour, self.minute, half)

    def as_time(self) -> time:
        """Raises ValueError for an hour or minute that no clock shows."""
        hour = self.hour
        if self.half in ("am", "pm"):
            if hour not in _HOURS_OF_HALF:
                raise ValueError(f"{hour} {self.half}")
            hour = hour % 12 + (12 if self.half == "pm" else 0)
        return time(hour, self.minute or 0)


@dataclass(frozen=True, slots=True)
class Part:
    """One end of a written date; None where nothing was written. Weekday 0 is Monday."""

    weekday: int | None = None
    day: int | None = None
    month: int | None = None
    year: int | None = None
    season: str = ""
    next_year: int | None = None
    clock: Clock | None = None

    @property
    def is_time_only(self) -> bool:
        return self.clock is not None and self.day is None and self.month is None

    @property
    def is_lone_number(self) -> bool:
        return self == Part(day=self.day, weekday=self.weekday) and self.day is not None

    @property
    def shape(self) -> str:
        """day, month, season or year: the finest thing that is written."""
        if self.season:
            return "season"
        return "day" if self.day else "month" if self.month else "year"

    def is_later_in_year_than(self, other: "Part") -> bool:
        return (self.month or 0, self.day or 0) > (other.month or 0, other.day or 0)


def read_part(signs: str) -> Part | None:
    """The reading of one end, in the signs of `datewords`; None when it has no known shape."""
    for shape in _SHAPES:
        if match := shape.fullmatch(signs):
            return _part(match.groupdict())
    if match := _TIME_ONLY.fullmatch(signs):
        return Part(clock=_clock(match.groupdict()))
    return None


def _part(found: dict[str, str | None]) -> Part:
    return Part(
        weekday=_number(found["weekday"]),
        day=_number(found.get("day")),
        month=_number(found.get("month")),
        year=_number(found.get("year")),
        season=found.get("season") or "",
        next_year=_number(found.get("next_year")),
        clock=_clock(found),
    )


def _clock(found: dict[str, str | None]) -> Clock | None:
    hour = found["hour"]
    if hour is None:
        return None
    return Clock(int(hour), _number(found["minute"]), found["half"] or "")


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None
