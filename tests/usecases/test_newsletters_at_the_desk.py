"""Where several people and the clock act on one newsletter, and where somebody steps back."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import Refused
from mailer.domain.newsletter import NewsletterState
from mailer.domain.portion import Portion
from mailer.message.render import Renderer
from mailer.storage import accounts, audit
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.plans import get_plan
from mailer.usecases import newsletters, sending
from mailer.usecases.plans import make_next_issue
from mailer.usecases.preparing import Preparation
from mailer.usecases.setup import set_up
from tests.letters import BASE_URL, GRACE, WHO, add_letter, start_letter
from tests.people import add_people

LATER = timedelta(hours=1)
TEXTS = {"en": ("Subject", "Preview", "Text")}


def edit(session: Session, letter: Newsletter, now: datetime, seen: datetime | None = None) -> None:
    newsletters.edit(session, letter, "Hello", (), TEXTS, WHO, now, seen=seen)


def finish(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        sending.finish_done(session, now)


def list_actions(session: Session, letter: Newsletter) -> list[str]:
    return [entry.action for entry in audit.list_about(session, "newsletter", letter.id)]


def test_edit_is_refused_to_whoever_did_not_see_the_last_one(
    session: Session, now: datetime
) -> None:
    letter = add_letter(session, now)
    seen = letter.changed_at
    edit(session, letter, now + LATER, seen)

    with pytest.raises(Refused):
        newsletters.edit(session, letter, "Other", (), {}, WHO, now + 2 * LATER, seen=seen)

    assert letter.title == "Hello"


def test_saving_the_same_words_changes_nothing(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    edit(session, letter, now)
    before = list_actions(session, letter)

    edit(session, letter, now + LATER)

    assert (letter.changed_at, list_actions(session, letter)) == (now, before)


def test_stop_gives_an_issue_the_time_of_its_plan_back(session: Session, now: datetime) -> None:
    set_up(session, None, now)
    issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
    planned, expires_at = issue.send_at, issue.expires_at
    newsletters.approve(session, issue, None, WHO, now, grace=GRACE)

    newsletters.stop(session, issue, WHO, now)

    assert (issue.send_at, issue.expires_at) == (planned, expires_at)


def test_stop_leaves_a_letter_without_a_time(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=GRACE)

    newsletters.stop(session, letter, WHO, now)

    assert (letter.send_at, letter.expires_at) == (None, None)


def test_cancel_in_the_middle_of_preparing_still_adds_up(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 5, now)
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
        sending.start_due(session, now)
        newsletter_id = letter.id
    two = Portion(2, smallest=2, largest=2)
    preparation = Preparation(newsletter_id, Renderer(BASE_URL), two)
    with sessions() as session:
        preparation.step(session, now)

    with sessions() as session:
        sending.cancel(session, get_newsletter(session, newsletter_id), WHO, now)

    with sessions() as session:
        more = preparation.step(session, now)
        account = accounts.get_account(session, get_newsletter(session, newsletter_id))
    assert not more
    assert (account.audience, account.adds_up) == (2, True)


def test_a_retry_is_never_closed_by_the_clock(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        session.scalars(select(Delivery)).one().state = DeliveryState.REJECTED
    clock = threading.Thread(target=finish, args=(sessions, now), daemon=True)

    with sessions() as session:
        letter = get_newsletter(session, newsletter_id)
        sending.retry(session, letter, (DeliveryState.REJECTED,), WHO, now)
        clock.start()
        clock.join(0.5)
        assert clock.is_alive()  # it saw nothing open, and waits for the row
    clock.join(30)

    with sessions() as session:
        assert accounts.has_open(session, newsletter_id)
        assert get_newsletter(session, newsletter_id).state == NewsletterState.SENDING


def test_cancel_calls_off_the_resend_of_unknown_mails(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        session.scalars(select(Delivery)).one().state = DeliveryState.UNKNOWN

    with sessions() as session:
        sending.cancel(session, get_newsletter(session, newsletter_id), WHO, now)

    with sessions() as session:
        assert not accounts.has_open(session, newsletter_id)


def test_leave_ends_the_waiting_and_the_newsletter(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        first, second = session.scalars(select(Delivery).order_by(Delivery.id))
        first.state, second.state = DeliveryState.ACCEPTED, DeliveryState.UNKNOWN

    with sessions() as session:
        letter = get_newsletter(session, newsletter_id)
        left = sending.leave(session, letter, WHO, now)
        sending.finish_done(session, now)

        assert (left, letter.state) == (1, NewsletterState.SENT)
        assert list_actions(session, letter)[-2:] == ["unknown mails left alone", "newsletter sent"]
