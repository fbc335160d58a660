"""What is held back once a database is known as a restored backup, and how it goes on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState, Priority
from mailer.domain.errors import Refused
from mailer.domain.newsletter import NewsletterState
from mailer.message.render import Renderer
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.lineage import Mark, find_mark
from mailer.storage.newsletters import Newsletter, get_newsletter, list_newsletters
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters, newsletters, plans, restores, sending
from mailer.usecases.outages import find_restore
from tests.letters import BASE_URL, GRACE, WHO, add_letter, start_letter
from tests.people import add_people, add_subscriber
from tests.worker.engines import ScriptedSender, run_round

NIGHT = timedelta(hours=12)
WEEK = timedelta(days=7)
_S = NewsletterState


def hold_back(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        restores.hold_back(session, now - NIGHT, now)


def release(sessions: Sessions, now: datetime, *, resends: bool) -> int:
    with sessions() as session:
        return restores.release(session, WHO, now, resends=resends)


def read_letters(sessions: Sessions) -> list[tuple[NewsletterState, str]]:
    with sessions() as session:
        return [(one.state, one.reason) for one in reversed(list_newsletters(session))]


def read_states(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return [row.state.value for row in list_mails(session)]


def list_mails(session: Session) -> Sequence[Delivery]:
    to_somebody = select(Delivery).where(Delivery.address != "").order_by(Delivery.id)
    return session.scalars(to_somebody).all()


def approve_letter(sessions: Sessions, send_at: datetime) -> int:
    with sessions() as session:
        letter = add_letter(session, send_at)
        newsletters.approve(session, letter, send_at, WHO, send_at, grace=timedelta())
        return letter.id


def test_mark_is_raised_whenever_the_database_is_in_use(session: Session, now: datetime) -> None:
    first = restores.go_on(session, None, now)
    second = restores.go_on(session, first, now + NIGHT)

    assert first
    assert (first.number, first.at) == (1, now)
    assert second == find_mark(session) == Mark(first.lineage, 2, now + NIGHT)
    assert find_restore(session) is None


@pytest.mark.parametrize(("ahead", "is_held"), [(-1, False), (0, False), (1, True)])
def test_mark_that_is_behind_what_was_seen_tells_a_restore(
    session: Session, now: datetime, ahead: int, is_held: bool
) -> None:
    mark = restores.go_on(session, None, now)
    assert mark

    seen = Mark(mark.lineage, mark.number + ahead, now)
    raised = restores.go_on(session, seen, now + NIGHT)

    held = find_restore(session)
    assert (held is not None) == is_held
    assert held is None or held.since == now
    assert (raised is None) == is_held


def test_mark_of_another_database_says_nothing(session: Session, now: datetime) -> None:
    restores.go_on(session, None, now)

    restores.go_on(session, Mark("another", 99, now), now)

    assert find_restore(session) is None


def test_mark_is_not_raised_while_newsletters_are_held_back(
    session: Session, now: datetime
) -> None:
    mark = restores.go_on(session, None, now)
    restores.hold_back(session, now, now)

    restores.go_on(session, mark, now)

    assert find_mark(session) == mark


def test_copy_that_bears_no_mark_is_as_old_as_the_last_work_in_it(
    session: Session, now: datetime
) -> None:
    restores.go_on(session, None, now - NIGHT)

    restores.hold(session, now)

    held = find_restore(session)
    assert held
    assert held.since == now - NIGHT


def test_lineage_is_a_new_one_after_a_restore(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        before = restores.go_on(session, None, now)
    hold_back(sessions, now)

    release(sessions, now, resends=True)

    with sessions() as session:
        after = find_mark(session)
    assert before
    assert after
    assert after.lineage != before.lineage


def test_restore_holds_back_what_is_under_way_and_what_is_due(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    approve_letter(sessions, now)

    hold_back(sessions, now)
    with sessions() as session:
        sending.start_due(session, now)
        made = plans.make_due_issues(session, Renderer(BASE_URL), now + WEEK, GRACE)

    assert made == []
    assert read_letters(sessions) == [(_S.PAUSED, restores.HELD_BACK), (_S.SCHEDULED, "")]


@pytest.mark.parametrize("resends", [True, False])
def test_release_lets_go_on_what_it_had_stopped_and_nothing_else(
    sessions: Sessions, now: datetime, resends: bool
) -> None:
    """Who had paused a newsletter before has their own reasons."""
    with sessions() as session:
        add_people(session, 2, now)
    for number in (start_letter(sessions, now), start_letter(sessions, now)):
        last = number
    with sessions() as session:
        sending.pause(session, get_newsletter(session, last), WHO, now, "a mistake in it")
    hold_back(sessions, now)

    number = release(sessions, now, resends=resends)

    assert read_letters(sessions) == [(_S.SENDING, ""), (_S.PAUSED, "a mistake in it")]
    assert number == (0 if resends else 4)
    assert read_states(sessions) == ["queued" if resends else "unknown"] * 4


def test_release_doubts_what_had_not_ended_and_takes_it_from_whoever_holds_it(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 5, now)
    start_letter(sessions, now)
    states = [
        (DeliveryState.CLAIMED, now),
        (DeliveryState.DEFERRED, now),
        (DeliveryState.UNKNOWN, now),
        (DeliveryState.ACCEPTED, None),
        (DeliveryState.REJECTED, None),
    ]
    with sessions() as session:
        ids = session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
        for one, (state, next_at) in zip(ids, states, strict=True):
            values = {"state": state, "next_at": next_at}
            session.execute(update(Delivery).where(Delivery.id == one).values(values))
    hold_back(sessions, now)

    number = release(sessions, now, resends=False)

    with sessions() as session:
        rows = list_mails(session)
        assert [row.generation for row in rows] == [1, 1, 1, 0, 0]
        assert [row.next_at for row in rows] == [None] * 5
    assert number == 3
    assert read_states(sessions) == ["unknown"] * 3 + ["accepted", "rejected"]


def test_release_leaves_what_was_due_meanwhile_to_a_person(
    sessions: Sessions, now: datetime
) -> None:
    approve_letter(sessions, now)
    approve_letter(sessions, now + NIGHT)
    hold_back(sessions, now)

    release(sessions, now, resends=False)

    assert read_letters(sessions) == [(_S.MISSED, restores.MAY_BE_SENT), (_S.SCHEDULED, "")]


def test_release_makes_no_issue_that_may_have_been_sent(sessions: Sessions, now: datetime) -> None:
    """A plan's issue that was made and sent after the backup is not in it: the clock would make
    and send it again."""
    with sessions() as session:
        add_letter(session, now)
    hold_back(sessions, now)
    later = now + WEEK + timedelta(minutes=1)

    release(sessions, later, resends=False)
    with sessions() as session:
        made = plans.make_due_issues(session, Renderer(BASE_URL), later, GRACE)
        issues = session.scalars(select(Newsletter).where(Newsletter.plan_id.is_not(None))).all()

    assert made == []
    assert [(one.state, one.reason) for one in issues] == [(_S.MISSED, restores.MAY_BE_SENT)] * len(
        issues
    )
    assert [one.period_key for one in issues] == ["2026-12-03", "2026-12-03"]


@pytest.mark.parametrize(
    ("resends", "expected"),
    [(True, (_S.PREPARING, "")), (False, (_S.PAUSED, restores.HALF_WRITTEN))],
)
def test_release_asks_a_person_about_an_audience_half_written_down(
    sessions: Sessions, now: datetime, resends: bool, expected: tuple[NewsletterState, str]
) -> None:
    approve_letter(sessions, now)
    with sessions() as session:
        sending.start_due(session, now)
    hold_back(sessions, now)

    release(sessions, now, resends=resends)

    assert read_letters(sessions) == [expected]


def test_release_of_nothing_is_refused(session: Session, now: datetime) -> None:
    with pytest.raises(Refused):
        restores.release(session, WHO, now, resends=True)


def ask_in_bulk(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        pending = SubscriberState.PENDING
        reader = add_subscriber(session, "imported@example.org", now, state=pending)
        wish = {"subscriber": reader, "language": "en", "context": {"jti": "abc"}}
        mail = letters.queue(session, "confirm", **wish, now=now, lives=timedelta(days=1))
        mail.priority = Priority.IN_BULK
        session.flush()
        return mail.id


def test_question_asked_in_bulk_waits_while_newsletters_are_held_back(
    sessions: Sessions, now: datetime
) -> None:
    ask_in_bulk(sessions, now)
    hold_back(sessions, now)
    sender = ScriptedSender()

    run_round(sessions, sender, now)

    assert sender.sent == []
    assert read_states(sessions) == ["queued"]


@pytest.mark.parametrize(("resends", "state"), [(True, "queued"), (False, "unknown")])
def test_release_doubts_questions_asked_in_bulk(
    sessions: Sessions, now: datetime, resends: bool, state: str
) -> None:
    ask_in_bulk(sessions, now)
    hold_back(sessions, now)

    number = release(sessions, now, resends=resends)

    assert read_states(sessions) == [state]
    assert number == (not resends)


def test_restore_gives_no_number_of_a_lost_mail_again(sessions: Sessions, now: datetime) -> None:
    """Message-IDs carry it, and a bounce of the lost mail may come weeks later. A backup may be
    put back twice."""
    lost = ask_in_bulk(sessions, now) + 1
    numbers, floors = [lost], [0]

    for moment in (now + NIGHT, now + 2 * NIGHT):
        with sessions() as session:
            restores.hold_back(session, now, moment)
        numbers.append(queue_mail(sessions, moment))
        floors.append(int(moment.timestamp() * 1_000_000))
        release(sessions, moment + NIGHT / 2, resends=True)
        numbers.append(queue_mail(sessions, moment))
        floors.append(int((moment + NIGHT / 2).timestamp() * 1_000_000))

    steps = [number - floor for number, floor in zip(numbers, floors, strict=True)]
    assert steps == [lost, 1, 1, 1, 1]


def queue_mail(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        reader = session.scalars(select(Subscriber)).one()
        wish = {"subscriber": reader, "language": "en", "context": {"jti": "abc"}}
        mail = letters.queue(session, "confirm", **wish, now=now, lives=timedelta(days=1))
        session.flush()
        return mail.id


def test_restore_holds_back_more_than_a_page_of_newsletters(
    session: Session, now: datetime
) -> None:
    for _ in range(101):
        letter = add_letter(session, now)
        letter.state = _S.SENDING

    restores.hold_back(session, now, now)

    assert list_newsletters(session, _S.SENDING, limit=None) == []


def test_failed_mails_are_not_tried_again_while_newsletters_are_held_back(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now)
    hold_back(sessions, now)

    with sessions() as session:
        letter = get_newsletter(session, newsletter_id)
        with pytest.raises(Refused, match="restored backup"):
            sending.retry(session, letter, (DeliveryState.UNKNOWN,), WHO, now)
