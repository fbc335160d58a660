"""Finds the dates and the title in an announcement that was pasted as it came.

It proposes and shows what it read; a person checks it in the form. It reads no places and no
languages: a wrong guess there costs more than typing.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

from mailer.domain.dates import Reading, read_dates
from mailer.domain.spelling import tidy
from mailer.domain.when import Precision

LONGEST_TEXT = 5000
_MOST_LINES = 40
_MOST_SESSIONS = 12
# The longest date in words has about this many: "Wednesday 15 June 2022, from 5 to 7:30 p.m."
_MOST_WORDS = 10
_STARTS = 60
_LONGEST_TITLE = 150
_LABEL = re.compile(r"^[^\W\d]{2,12}: ?(?=\S)")
_FINE = (Precision.DATETIME, Precision.DATE)


@dataclass(frozen=True, slots=True)
class Announcement:
    """`readings` keep the order of the text; `rest` is all but the title and mere dates."""

    title: str
    readings: tuple[Reading, ...]
    rest: str


def read_announcement(text: str, today: date) -> Announcement:
    """The title is the first line that is no date. A year that is missing is the next to come."""
    lines = [tidy(line) for line in text[:LONGEST_TEXT].splitlines()]
    filled = [line for line in lines if line][:_MOST_LINES]
    found = [(line, _read_line(line, today)) for line in filled]
    dates = {line for line, reading in found if _is_only_date(line, reading)}
    title = next((line for line in filled if line not in dates), "")
    rest = [line for line in lines if line != title and line not in dates]
    return Announcement(
        title=title[:_LONGEST_TITLE],
        readings=tuple(reading for _, reading in found if reading)[:_MOST_SESSIONS],
        rest="\n".join(rest).strip(),
    )


def _read_line(line: str, today: date) -> Reading | None:
    """The whole line as a date, else the longest run of its words that names a day."""
    line = _LABEL.sub("", line)
    whole = read_dates(line, today=today)
    if whole.when.precision is not Precision.UNKNOWN:
        return whole
    words = line.split()[:_STARTS]
    for length in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        for start in range(len(words) - length + 1):
            if reading := _read_words(words[start : start + length], today):
                return reading
    return None


def _read_words(words: list[str], today: date) -> Reading | None:
    if not any(sign.isdigit() for sign in words[0] + words[-1]):
        return None
    written = " ".join(words).strip(" ,;.()")
    reading = read_dates(written, today=today)
    if reading.when.precision not in _FINE:
        return None
    return replace(reading, when=replace(reading.when, raw=written))


def _is_only_date(line: str, reading: Reading | None) -> bool:
    return reading is not None and reading.when.raw == _LABEL.sub("", line)
