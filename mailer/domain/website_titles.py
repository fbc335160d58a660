"""What the titles of a timeline give away: twins, several things in one line, numbers of a series,
and a date for the same thing elsewhere on the page. It asks; it never joins, cuts or corrects.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from mailer.domain.dates import read_dates
from mailer.domain.datewords import MONTHS
from mailer.domain.spelling import fold
from mailer.domain.website_timeline import Doubt, ReadMilestone
from mailer.domain.when import When

# Each row is compared with so many before it, and with so many sentences: the time it takes must
# grow with the page, not with its square.
_TWINS_BACK = 20
_SENTENCES = 60
_LONGEST_TITLE = 300
_MIN_SHARED = 3
_MIN_IN_SENTENCE = 4

_STOP_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "of",
        "on",
        "or",
        "our",
        "the",
        "to",
        "with",
    )
)
_ANNIVERSARY = tuple(map(fold, ("anniv", "výroč", "річниц")))
_COUNTED = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)
_MONTH_NEXT = "|".join(MONTHS)
_SERIES = re.compile(
    rf"\bvol(?:ume)?\.? ?(?P<volume>\d{{1,3}})\b"
    rf"|\b(?P<ordinal>\d{{1,3}})(?:st|nd|rd|th)\b(?! (?:of )?(?:{_MONTH_NEXT}))"
    rf"|\b(?P<word>{'|'.join(_COUNTED)})\b",
    re.IGNORECASE,
)
_CROWDED = re.compile(r"\b(?:various|several|multiple)\b|;", re.IGNORECASE)
_AFTER_COMMA = re.compile(r", (\w)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_a-z])")
_DAY = re.compile(
    rf"\b\d{{1,2}}\. ?\d{{1,2}}\. ?\d{{4}}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)? (?:{_MONTH_NEXT}),? \d{{4}}\b"
)


class _Numbered(NamedTuple):
    number: int
    words: str


@dataclass(frozen=True, slots=True)
class _DatedSentence:
    words: frozenset[str]
    written: str
    when: When


def check_titles(rows: Sequence[ReadMilestone], prose: Sequence[str]) -> Iterator[Doubt]:
    """All doubts that titles raise; `prose` is the rest of the page, one paragraph each."""
    yield from _check_crowded(rows)
    yield from _check_series(rows)
    yield from _check_twins(rows)
    yield from _check_elsewhere(rows, prose)


def is_anniversary(title: str) -> bool:
    return any(stem in fold(title) for stem in _ANNIVERSARY)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", fold(text[:_LONGEST_TITLE]))) - _STOP_WORDS


def _check_crowded(rows: Sequence[ReadMilestone]) -> Iterator[Doubt]:
    for row in rows:
        goes_on = any(letter.islower() for letter in _AFTER_COMMA.findall(row.title))
        if goes_on or _CROWDED.search(row.title):
            yield Doubt(row.position, "Several things in one line: split it by hand.")


def _find_number(title: str) -> _Numbered | None:
    """The number in a series, if a title has one; the years of an anniversary are none."""
    match = _SERIES.search(title)
    if match is None or is_anniversary(title):
        return None
    digits = match["volume"] or match["ordinal"]
    number = int(digits) if digits else _COUNTED.index(match["word"].casefold()) + 1
    return _Numbered(number, match[0])


def _check_series(rows: Sequence[ReadMilestone]) -> Iterator[Doubt]:
    found = [(row, said) for row in rows if (said := _find_number(row.title))]
    lowest: dict[str, int] = {}
    for row, said in found:
        name = _series_name(row.title)
        lowest[name] = min(said.number, lowest.get(name, said.number))
    for row, said in found:
        remark = f"Number {said.number} of a series, it seems: “{said.words}”."
        yield Doubt(row.position, remark, is_remark=True)
        name = _series_name(row.title)
        if name and said.number == lowest[name] > 1:
            missing = "Earlier numbers of this series are not in the list."
            yield Doubt(row.position, missing, is_remark=True)


def _series_name(title: str) -> str:
    """What stands before a colon; without a colon a series has no name to go by."""
    name, colon, _ = title.partition(":")
    return fold(name) if colon else ""


def _check_twins(rows: Sequence[ReadMilestone]) -> Iterator[Doubt]:
    """Rows with nearly the same words, where no date tells them apart."""
    seen: dict[object, list[tuple[ReadMilestone, frozenset[str]]]] = defaultdict(list)
    for row in rows:
        words = _words(row.title)
        same_time = seen[row.when.starts_on, row.when.ends_on]
        for other, other_words in same_time[-_TWINS_BACK:]:
            if _are_alike(words, other_words) and _may_be_one(row, other):
                yield Doubt(other.position, _twin_sentence(row))
                yield Doubt(row.position, _twin_sentence(other))
        same_time.append((row, words))


def _are_alike(words: frozenset[str], others: frozenset[str]) -> bool:
    shared = len(words & others)
    return shared >= _MIN_SHARED and shared * 4 >= min(len(words), len(others)) * 3


def _may_be_one(row: ReadMilestone, other: ReadMilestone) -> bool:
    number, other_number = _find_number(row.title), _find_number(other.title)
    return number is None or other_number is None or number.number == other_number.number


def _twin_sentence(row: ReadMilestone) -> str:
    return f"Maybe the same as row {row.position}: “{row.title}”."


def _check_elsewhere(rows: Sequence[ReadMilestone], prose: Sequence[str]) -> Iterator[Doubt]:
    """Rows whose words all stand in one sentence that names a day."""
    sentences = list(islice(_dated_sentences(prose), _SENTENCES))
    for row in rows:
        words = _words(row.title)
        if len(words) < _MIN_IN_SENTENCE:
            continue
        enough = (len(words) * 4 + 4) // 5  # four words in five
        named = (one for one in sentences if len(words & one.words) >= enough)
        if sentence := next(named, None):
            yield _compare(row, sentence)


def _compare(row: ReadMilestone, sentence: _DatedSentence) -> Doubt:
    if row.when.starts_on is None:
        return Doubt(row.position, f"A date for it may be in the text: {sentence.written}.")
    text = f"Another date for the same thing is in the text: {sentence.written}."
    if row.when.contains(sentence.when):
        return Doubt(row.position, text)
    return Doubt(row.position, f"{text} It does not fit.", is_doubtful=True)


def _dated_sentences(prose: Sequence[str]) -> Iterator[_DatedSentence]:
    for sentence in (part for paragraph in prose for part in _SENTENCE_END.split(paragraph)):
        match = _DAY.search(sentence)
        when = read_dates(match[0]).when if match else When.unknown()
        if match and when.starts_on:
            yield _DatedSentence(_words(sentence), match[0], when)
