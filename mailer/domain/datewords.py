"""The words of dates in English, Czech and Ukrainian, and a text with its words put into signs.

`@05` is May, `#0` Monday, `%winter` a season, `^` a leading "from", `-` joins a span, `&` joins
two, `~` blurs, `?` has no place in a date. The order of numbers is for `dateparts`.
"""

import re
from collections.abc import Iterable, Mapping

from mailer.domain.spelling import fold

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
UNREAD = "This could not be read as a date. Give the day, the month and the year."

# Nominative, genitive, and the case after "in", as they stand in real announcements.
_MONTHS = (
    "january jan leden ledna lednu січень січня січні",
    "february feb únor února únoru лютий лютого лютому",
    "march mar březen března březnu березень березня березні",
    "april apr duben dubna dubnu квітень квітня квітні",
    "may květen května květnu травень травня травні",
    "june jun červen června červnu червень червня червні",
    "july jul červenec července červenci липень липня липні",
    "august aug srpen srpna srpnu серпень серпня серпні",
    "september sep sept září вересень вересня вересні",
    "october oct říjen října říjnu жовтень жовтня жовтні",
    "november nov listopad listopadu листопад листопада листопаді",
    "december dec prosinec prosince prosinci грудень грудня грудні",
)
_WEEKDAYS = (
    "monday mon pondělí po понеділок пн",
    "tuesday tue tues úterý út вівторок вт",
    "wednesday wed středa středu st середа середу ср",
    "thursday thu thur thurs čtvrtek čt четвер чт",
    "friday fri pátek pá п'ятниця п'ятницю пт",
    "saturday sat sobota sobotu so субота суботу сб",
    "sunday sun neděle neděli ne неділя неділю нд",
)
_SEASONS = {
    "winter": "winter zima zimě зима взимку",
    "spring": "spring jaro jaře весна навесні",
    "summer": "summer léto létě літо влітку",
    "autumn": "autumn fall podzim podzimu осінь восени",
}
_SIGNS = {
    "-": "to until till through až do до по",
    "&": "and a i й і та",
    "^": "from od від з",
    "": "on at in of the v ve dne roku o у в на о об року р",
    "h": "h hod hodin год година годині годин",
    "am": "am",
    "pm": "pm",
    # Words that blur a date: still part of one, so no title, but no reading is possible.
    "~": "about around circa ca early mid middle late end beginning soon tba tbc",
}

_ORDINAL = re.compile(r"(\d)(?:st|nd|rd|th)\b")
_HALF_DAY = re.compile(r"(?<![^\W\d_])([ap])\. ?m\b\.?")
# "17.00 hod", and in "17.00 do 19.30 hod" the first time too.
_DOTTED_TIME = re.compile(
    r"\b(\d{1,2})\.(\d\d)(?=(?: ?(?:-|do|to|до) ?\d{1,2}\.\d\d)? ?(?:am|pm|h|hod|hodin|год)\b)"
)
_ISO_DAY = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)(?:t(?=\d))?")
_WORD = re.compile(r"([^\W\d_]+)\.?")
_INNER_FROM = re.compile(r"(?<!^)\^")
_LOOSE_SPACE = re.compile(r"(?<!\d) | (?!\d)")
_LONG_WINTER = re.compile(r"(%winter,?\d{4})-(\d\d(?:\d\d)?)$")
_DATE_SIGNS = re.compile(r"[\d@#%&~^a-z.,:/ -]*[\da-z~][\d@#%&~^a-z.,:/ -]*")


def _numbered(rows: Iterable[str], pattern: str, start: int) -> Mapping[str, str]:
    return {
        fold(word).replace("'", ""): pattern.format(number)
        for number, row in enumerate(rows, start)
        for word in row.split()
    }


_CODES: Mapping[str, str] = {
    **{fold(word): sign for sign, row in _SIGNS.items() for word in row.split()},
    **{fold(word): f"%{name}" for name, row in _SEASONS.items() for word in row.split()},
    **_numbered(_WEEKDAYS, "#{}", 0),
    **_numbered(_MONTHS, "@{:02}", 1),
}


def encode(text: str) -> str:
    """`text` in signs, with no spaces but those between two numbers.

    A day written year first comes out as day.month.year, a time with a dot before "h" or "pm"
    with a colon, and the years of one winter with a slash.
    """
    plain = fold(text).replace("'", "")
    plain = _ORDINAL.sub(r"\1.", plain)
    plain = _HALF_DAY.sub(r"\1m", plain)
    plain = _DOTTED_TIME.sub(r"\1:\2", plain)
    plain = _ISO_DAY.sub(r"\3.\2.\1 ", plain)
    signs = _WORD.sub(lambda word: _CODES.get(word[1], "?"), plain)
    signs = _INNER_FROM.sub(" ", signs)
    return _LONG_WINTER.sub(r"\1/\2", _LOOSE_SPACE.sub("", " ".join(signs.split())))


def is_all_date_words(text: str) -> bool:
    """Whether `text` is made of date words and numbers only, readable as a date or not."""
    return _DATE_SIGNS.fullmatch(encode(text)) is not None
