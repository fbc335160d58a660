"""Stands between the engine and a provider in trouble: after a fault nothing is tried for a
while, longer each time, so that nobody's attempts are spent on a server that is down."""

from datetime import datetime, timedelta

SHORTEST = timedelta(seconds=30)
LONGEST = timedelta(minutes=15)


class Circuit:
    """Closed while all is well; open until `retry_at` after a fault."""

    def __init__(self) -> None:
        self.retry_at: datetime | None = None
        self.reason = ""
        self._wait = timedelta(0)

    def is_open(self, now: datetime) -> bool:
        return self.retry_at is not None and now < self.retry_at

    def trip(self, reason: str, now: datetime, retry_at: datetime | None = None) -> None:
        """A fault: open for 30 s, then twice as long each time up to 15 min, or for as long as
        the provider said."""
        self._wait = min(2 * self._wait, LONGEST) if self._wait else SHORTEST
        self.retry_at, self.reason = max(now + self._wait, retry_at or now), reason

    def close(self) -> None:
        """Something went through: forget the faults."""
        self.retry_at, self.reason, self._wait = None, "", timedelta(0)
