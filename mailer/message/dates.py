"""Moments in words, in the reader's language. Order and punctuation are the locale's, never ours.

Digits are 0-9 in every language. It refuses to know what time it is: `now` is passed in.
"""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import (
    format_date,
    format_interval,
    format_skeleton,
    get_timezone_location,
)

from mailer.domain.when import Precision, When
from mailer.i18n import Words, get_locale, interface_for
from mailer.message.vocabulary import DATE_UNKNOWN, SEASONS


@dataclass(frozen=True, slots=True)
class DateBlock:
    """The three lines of a calendar leaf, in the case that they have inside a date."""

    weekday: str
    day: str
    month: str


def date_block(when: When, lang: str) -> DateBlock | None:
    """The first day as a calendar leaf; None when the day is not known."""
    if when.starts_on is None or not _has_days(when):
        return None
    locale = _locale(lang)
    return DateBlock(
        weekday=format_date(when.starts_on, "EEE", locale=locale),
        day=format_skeleton("d", when.starts_on, locale=locale),
        month=format_date(when.starts_on, "MMMM", locale=locale),
    )


def in_words(
    when: When,
    lang: str,
    *,
    tz: str = "",
    full: bool = False,
    now: datetime | None = None,
) -> str:
    """A moment on one line: "Thu 9 May, 17:30–20:00", "April–May 2027", "spring 2027".

    `tz` is the zone the reader expects: a time in another one gets its name. `full` writes out
    weekday, month and year. With `now`, several days of which the first has begun read
    "until Sun 12 May".
    """
    if when.starts_on is None or when.ends_on is None:
        return Words(lang).say(DATE_UNKNOWN)
    if not _has_days(when):
        return _about(when.starts_on, when.ends_on, when, lang)
    if now and when.starts_on < when.ends_on and when.has_begun(now):
        line = Words(lang).say("until %(date)s", date=_last(when, lang, full=full))
    else:
        line = _span(when, lang, full=full)
    return line if _is_local(when, tz) else _zoned(line, when.tz, lang)


def time_words(when: When, lang: str, *, tz: str = "") -> str:
    """What a calendar leaf leaves unsaid: "17:30–20:00", or the whole span of several days."""
    if when.starts_on != when.ends_on:
        return in_words(when, lang, tz=tz)
    if when.starts_at is None:
        return ""
    line = _clock(when.starts_at, when.ends_at, lang)
    return line if _is_local(when, tz) else _zoned(line, when.tz, lang)


def deadline_words(when: When, lang: str, *, with_zone: bool = True) -> str:
    """Until when something can be done: "by Thu 2 May, 12:00 (Prague time)"."""
    if when.starts_on is None or not _has_days(when):
        return in_words(when, lang)
    line = Words(lang).say("by %(date)s", date=_last(when, lang, full=False))
    return _zoned(line, when.tz, lang) if with_zone and when.starts_at else line


def moment_words(moment: datetime, tz: str, lang: str) -> str:
    """An aware moment by the clock of `tz`: "Thu 9 May, 09:00 (Prague time)"."""
    local = moment.astimezone(ZoneInfo(tz))
    return _zoned(_point(local, lang, full=False), tz, lang)


def zone_words(tz: str, lang: str) -> str:
    """A time zone by its city: "Prague time"."""
    city = get_timezone_location(tz, locale=_locale(lang), return_city=True)
    return Words(lang).say("%(city)s time", city=city)


def _locale(lang: str) -> Locale:
    return get_locale(interface_for(lang))


def _zoned(line: str, tz: str, lang: str) -> str:
    return f"{line} ({zone_words(tz, lang)})"


def _has_days(when: When) -> bool:
    return when.precision in (Precision.DATETIME, Precision.DATE)


def _is_local(when: When, tz: str) -> bool:
    return not tz or when.starts_at is None or when.tz == tz


def _about(first: date, last: date, when: When, lang: str) -> str:
    """Months, a season or a year."""
    if when.precision is Precision.SEASON:
        across = f"{first.year}/{last.year % 100:02}"
        year = str(first.year) if first.year == last.year else across
        return Words(lang).say(SEASONS[when.season], year=year)
    if when.precision is Precision.MONTH_SPAN:
        return format_interval(first, last, "yMMMM", locale=_locale(lang))
    skeleton = "y" if when.precision is Precision.YEAR else "yMMMM"
    return format_skeleton(skeleton, first, locale=_locale(lang))


def _span(when: When, lang: str, *, full: bool) -> str:
    first = when.starts_at or when.starts_on
    last = when.ends_at or when.ends_on
    assert first  # an unknown date never comes here
    assert last
    if when.starts_on == when.ends_on:
        day = _day(first, lang, full=full)
        return (
            _glue(day, _clock(when.starts_at, when.ends_at, lang), lang) if when.starts_at else day
        )
    if when.starts_at:
        joint = str(_locale(lang).interval_formats[None])
        return joint.format(_point(first, lang, full=full), _point(last, lang, full=full))
    return format_interval(first, last, "yMMMEd" if full else "MMMEd", locale=_locale(lang))


def _last(when: When, lang: str, *, full: bool) -> str:
    """The moment by which it is over, or closed."""
    moment = when.ends_at or when.starts_at or when.ends_on
    assert moment  # an unknown date never comes here
    return _point(moment, lang, full=full)


def _point(moment: date, lang: str, *, full: bool) -> str:
    day = _day(moment, lang, full=full)
    return _glue(day, _clock(moment, None, lang), lang) if isinstance(moment, datetime) else day


def _day(day: date, lang: str, *, full: bool) -> str:
    if full:
        return format_date(day, "full", locale=_locale(lang))
    return format_skeleton("MMMEd", day, locale=_locale(lang))


def _clock(start: datetime, end: datetime | None, lang: str) -> str:
    if end is None or end == start:
        return format_skeleton("Hm", start, locale=_locale(lang))
    return format_interval(start, end, "Hm", locale=_locale(lang))


def _glue(day: str, clock: str, lang: str) -> str:
    """Day and time in the order of the language: Vietnamese, for one, puts the time first."""
    return str(_locale(lang).datetime_formats["medium"]).format(clock, day)
