"""What a provider said, made fit to be stored and shown. Refuses to interpret it."""

import re

LONGEST = 500

# C0 and C1 controls, line separators, marks that turn the reading direction, lone surrogates:
# each can falsify a log line or break the database that stores it.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def tidy(text: str) -> str:
    """`text` on one line, without control characters, 500 characters at most."""
    return " ".join(_UNFIT.sub(" ", text).split())[:LONGEST]


def reason_of(error: Exception) -> str:
    """What went wrong, in as few words as the system has for it."""
    return tidy(getattr(error, "strerror", None) or str(error) or type(error).__name__)
