"""The button that counts: what it looks at once more."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.errors import Invalid, NotReadyToSend, Refused
from mailer.domain.newsletter import NewsletterState
from mailer.message.render import Renderer
from mailer.storage.db import open_engine, open_sessions
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.settings import save_association
from mailer.usecases import approvals, newsletters
from mailer.usecases.approvals import Order
from mailer.usecases.checks import Check, check_newsletter
from tests.letters import BASE_URL, WHO, add_letter
from tests.people import add_people

GRACE = timedelta(minutes=2)


def prepare(session: Session, now: datetime, readers: int, usual: int = 0) -> Newsletter:
    """A good draft for so many readers, after a newsletter that went to `usual`."""
    save_association(session, Association("MigAct", address="Example Street 1, Praha"), now)
    add_people(session, readers, now)
    if usual:
        sent = add_letter(session, now)
        sent.state, sent.audience_count = NewsletterState.SENT, usual
    return add_letter(session, now)


def look(session: Session, letter: Newsletter, now: datetime) -> Check:
    return check_newsletter(session, letter, Renderer(BASE_URL), now)


def approve(session: Session, letter: Newsletter, order: Order, now: datetime) -> None:
    approvals.approve(
        session,
        letter,
        order,
        renderer=Renderer(BASE_URL),
        who=WHO,
        now=now,
        grace=GRACE,
    )


def test_what_was_looked_at_is_approved(session: Session, now: datetime) -> None:
    letter = prepare(session, now, readers=2)

    approve(session, letter, Order(None, look(session, letter, now).seen), now)

    assert (letter.state, letter.send_at) == (NewsletterState.SCHEDULED, now + GRACE)


def test_what_changed_meanwhile_is_looked_at_again(session: Session, now: datetime) -> None:
    letter = prepare(session, now, readers=2)
    order = Order(None, look(session, letter, now).seen)
    newsletters.edit(session, letter, "Hello", (), {"en": ("New", "", "New")}, WHO, now)

    with pytest.raises(Refused):
        approve(session, letter, order, now)

    assert letter.state == NewsletterState.DRAFT


def test_what_somebody_saved_meanwhile_is_what_is_looked_at(
    postgres_url: str, now: datetime
) -> None:
    engine = open_engine(postgres_url)
    sessions = open_sessions(engine)
    with sessions() as session:
        prepare(session, now, readers=2)
    with sessions() as anna:
        letter = anna.scalars(select(Newsletter)).one()
        seen = look(anna, letter, now).seen
        with sessions() as eva:
            texts = {"en": ("New", "", "A text that nobody checked")}
            same = get_newsletter(eva, letter.id)
            newsletters.edit(eva, same, "Hello", (), texts, "eva@example.org", now)

        with pytest.raises(Refused):
            approve(anna, letter, Order(None, seen), now)

        assert letter.state == NewsletterState.DRAFT
    engine.dispose()


def test_nobody_can_save_between_the_check_and_the_approval(
    session: Session, now: datetime
) -> None:
    letter = prepare(session, now, readers=2)
    seen = look(session, letter, now).seen
    newsletters.edit(session, letter, "Hello", (), {"en": ("New", "", "New")}, WHO, now)

    with pytest.raises(Refused):
        newsletters.approve(session, letter, None, WHO, now, seen=seen, grace=GRACE)

    assert (letter.state, letter.content_hash) == (NewsletterState.DRAFT, "")


def test_the_clock_and_the_command_line_look_at_no_page(session: Session, now: datetime) -> None:
    letter = prepare(session, now, readers=4, usual=2)

    approve(session, letter, Order(now + 2 * GRACE), now)

    assert (letter.state, letter.send_at) == (NewsletterState.SCHEDULED, now + 2 * GRACE)


def test_blockers_stop_it_whatever_was_seen(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)

    with pytest.raises(NotReadyToSend):
        approve(session, letter, Order(None, look(session, letter, now).seen), now)

    assert letter.state == NewsletterState.DRAFT


@pytest.mark.parametrize(
    ("readers", "usual", "asked"),
    [
        pytest.param(4, 0, False, id="the first newsletter"),
        pytest.param(3, 2, False, id="half as many again"),
        pytest.param(4, 2, True, id="twice as many"),
        pytest.param(1, 9, False, id="fewer"),
    ],
)
def test_many_more_readers_than_usual_are_confirmed_by_their_number(
    session: Session, now: datetime, readers: int, usual: int, asked: bool
) -> None:
    letter = prepare(session, now, readers, usual)

    assert look(session, letter, now).needs_number == asked


def test_the_right_number_lets_it_go(session: Session, now: datetime) -> None:
    letter = prepare(session, now, readers=4, usual=2)

    approve(session, letter, Order(None, look(session, letter, now).seen, number=4), now)

    assert letter.state == NewsletterState.SCHEDULED


@pytest.mark.parametrize("number", [5, None])
def test_a_wrong_number_keeps_it(session: Session, now: datetime, number: int | None) -> None:
    letter = prepare(session, now, readers=4, usual=2)
    order = Order(None, look(session, letter, now).seen, number=number)

    with pytest.raises(Invalid) as refusal:
        approve(session, letter, order, now)

    assert (refusal.value.field, letter.state) == ("number", NewsletterState.DRAFT)


def test_usual_is_the_middle_of_the_last_newsletters(session: Session, now: datetime) -> None:
    letter = prepare(session, now, readers=1)
    for audience in (10, 300, 12, 11, 13, 999):
        sent = add_letter(session, now)
        sent.state, sent.audience_count = NewsletterState.SENT, audience
    session.flush()

    assert look(session, letter, now).usual == 13
