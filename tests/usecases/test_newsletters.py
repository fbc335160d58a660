"""A newsletter's life, as a coordinator and the clock ask for it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import Invalid, NotFound, Refused, WrongState
from mailer.domain.newsletter import NewsletterState
from mailer.storage.audit import AuditEntry
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.plans import get_plan
from mailer.usecases import newsletters, sending
from mailer.usecases.plans import make_next_issue
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles
from tests.letters import GRACE, WHO, add_letter, start_letter
from tests.people import add_people

LATER = timedelta(days=1)


def test_edit_refuses_a_language_it_does_not_have(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)

    with pytest.raises(NotFound, match="no language “xx”"):
        newsletters.edit(session, letter, "Hello", (), {"xx": ("A", "", "B")}, WHO, now)

    assert {variant.lang: variant.subject for variant in letter.variants}["en"] == "Subject en"


@pytest.mark.parametrize(
    ("title", "subject", "preheader", "field"),
    [
        ("x" * 201, "", "", "title"),
        ("", "x" * 201, "", "subject"),
        ("", "", "x" * 201, "preheader"),
    ],
)
def test_edit_refuses_a_line_that_is_too_long(
    session: Session, now: datetime, title: str, subject: str, preheader: str, field: str
) -> None:
    letter = add_letter(session, now)

    with pytest.raises(Invalid) as caught:
        newsletters.edit(session, letter, title, (), {"en": (subject, preheader, "")}, WHO, now)

    assert caught.value.field == field


def test_new_letter_refuses_a_name_that_is_too_long(session: Session, now: datetime) -> None:
    with pytest.raises(Invalid, match="too long"):
        newsletters.new_letter(session, "x" * 201, (), WHO, now)

    assert newsletters.new_letter(session, "x" * 200, (), WHO, now).id


def test_approve_never_departs_before_the_grace(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)

    newsletters.approve(session, letter, now, WHO, now, grace=GRACE)

    assert (letter.state, letter.send_at) == (NewsletterState.SCHEDULED, now + GRACE)


def test_approve_keeps_a_later_time(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)

    newsletters.approve(session, letter, now + LATER, WHO, now, grace=GRACE)

    assert letter.send_at == now + LATER


def test_stop_makes_it_a_draft_again(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=GRACE)

    newsletters.stop(session, letter, WHO, now)

    assert (letter.state, letter.approved_by) == (NewsletterState.DRAFT, "")
    sending.start_due(session, now + LATER)
    assert letter.state == NewsletterState.DRAFT


def test_start_due_waits_for_the_time(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=GRACE)

    sending.start_due(session, now)
    early = letter.state
    sending.start_due(session, now + GRACE)

    assert (early, letter.state) == (NewsletterState.SCHEDULED, NewsletterState.PREPARING)


def test_start_due_asks_a_person_when_it_is_far_too_late(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=GRACE)

    sending.start_due(session, now + timedelta(days=4))

    assert letter.state == NewsletterState.MISSED


def test_start_due_after_an_outage_leaves_time_for_every_mail(
    session: Session, now: datetime
) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
    letter.expires_at = now + LATER

    sending.start_due(session, now + 2 * LATER)

    assert letter.expires_at == now + 3 * LATER


def test_start_due_keeps_to_the_limit_of_the_plan(session: Session, now: datetime) -> None:
    set_up(session, None, now)
    plan = get_plan(session, "weekly")
    plan.late_limit_hours = 24
    issue = make_next_issue(session, plan, WHO, now)
    newsletters.approve(session, issue, None, WHO, now, grace=timedelta())

    sending.start_due(session, now + LATER + timedelta(minutes=1))

    assert issue.state == NewsletterState.MISSED


def test_approve_late_leaves_time_for_every_mail(session: Session, now: datetime) -> None:
    set_up(session, None, now)
    issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
    assert issue.expires_at
    late = issue.expires_at - 2 * GRACE

    newsletters.approve(session, issue, None, WHO, late, grace=GRACE)

    assert issue.expires_at == late + GRACE + LATER


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        (sending.pause, NewsletterState.DRAFT),
        (sending.resume, NewsletterState.SENDING),
        (sending.resume, NewsletterState.SENT),
        (sending.cancel, NewsletterState.SENT),
        (newsletters.stop, NewsletterState.SENDING),
    ],
)
def test_verbs_refuse_the_wrong_state(
    session: Session, now: datetime, verb: object, state: NewsletterState
) -> None:
    letter = add_letter(session, now)
    letter.state = state

    with pytest.raises(WrongState):
        verb(session, letter, WHO, now)  # type: ignore[operator]  # each is a use-case

    assert letter.state == state


def test_edit_refuses_a_text_that_nobody_would_read(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    longest = "x" * newsletters.LONGEST_BODY

    newsletters.edit(session, letter, "New", (), {"en": ("Hi", "", longest)}, WHO, now)

    longer = {"en": ("Hi", "", f"{longest}x")}
    with pytest.raises(Invalid, match="too long"):
        newsletters.edit(session, letter, "New", (), longer, WHO, now)


def test_edit_is_refused_once_it_is_approved(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=GRACE)

    with pytest.raises(WrongState):
        newsletters.edit(session, letter, "New", (), {}, WHO, now)


def test_cancel_leaves_nothing_waiting(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = start_letter(sessions, now)

    with sessions() as session:
        cancelled = sending.cancel(session, get_newsletter(session, newsletter_id), WHO, now)

    assert cancelled == 3
    with sessions() as session:
        states = session.scalars(select(Delivery.state)).all()
        assert states == [DeliveryState.CANCELLED] * 3


def test_retry_queues_failed_mails_and_reopens_the_newsletter(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        for row, state in zip(
            session.scalars(select(Delivery)),
            (DeliveryState.REJECTED, DeliveryState.ACCEPTED),
            strict=True,
        ):
            row.state = state
        sending.finish_done(session, now)
        letter = get_newsletter(session, newsletter_id)

        number = sending.retry(session, letter, (DeliveryState.REJECTED,), WHO, now + LATER)

        assert (number, letter.state) == (1, NewsletterState.SENDING)
        # Like every change of state.
        assert (letter.changed_at, letter.finished_at) == (now + LATER, None)


def test_retry_never_repeats_an_accepted_mail(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)

    with pytest.raises(Refused):
        sending.retry(session, letter, (DeliveryState.ACCEPTED,), WHO, now)


def test_finish_done_waits_for_every_mail(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        first, second = session.scalars(select(Delivery)).all()
        first.state = DeliveryState.ACCEPTED
        second.state, second.next_at = DeliveryState.UNKNOWN, now

        letter = get_newsletter(session, newsletter_id)
        sending.finish_done(session, now)
        early = letter.state
        second.next_at = None
        session.flush()
        sending.finish_done(session, now)

        assert (early, letter.state) == (NewsletterState.SENDING, NewsletterState.SENT)


def test_send_test_goes_to_coordinators_only(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    ensure_roles(session)
    add_user(session, NewUser("anna@example.org", "Anna", "sender"), None, WHO, now)

    with pytest.raises(Invalid):
        newsletters.send_test(session, letter, ["stranger@example.org"], ["en"], WHO, now)
    queued = newsletters.send_test(session, letter, ["anna@example.org"], ["en", "cs"], WHO, now)

    assert queued == 2
    assert letter.tested_hash == newsletters.fingerprint(session, letter, now)


def test_an_edit_voids_the_test(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    before = newsletters.fingerprint(session, letter, now)

    newsletters.edit(session, letter, "Hello", (), {"en": ("Subject", "", "Other")}, WHO, now)

    assert newsletters.fingerprint(session, letter, now) != before


def test_every_step_leaves_a_line_in_the_log(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=GRACE)
    newsletters.stop(session, letter, WHO, now)
    sending.cancel(session, letter, WHO, now)

    actions = session.scalars(
        select(AuditEntry.action).where(AuditEntry.thing == "newsletter").order_by(AuditEntry.id)
    ).all()

    assert actions == [
        "newsletter created",
        "newsletter edited",
        "newsletter approved",
        "newsletter stopped",
        "newsletter cancelled",
    ]
