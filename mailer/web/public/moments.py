"""Days and moments on public pages, always with their weekday, and whose clock they go by."""

from datetime import datetime
from zoneinfo import ZoneInfo

from mailer.domain.when import DEFAULT_TZ, When
from mailer.message.dates import in_words, moment_words
from mailer.web.parts import words


def say_day(moment: datetime) -> str:
    """The day of a moment in Prague: "Thursday 26 November 2026"."""
    local = moment.astimezone(ZoneInfo(DEFAULT_TZ))
    return in_words(When.on(local.date()), words().lang, full=True)


def say_moment(moment: datetime) -> str:
    """A moment to the minute: "Thu 26 Nov, 09:00 (Prague time)"."""
    return moment_words(moment, DEFAULT_TZ, words().lang)
