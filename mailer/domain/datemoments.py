"""Makes a moment of the two ends of a written date, with a remark wherever a person should look.

Both ends must be complete: what is missing is borrowed or assumed in `dates`, never here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from mailer.domain.dateparts import Clock, Part
from mailer.domain.datewords import UNREAD, WEEKDAYS
from mailer.domain.when import Confidence, InvalidWhen, When

# An end up to this hour and before the start is after midnight; a later one is a mistake.
_LATEST_NIGHT_END = time(6)
_HALVES = {"am": "pm", "pm": "am"}


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence for the person who checks a date, and how far the date can still be trusted."""

    sentence: str
    confidence: Confidence = Confidence.EXACT


@dataclass(frozen=True, slots=True)
class Built:
    when: When
    remarks: tuple[Remark, ...] = ()


def build(first: Part, last: Part, end_clock: Clock | None) -> Built:
    """The moment from `first` to `last`, which are the same for a single date.

    `end_clock` is the time at which it ends. Raises InvalidWhen for what no calendar shows.
    """
    if first.shape != last.shape:
        raise InvalidWhen("The two ends are written in different ways. Write both in full.")
    if first.clock or end_clock:
        return _build_timed(first, last, end_clock)
    match first.shape:
        case "day":
            return Built(When.on(get_day(first), get_day(last)))
        case "month":
            return Built(When.months(_month(first), _month(last)))
        case "season":
            return _build_season(first, last)
        case _:
            return _build_years(first.year or 0, last.year or 0)


def get_day(part: Part) -> date:
    """The day of an end that has one; raises InvalidWhen when there is no such day."""
    try:
        return date(part.year or 0, part.month or 0, part.day or 0)
    except ValueError as error:
        raise InvalidWhen(describe_missing_day(part)) from error


def describe_missing_day(part: Part) -> str:
    numbers = [part.day, part.month, part.year]
    written = " ".join(f"{number}." for number in numbers if number is not None)
    return f"There is no day {written.removesuffix('.')}. Check the day and the month."


def check_weekdays(*parts: Part) -> Iterator[Remark]:
    """A remark for each weekday that is not the one of its day. The day is kept as written."""
    for part in dict.fromkeys(parts):
        if part.weekday is None:
            continue
        day = get_day(part)
        if day.weekday() != part.weekday:
            real, said = WEEKDAYS[day.weekday()], WEEKDAYS[part.weekday]
            sentence = f"The text says {said}, but {day.day}. {day.month}. {day.year} is a {real}."
            yield Remark(sentence, Confidence.DOUBTFUL)


def check_pair(first: Part, last: Part) -> Remark:
    """What to think of two dates joined by "and": neighbours may be a span, others are not."""
    if _are_neighbours(first, last):
        sentence = "One span or two occasions? It was read as one span."
        return Remark(sentence, Confidence.APPROXIMATE)
    sentence = "These are two separate dates, not one span. Enter them one by one."
    return Remark(sentence, Confidence.DOUBTFUL)


def _are_neighbours(first: Part, last: Part) -> bool:
    """Whether the last day or month comes right after the first."""
    if first.shape == "day":
        return get_day(last) - get_day(first) == timedelta(days=1)
    (year, month), (last_year, last_month) = _month(first), _month(last)
    return (last_year - year) * 12 + last_month - month == 1


def _month(part: Part) -> tuple[int, int]:
    return part.year or 0, part.month or 0


def _build_years(first: int, last: int) -> Built:
    if first == last:
        return Built(When.year(first))
    sentence = "Only years are given: read from January of the first to December of the last."
    return Built(When.months((first, 1), (last, 12)), (Remark(sentence, Confidence.APPROXIMATE),))


def _build_season(first: Part, last: Part) -> Built:
    year = first.year or 0
    if first != last:
        raise InvalidWhen("A span of seasons has no clear first and last day. Write the months.")
    if first.next_year is not None:
        is_next = first.next_year in (year + 1, (year + 1) % 100)
        if first.season != "winter" or not is_next:
            raise InvalidWhen(UNREAD)
        return Built(When.across_winter(year))
    remarks = (Remark(ask_which_winter(year)),) if first.season == "winter" else ()
    return Built(When.in_season(first.season, year), remarks)


def ask_which_winter(year: int, taken: str = "first") -> str:
    """The question that a winter named by one year leaves open; `taken` is first or second."""
    return (
        f"“Winter {year}” can be January to March {year} "
        f"or December {year} to February {year + 1}. It was read as the {taken}."
    )


def _build_timed(first: Part, last: Part, end_clock: Clock | None) -> Built:
    clocks = [clock for clock in (first.clock, end_clock) if clock]
    if first.shape != "day" or first.clock is None:
        raise InvalidWhen(UNREAD)
    if all(clock.is_plain_number for clock in clocks):
        raise InvalidWhen(UNREAD)
    if end_clock is None:
        return Built(When.at(datetime.combine(get_day(first), _time(first.clock))))
    start, end = _match_halves(first.clock, end_clock)
    starts_at = datetime.combine(get_day(first), start)
    ends_at = datetime.combine(get_day(last), end)
    if first != last or ends_at >= starts_at or end > _LATEST_NIGHT_END:
        return Built(When.at(starts_at, ends_at))
    remark = Remark("It ends after midnight, so on the next day.")
    return Built(When.at(starts_at, ends_at + timedelta(days=1)), (remark,))


def _match_halves(start: Clock, end: Clock) -> tuple[time, time]:
    """Both times, an unmarked one in the half of the other: "5 to 7:30 pm" starts at 17:00.

    When that turns them round it is the other half: "11 to 1 pm" starts at 11:00.
    """
    if start.may_be_in(end.half):
        same = _time(start.in_half(end.half))
        is_turned = same > _time(end)
        return _time(start.in_half(_HALVES[end.half])) if is_turned else same, _time(end)
    if end.may_be_in(start.half):
        same = _time(end.in_half(start.half))
        is_turned = same < _time(start)
        return _time(start), _time(end.in_half(_HALVES[start.half])) if is_turned else same
    return _time(start), _time(end)


def _time(clock: Clock) -> time:
    try:
        return clock.as_time()
    except ValueError as error:
        raise InvalidWhen("There is no such time. Use 0:00 to 23:59, or am and pm.") from error
