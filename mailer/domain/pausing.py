"""When a newsletter must not go on by itself: its mail is refused too often to be bad luck."""

from collections import deque

IN_A_ROW = 10
WINDOW = 200
HIGHEST_SHARE = 0.05


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
