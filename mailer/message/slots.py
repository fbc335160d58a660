"""The places in a letter that wait for a reader's own links. Knows no key and no address.

Templates write `{base_url}/u/` + UNSUBSCRIBE and `{base_url}/p/` + PREFERENCES; `build` and
`splice` put the reader's tokens there. Slot and token are equally long and spelt with the same
characters, so the letter's size and line breaks stay what they were.
"""

import re

from mailer.message.values import Person

TOKEN_LENGTH = 76
TOKEN_DOT = 32
"""Where a token may have a dot, and nowhere else."""

# No end of one slot is the beginning of another or of itself: slots side by side stay readable.
UNSUBSCRIBE = "SLOT-unsubscribe".ljust(TOKEN_LENGTH, "x")
PREFERENCES = "SLOT-preferences".ljust(TOKEN_LENGTH, "x")

_TOKEN = re.compile(
    rf"[A-Za-z0-9_-]{{{TOKEN_DOT}}}[A-Za-z0-9_.-][A-Za-z0-9_-]{{{TOKEN_LENGTH - TOKEN_DOT - 1}}}"
)


def get_unsubscribe_token(person: Person) -> str:
    """The person's token, held to its length and alphabet; ValueError when it breaks them."""
    return _checked(person.unsubscribe_token, "unsubscribe")


def get_preferences_token(person: Person) -> str:
    """The person's token, held to its length and alphabet; ValueError when it breaks them."""
    return _checked(person.preferences_token, "preferences")


def fill(text: str, person: Person) -> str:
    """`text` with the person's tokens in its slots.

    A token that no slot asks for may be missing. ValueError when one that is asked for is not
    76 characters of A-Z a-z 0-9 _ and -, with a dot at most in its place.
    """
    if UNSUBSCRIBE in text:
        text = text.replace(UNSUBSCRIBE, get_unsubscribe_token(person))
    if PREFERENCES in text:
        text = text.replace(PREFERENCES, get_preferences_token(person))
    return text


def _checked(token: str, purpose: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"The {purpose} token is not {TOKEN_LENGTH} URL-safe characters long.")
    return token
