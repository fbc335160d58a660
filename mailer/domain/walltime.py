"""What the clock on a wall shows, and the instant that is. Refuses to guess a zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def is_zone(tz: str) -> bool:
    """Whether `tz` is a name in the time zone database; a folder of it, such as Europe, is not."""
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def to_utc(wall: datetime, tz: str) -> datetime:
    """The instant of a naive time; of two equal ones the first, unless its `fold` is 1."""
    return wall.replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)


def exists(wall: datetime, tz: str) -> bool:
    """False for the hour that a clock change jumps over (PEP 495: it does not come back)."""
    return to_utc(wall, tz).astimezone(ZoneInfo(tz)).replace(tzinfo=None) == wall
