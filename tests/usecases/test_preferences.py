"""What subscribers choose, on both databases."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, ConsentAction, SubscriberState
from mailer.domain.errors import Invalid, WrongState
from mailer.storage.consents import list_consents
from mailer.storage.subscribers import Subscriber
from mailer.storage.topics import Topic
from mailer.usecases import preferences
from mailer.usecases.preferences import Wishes
from tests.usecases.readers import TRACE, add_reader, set_up


def list_actions(session: Session, reader: Subscriber) -> list[ConsentAction]:
    return [consent.action for consent in list_consents(session, reader.id)]


def test_change_replaces_the_wishes_and_proves_it(session: Session, now: datetime) -> None:
    set_up(session, now)
    reader = add_reader(session, now)
    wishes = Wishes(("uk", "cs", "uk"), ("trainings", "events"), Cadence.MONTHLY)

    changed = preferences.change(session, reader, wishes, trace=TRACE, now=now)

    assert changed
    assert (reader.language, reader.content_languages) == ("uk", ("uk", "cs"))
    assert (reader.topics, reader.cadence) == (("events", "trainings"), Cadence.MONTHLY)
    [proof] = list_consents(session, reader.id)
    assert (proof.action, proof.topics) == (ConsentAction.CHANGED, ("events", "trainings"))


def test_change_to_the_same_is_no_change(session: Session, now: datetime) -> None:
    set_up(session, now)
    reader = add_reader(session, now)

    changed = preferences.change(
        session, reader, Wishes(("cs", "en"), ("events",)), trace=TRACE, now=now
    )

    assert (changed, list_actions(session, reader)) == (False, [])


def test_change_keeps_topics_that_are_not_public_and_gives_none(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    session.add_all(
        Topic(slug=slug, position=9, is_public=False, is_default=False)
        for slug in ("members", "board")
    )
    reader = add_reader(session, now)
    reader.topics = ("events", "members")

    preferences.change(
        session, reader, Wishes(("cs",), ("trainings", "board")), trace=TRACE, now=now
    )

    assert reader.topics == ("trainings", "members")


@pytest.mark.parametrize("state", [SubscriberState.PENDING, SubscriberState.UNSUBSCRIBED])
def test_change_is_for_subscribers(session: Session, now: datetime, state: SubscriberState) -> None:
    set_up(session, now)
    reader = add_reader(session, now, state)

    with pytest.raises(WrongState):
        preferences.change(session, reader, Wishes(("uk",), ("events",)), trace=TRACE, now=now)
    with pytest.raises(WrongState):
        preferences.pause(session, reader, now + timedelta(days=3), trace=TRACE, now=now)
    with pytest.raises(WrongState):
        preferences.resume(session, reader, trace=TRACE, now=now)

    assert (reader.language, reader.paused_until) == ("cs", None)


def test_take_monthly_and_take_only_leave_the_rest(session: Session, now: datetime) -> None:
    set_up(session, now)
    reader = add_reader(session, now)
    reader.topics = ("events", "trainings")

    preferences.take_monthly(session, reader, trace=TRACE, now=now)
    preferences.take_only(session, reader, "trainings", trace=TRACE, now=now)

    assert (reader.cadence, reader.topics) == (Cadence.MONTHLY, ("trainings",))
    assert reader.content_languages == ("cs", "en")


def test_pause_and_resume(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    until = now + timedelta(days=30)

    preferences.pause(session, reader, until, trace=TRACE, now=now)
    paused = reader.paused_until
    preferences.resume(session, reader, trace=TRACE, now=now)
    preferences.resume(session, reader, trace=TRACE, now=now)

    assert (paused, reader.paused_until) == (until, None)
    assert list_actions(session, reader) == [ConsentAction.CHANGED, ConsentAction.CHANGED]


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_pause_ends_within_a_year(session: Session, now: datetime, days: int) -> None:
    reader = add_reader(session, now)

    with pytest.raises(Invalid) as refusal:
        preferences.pause(session, reader, now + timedelta(days=days), trace=TRACE, now=now)

    assert (refusal.value.field, reader.paused_until) == ("until", None)
    assert session.scalars(select(Subscriber.paused_until)).all() == [None]
