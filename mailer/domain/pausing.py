"""When a newsletter must not go on by itself: its mail is refused, or reported as spam, too often
to be bad luck."""

from collections import deque

IN_A_ROW = 10
WINDOW = 200
HIGHEST_SHARE = 0.05

FEWEST_COMPLAINTS = 3
"""A single reader who errs must not stop a small list."""

HIGHEST_COMPLAINTS = 0.003
"""Google and Yahoo ask bulk senders to stay below this share (2024)."""


class Refusals:
    """The last answers about one newsletter. Providers close accounts for long lists of refused
    addresses, so somebody should look before more is sent."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0
        self._refused = 0

    def note(self, *, is_refused: bool) -> None:
        """One more mail was taken, or refused for good."""
        if len(self._last) == WINDOW:
            self._refused -= self._last[0]
        self._last.append(is_refused)
        self._refused += is_refused
        self._in_a_row = self._in_a_row + 1 if is_refused else 0

    def find_reason(self, last_words: str) -> str | None:
        """Why to pause now, in a sentence, or None. `last_words`: what the server said last."""
        said = f" The last answer: {last_words}" if last_words else ""
        if self._in_a_row >= IN_A_ROW:
            return f"{self._in_a_row} mails in a row were refused.{said}"
        if len(self._last) == WINDOW and self._refused > HIGHEST_SHARE * WINDOW:
            return f"{self._refused} of the last {WINDOW} mails were refused.{said}"
        return None


def find_dislike(complaints: int, sent: int) -> str | None:
    """Why to pause, if so many of the mails sent were reported as spam; or None."""
    if complaints < FEWEST_COMPLAINTS or complaints <= HIGHEST_COMPLAINTS * sent:
        return None
    return f"{complaints} of {sent} readers reported it as spam."
