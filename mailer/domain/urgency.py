"""Which letters cannot wait: those with an item that is over before all mail of their newsletter
must have left. It looks at one letter's cards and at times, and knows no reader."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta

from mailer.domain.digest import Card, DeadlineCard, EventCard
from mailer.domain.eligibility import closing_moment
from mailer.domain.newsletter import LONGEST_LIFE
from mailer.domain.walltime import to_utc
from mailer.domain.when import When


def find_urgent_until(
    cards: Iterable[Card], begins_at: datetime, ends_at: datetime
) -> datetime | None:
    """When the first of these items is over, if that is while mail may still leave, from
    `begins_at` to `ends_at`; None if nothing in the letter grows stale so soon.

    An event is over when the next of its sittings is: who reads of a course after its first
    evening has missed something. Approximate dates hurry nobody.
    """
    ends = (end for card in cards for end in _list_ends(card) if begins_at < end <= ends_at)
    return min(ends, default=None)


def _list_ends(card: Card) -> Iterator[datetime]:
    if isinstance(card, DeadlineCard):
        end = closing_moment(card.closes)
        if end:
            yield end
    if isinstance(card, EventCard):
        for sitting in card.sittings:
            if sitting.when.is_exact:
                yield sitting.when.end_utc or _end_of_first_day(sitting.when)


def _end_of_first_day(when: When) -> datetime:
    assert when.starts_on is not None  # as of every exact moment
    return to_utc(datetime.combine(when.starts_on + timedelta(days=1), time()), when.tz)


def due_from(urgent_until: datetime | None, now: datetime) -> datetime:
    """The moment from which a mail counts as due. Mails leave in the order of these moments, so
    the sooner something in a letter is over, the longer it counts as having waited; one that
    holds nothing urgent is due now."""
    if urgent_until is None:
        return now
    return min(now, urgent_until - LONGEST_LIFE)


def over_at(due_from: datetime) -> datetime:
    """The other way round: when something is over in a letter that is due from before now."""
    return due_from + LONGEST_LIFE
