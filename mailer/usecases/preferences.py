"""What a subscriber wishes to get: languages, topics, how often, a pause, less of it.

It never makes anybody a subscriber and never ends it: that is for `subscriptions`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, ConsentAction, SubscriberState
from mailer.domain.errors import Invalid, WrongState
from mailer.message.vocabulary import N_
from mailer.storage.languages import list_content_languages
from mailer.storage.subscribers import Subscriber
from mailer.storage.topics import list_topics
from mailer.usecases.consents import Trace, record

SHORT_PAUSE = timedelta(days=30)
LONGEST_PAUSE = timedelta(days=366)

_NO_LANGUAGE = N_("Choose a language you want to read.")
_NO_TOPIC = N_("Choose at least one topic.")
_PAST = N_("Choose a day after today.")
_TOO_FAR = N_("Choose a day within one year.")


@dataclass(frozen=True, slots=True)
class Wishes:
    """`languages` are all that somebody reads, best first; `topics` are slugs in any order."""

    languages: tuple[str, ...]
    topics: tuple[str, ...]
    cadence: Cadence = Cadence.WEEKLY


def fit(session: Session, wishes: Wishes, kept: tuple[str, ...] = ()) -> Wishes:
    """The wishes as they can be granted, each language and topic once.

    Unknown ones are dropped; topics come in the order of the list, so that equal wishes are equal
    rows. Of the topics that are not public, those in `kept` stay. Raises Invalid when no language
    is left, or no topic although there are some.
    """
    content = list_content_languages(session)
    languages = tuple(code for code in dict.fromkeys(wishes.languages) if code in content)
    if not languages:
        raise Invalid("languages", _NO_LANGUAGE)
    topics = [topic for topic, _ in list_topics(session)]
    wanted = tuple(
        topic.slug for topic in topics if topic.slug in (wishes.topics if topic.is_public else kept)
    )
    if not wanted and any(topic.is_public for topic in topics):
        raise Invalid("topics", _NO_TOPIC)
    return Wishes(languages, wanted, wishes.cadence)


def grant(subscriber: Subscriber, wishes: Wishes) -> None:
    """Write fitting wishes into the subscriber's row."""
    subscriber.language = wishes.languages[0]
    subscriber.content_languages = wishes.languages
    subscriber.topics = wishes.topics
    subscriber.cadence = wishes.cadence


def get_wishes(subscriber: Subscriber) -> Wishes:
    """What the subscriber has chosen so far."""
    return Wishes(subscriber.content_languages, subscriber.topics, subscriber.cadence)


def change(
    session: Session, subscriber: Subscriber, wishes: Wishes, *, trace: Trace, now: datetime
) -> bool:
    """Replace a confirmed subscriber's wishes; False when they are what they were.

    Writes a line of consent with each change. Raises Invalid as `fit` does.
    """
    _check_confirmed(subscriber)
    fitting = fit(session, wishes, kept=subscriber.topics)
    if fitting == get_wishes(subscriber):
        return False
    grant(subscriber, fitting)
    record(session, subscriber, ConsentAction.CHANGED, trace, now)
    return True


def take_monthly(session: Session, subscriber: Subscriber, *, trace: Trace, now: datetime) -> bool:
    """Less mail: once a month from now on."""
    monthly = replace(get_wishes(subscriber), cadence=Cadence.MONTHLY)
    return change(session, subscriber, monthly, trace=trace, now=now)


def take_only(
    session: Session, subscriber: Subscriber, topic: str, *, trace: Trace, now: datetime
) -> bool:
    """Less mail: only what is about one topic."""
    only = replace(get_wishes(subscriber), topics=(topic,))
    return change(session, subscriber, only, trace=trace, now=now)


def pause(
    session: Session, subscriber: Subscriber, until: datetime, *, trace: Trace, now: datetime
) -> None:
    """No newsletters before `until`; what somebody asks for themselves still comes.

    Raises Invalid for the field `until` when it is past or more than a year ahead.
    """
    _check_confirmed(subscriber)
    if until <= now:
        raise Invalid("until", _PAST)
    if until > now + LONGEST_PAUSE:
        raise Invalid("until", _TOO_FAR)
    subscriber.paused_until = until
    record(session, subscriber, ConsentAction.CHANGED, trace, now)


def resume(session: Session, subscriber: Subscriber, *, trace: Trace, now: datetime) -> None:
    """End a pause at once. A repeat changes nothing."""
    _check_confirmed(subscriber)
    if subscriber.paused_until is None:
        return
    subscriber.paused_until = None
    record(session, subscriber, ConsentAction.CHANGED, trace, now)


def _check_confirmed(subscriber: Subscriber) -> None:
    if subscriber.state is not SubscriberState.CONFIRMED:
        raise WrongState(
            "subscription",
            subscriber.state,
            "changed",
            "Sign up again with the same address: a mail with a link comes to it.",
        )
