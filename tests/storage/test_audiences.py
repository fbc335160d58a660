"""Who a newsletter goes to, and what the desk asks about its readers."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.content import ItemKey, ItemKind
from mailer.domain.digest import Role
from mailer.domain.newsletter import NewsletterState
from mailer.storage import audiences
from mailer.storage.audiences import LeftOut
from mailer.storage.db import Sessions
from mailer.storage.newsletters import Cohort, CohortItem, get_newsletter
from mailer.storage.plans import get_plan
from mailer.usecases.plans import make_next_issue
from mailer.usecases.setup import set_up
from tests.letters import WHO, add_letter, start_letter
from tests.people import add_people, add_subscriber

A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("topics", "found"),
    [
        ((), {"en": 2, "cs": 1}),
        (("events",), {"en": 2}),
        (("trainings",), {"cs": 1, "en": 1}),
        (("events", "trainings"), {"en": 2, "cs": 1}),
        (("event",), {}),
    ],
)
def test_a_letter_goes_to_readers_of_any_of_its_topics(
    session: Session, now: datetime, topics: tuple[str, ...], found: dict[str, int]
) -> None:
    add_subscriber(session, "a@example.org", now, topics=("events",))
    add_subscriber(session, "b@example.org", now, topics=("events", "trainings"))
    add_subscriber(session, "c@example.org", now, topics=("trainings",), language="cs")
    letter = add_letter(session, now)
    letter.topics = topics

    assert audiences.count_audience(session, letter, now) == found


def test_readers_of_a_cadence_are_those_who_may_be_mailed(session: Session, now: datetime) -> None:
    add_people(session, 2, now)
    add_subscriber(session, "m@example.org", now, cadence=Cadence.MONTHLY)
    add_subscriber(session, "p@example.org", now, paused_until=now + A_DAY)
    add_subscriber(session, "w@example.org", now, state=SubscriberState.PENDING)

    assert audiences.count_readers(session, Cadence.WEEKLY, now) == {"en": 2}
    assert audiences.count_readers(session, Cadence.MONTHLY, now) == {"en": 1}


@pytest.mark.parametrize(
    ("slug", "readers", "left_out"),
    [
        ("weekly", {"en": 1}, LeftOut(paused=1, bounced=0, unconfirmed=1)),
        ("monthly", {"cs": 1}, LeftOut(paused=0, bounced=2, unconfirmed=0)),
    ],
)
def test_an_issue_leaves_out_people_of_its_own_rhythm_only(
    session: Session, now: datetime, slug: str, readers: dict[str, int], left_out: LeftOut
) -> None:
    set_up(session, None, now)
    monthly = Cadence.MONTHLY
    add_subscriber(session, "a@example.org", now)
    add_subscriber(session, "p@example.org", now, paused_until=now + A_DAY)
    add_subscriber(session, "w@example.org", now, state=SubscriberState.PENDING)
    add_subscriber(session, "m@example.org", now, cadence=monthly, language="cs")
    for state in (SubscriberState.BOUNCED, SubscriberState.COMPLAINED):
        add_subscriber(session, f"{state}@example.org", now, cadence=monthly, state=state)
    issue = make_next_issue(session, get_plan(session, slug), WHO, now)

    found = audiences.count_left_out(session, issue, now)

    assert (audiences.count_audience(session, issue, now), found) == (readers, left_out)


def test_sign_ups_are_counted_by_the_day(session: Session, now: datetime) -> None:
    for name, days in (("a", 1), ("b", 1), ("c", 2), ("d", 9)):
        add_subscriber(session, f"{name}@example.org", now).confirmed_at = now - days * A_DAY
    session.flush()

    found = audiences.count_sign_ups(session, now - 3 * A_DAY)

    assert found == {date(2026, 11, 24): 1, date(2026, 11, 25): 2}


def test_told_so_far_is_what_any_letter_of_that_time_carried(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        cohort = session.scalars(select(Cohort)).one()
        for role in (Role.NEW, Role.REMINDER):
            cohort.items.append(CohortItem(kind=ItemKind.EVENT, item_id=7, role=role, revision=1))
        session.flush()

        told = audiences.list_told_so_far(session, now - A_DAY)
        forgotten = audiences.list_told_so_far(session, now + A_DAY)
        get_newsletter(session, newsletter_id).state = NewsletterState.CANCELLED
        session.flush()
        withdrawn = audiences.list_told_so_far(session, now - A_DAY)

    assert told == {ItemKey(ItemKind.EVENT, 7): frozenset({Role.NEW, Role.REMINDER})}
    assert (forgotten, withdrawn) == ({}, {})
