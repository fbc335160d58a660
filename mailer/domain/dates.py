"""Reads a date as people write it, and says a date in words so that people can check it.

Always day, month, year. What it had to assume stands in the notes; what it cannot read stays
unknown. It serves pasted text only: forms ask for days and times separately.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from mailer.domain.datemoments import (
    Built,
    Remark,
    build,
    check_pair,
    check_weekdays,
    describe_missing_day,
)
from mailer.domain.dateparts import Clock, Part, read_part
from mailer.domain.datewords import MONTHS, UNREAD, WEEKDAYS, encode
from mailer.domain.spelling import tidy
from mailer.domain.when import MONTH_NUMBERS, Confidence, InvalidWhen, Precision, When

RAW_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text was read as; `notes` are sentences for the person who checks it."""

    when: When
    notes: tuple[str, ...] = ()


def read_dates(
    text: str | None, *, year_hint: int | None = None, today: date | None = None
) -> Reading:
    """The moment or span that `text` names, in English, Czech or Ukrainian.

    A missing year is `year_hint`, else that of the next such date from `today` on, else an
    unknown date. Anything unreadable is an unknown date that keeps the text; nothing raises.
    """
    written = tidy(text or "")
    if not written:
        return Reading(When.unknown())
    raw = written[:RAW_LENGTH]
    try:
        built = _read(written, year_hint, today)
    except InvalidWhen as mistake:
        return Reading(When.unknown(raw), (str(mistake),))
    levels = [built.when.confidence, *(remark.confidence for remark in built.remarks)]
    trust = max(levels, key=list(Confidence).index)
    notes = tuple(remark.sentence for remark in built.remarks)
    return Reading(replace(built.when, raw=raw, confidence=trust), notes)


def _read(written: str, year_hint: int | None, today: date | None) -> Built:
    if len(written) > RAW_LENGTH:
        raise InvalidWhen(UNREAD)
    signs = encode(written)
    first, last, is_pair = _split(signs)
    end_clock = last.clock if last else None
    if last is None or last.is_time_only:
        last = first
    first, last = _share_month(first, last)
    first, last, assumed = _share_year(first, last, year_hint, today)
    built = build(first, last, end_clock)
    pair = (check_pair(first, last),) if is_pair else ()
    weekdays = check_weekdays(first, last)
    return Built(built.when, (*_open_end(signs), *assumed, *built.remarks, *pair, *weekdays))


def _split(signs: str) -> tuple[Part, Part | None, bool]:
    """Both ends, and whether "and" joins them rather than a dash."""
    is_pair = "&" in signs
    pieces = signs.removeprefix("^").removeprefix("-").split("&" if is_pair else "-")
    parts = [part for part in map(read_part, pieces) if part is not None]
    if len(parts) != len(pieces) or parts[0].is_time_only:
        raise InvalidWhen(UNREAD)
    if any(part.weekday is not None and part.shape != "day" for part in parts):
        raise InvalidWhen(UNREAD)
    first, *others = parts
    if not others:
        return first, None, False
    last, *more = others
    if more or (is_pair and last.is_time_only):
        raise InvalidWhen(UNREAD)
    is_hour = first.clock is not None and last.is_lone_number
    return first, Part(clock=Clock(last.day or 0)) if is_hour else last, is_pair


def _open_end(signs: str) -> Iterator[Remark]:
    if signs.startswith("-"):
        yield Remark("The text gives only an end.")
    elif signs.startswith("^") and "-" not in signs:
        yield Remark("The text gives only a start.", Confidence.APPROXIMATE)


def _share_month(first: Part, last: Part) -> tuple[Part, Part]:
    """Lends the month of "16-17 April"; in "4.-12. 2018" the lone number is itself a month."""
    if not first.is_lone_number:
        return first, last
    if last.shape == "month":
        return replace(first, month=first.day, day=None), last
    if last.month is None:
        raise InvalidWhen(UNREAD)
    return replace(first, month=last.month), last


def _share_year(
    first: Part, last: Part, hint: int | None, today: date | None
) -> tuple[Part, Part, tuple[Remark, ...]]:
    """Both ends with a year: borrowed from the other, or assumed for both."""
    year, remarks = last.year or first.year, tuple[Remark, ...]()
    if year is None:
        year, remark = _assume_year(last, hint, today)
        remarks = (remark,)
    last = replace(last, year=last.year or year)
    if first.year is None and first.is_later_in_year_than(last):
        year -= 1
        sentence = f"The start has no year; {year} was taken."
        remarks = (*remarks, Remark(sentence, Confidence.APPROXIMATE))
    return replace(first, year=first.year or year), last, remarks


def _assume_year(part: Part, hint: int | None, today: date | None) -> tuple[int, Remark]:
    if hint is not None:
        return hint, Remark(f"The text gives no year; {hint} was taken.")
    if today is None:
        raise InvalidWhen("The text gives no year. Write the year too.")
    # Nine years, because 29 February can be eight years away.
    for year in range(today.year, today.year + 9):
        if _is_from(today, replace(part, year=year)):
            sentence = f"The text gives no year; the next such date, in {year}, was taken."
            return year, Remark(sentence, Confidence.APPROXIMATE)
    raise InvalidWhen(describe_missing_day(part))


def _is_from(today: date, part: Part) -> bool:
    """Whether that day exists and is not before `today`; for a month, that it is not over."""
    year, month = part.year or 0, part.month or 0
    if month not in MONTH_NUMBERS:
        return False
    last = calendar.monthrange(year, month)[1]
    return (part.day or last) <= last and date(year, month, part.day or last) >= today


def echo(when: When) -> str:
    """A moment in plain English, weekday and all, for people to check what was read."""
    first, last = when.starts_on, when.ends_on
    if first is None or last is None:
        return "no date"
    if when.starts_at is not None:
        return _echo_times(when.starts_at, when.ends_at)
    match when.precision:
        case Precision.DATE:
            return _say_day(first) if first == last else f"{_say_day(first)} – {_say_day(last)}"
        case Precision.SEASON:
            is_long = first.year != last.year
            return f"{when.season} {first.year}" + (f"/{last.year % 100:02}" if is_long else "")
        case Precision.YEAR:
            return str(first.year)
        case _:
            return _say_months(first, last)


def _echo_times(start: datetime, end: datetime | None) -> str:
    said = f"{_say_day(start)}, {start:%H:%M}"
    if end is None:
        return said
    is_same_day = start.date() == end.date()
    return f"{said}–{end:%H:%M}" if is_same_day else f"{said} – {_say_day(end)}, {end:%H:%M}"


def _say_day(day: date) -> str:
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def _say_months(first: date, last: date) -> str:
    end = f"{MONTHS[last.month - 1]} {last.year}"
    if (first.year, first.month) == (last.year, last.month):
        return end
    start = MONTHS[first.month - 1]
    if first.year != last.year:
        return f"{start} {first.year} – {end}"
    return f"{start} and {end}" if last.month - first.month == 1 else f"{start} – {end}"
