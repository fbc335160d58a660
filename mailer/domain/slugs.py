"""The part of a page's address that is made from its title, in plain ASCII.

It refuses to ask which ones are taken: the caller says.
"""

import re
from collections.abc import Callable

from mailer.domain.spelling import fold

LONGEST = 60
# Ukrainian much as the government's table of 2010 romanises it, with the Russian letters that it
# lacks. Folding has taken the marks off й, ї and ё already; what is not here is left out.
_CYRILLIC = dict(
    zip(
        "абвгґдеєжзиіклмнопрстуфхцчшщьюяыэъ",
        (
            *("a", "b", "v", "h", "g", "d", "e", "ie", "zh", "z", "y", "i"),
            *("k", "l", "m", "n", "o", "p", "r", "s", "t", "u", "f", "kh", "ts", "ch", "sh"),
            *("shch", "", "iu", "ia", "y", "e", ""),
        ),
        strict=True,
    )
)
# Letters that no decomposition takes apart.
_LATIN = {"đ": "d", "ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"}
_TABLE = str.maketrans(_CYRILLIC | _LATIN)


def make_slug(title: str, fallback: str, is_taken: Callable[[str], bool]) -> str:
    """A free address such as `prague-7-meetup`, or `prague-7-meetup-2` when that is taken.

    `fallback` stands in for a title without a single letter that ASCII can say.
    """
    base = _to_ascii(title) or fallback
    slug, number = base, 1
    while is_taken(slug):
        number += 1
        slug = f"{base}-{number}"
    return slug


def _to_ascii(title: str) -> str:
    words = re.findall("[a-z0-9]+", fold(title).translate(_TABLE))
    slug = "-".join(words)
    if len(slug) <= LONGEST:
        return slug
    # Cut between two words where there are two.
    return slug[: LONGEST + 1].rpartition("-")[0] or slug[:LONGEST]
