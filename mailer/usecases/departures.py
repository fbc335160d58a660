"""When a newsletter is to leave, as a person types it on the clock of their wall."""

from datetime import datetime, timedelta

from mailer.domain.errors import Invalid
from mailer.domain.walltime import exists, to_utc
from mailer.message.vocabulary import N_

LONGEST_PLANNED = timedelta(days=60)

NO_SUCH_HOUR = N_(
    "The clocks change in that night and this hour is left out. Choose an earlier or a later time."
)
HAS_PASSED = N_("This time has passed. Choose a later one, or “now”.")
TOO_FAR = N_("This is more than 60 days away. Choose an earlier time.")


def read_departure(wall: datetime, tz: str, now: datetime) -> datetime:
    """The moment (UTC) of a naive time on the clocks of `tz`.

    Raises Invalid for `send_at`: an hour that a clock change skips, a time that has passed, or
    one further away than anybody plans. An hour that comes twice is the first of the two.
    """
    if not exists(wall, tz):
        raise Invalid("send_at", NO_SUCH_HOUR)
    moment = to_utc(wall, tz)
    if moment <= now:
        raise Invalid("send_at", HAS_PASSED)
    if moment - now > LONGEST_PLANNED:
        raise Invalid("send_at", TOO_FAR)
    return moment
