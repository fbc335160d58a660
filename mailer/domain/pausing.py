"""When a newsletter must not go on by itself: its mail is refused, or reported as spam, too often
to be bad luck. A reason is a sentence with its facts, put into words by whoever shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

IN_A_ROW = 10
HIGHEST_SHARE = 0.05

WINDOW = 200
"""So many answers are enough to tell a share by."""

LONGEST_WINDOW = 400
"""Where more answers than that were counted, they count as WINDOW, in the same proportion, before
later ones are added: what was long ago fades."""

FEWEST_COMPLAINTS = 3
"""A single reader who errs must not stop a small list."""

HIGHEST_COMPLAINTS = 0.003
"""Google and Yahoo ask bulk senders to stay below this share (2024)."""

REFUSED_IN_A_ROW = "Too many mails were refused one after another: %(number)s."
REFUSED_LATELY = "Too many mails were refused: %(number)s of the last %(all)s."
CALLED_SPAM = "Too many readers reported it as spam: %(number)s of %(all)s."
NOT_TAKEN = "The mail server cannot take this letter. It may be too big."
NOT_PREPARED = "It could not be prepared for sending."
LONGEST_SAID = 500
SENTENCES = (REFUSED_IN_A_ROW, REFUSED_LATELY, CALLED_SPAM, NOT_TAKEN, NOT_PREPARED)


@dataclass(frozen=True, slots=True)
class Reason:
    """One of SENTENCES and the numbers in it. `said`: what the other side said, word for word."""

    sentence: str
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    said: str = ""

    @property
    def facts(self) -> dict[str, int | str]:
        """What a page needs besides the sentence, fit to be kept as JSON."""
        return {**self.numbers, "said": self.said[:LONGEST_SAID]} if self.said else {**self.numbers}

    def __str__(self) -> str:
        sentence = self.sentence % self.numbers
        return f"{sentence} It said: {self.said}" if self.said else sentence


@dataclass(slots=True)
class Refusals:
    """Answers about the mails of one newsletter: how many there were, how many of them said
    "never", and how many did since the last mail that was taken. Providers close accounts for long
    lists of refused addresses, so somebody should look before more is sent."""

    answered: int = 0
    refused: int = 0
    in_a_row: int = 0

    @property
    def is_unbroken(self) -> bool:
        """Whether no mail was taken in between."""
        return self.answered == self.refused

    def note(self, *, is_refused: bool) -> None:
        """One more mail was taken, or refused for good."""
        self.answered += 1
        self.refused += is_refused
        self.in_a_row = self.in_a_row + 1 if is_refused else 0

    def find_reason(self, last_words: str) -> Reason | None:
        """Why to pause now, or None. `last_words`: what the server said last."""
        if self.in_a_row >= IN_A_ROW:
            return Reason(REFUSED_IN_A_ROW, {"number": self.in_a_row}, last_words)
        if self.answered >= WINDOW and self.refused > HIGHEST_SHARE * self.answered:
            numbers = {"number": self.refused, "all": self.answered}
            return Reason(REFUSED_LATELY, numbers, last_words)
        return None


def find_dislike(complaints: int, sent: int) -> Reason | None:
    """Why to pause, if so many of the mails sent were reported as spam; or None."""
    if complaints < FEWEST_COMPLAINTS or complaints <= HIGHEST_COMPLAINTS * sent:
        return None
    return Reason(CALLED_SPAM, {"number": complaints, "all": sent})
