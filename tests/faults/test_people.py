"""F36 to F39: what people do while a newsletter is being sent, and what cannot be made of it."""

import random
import threading
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import update

from mailer import clock
from mailer.domain.delivery import DeliveryState
from mailer.message.render import Renderer
from mailer.providers.memory import MemorySender
from mailer.storage import claiming, ledger
from mailer.storage.accounts import list_deliveries
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim, Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.texts import Translation
from mailer.usecases import newsletters, sending, subscriptions
from mailer.usecases.consents import Trace
from mailer.usecases.setup import set_up
from mailer.worker.claims import Pace
from mailer.worker.timetable import Jobs
from tests.faults.workers import add_readers
from tests.letters import BASE_URL, GRACE, WHO, add_letter, read_newsletter, start_letter
from tests.people import add_people
from tests.usecases.test_preparing import add_event, start_digest
from tests.worker.engines import run_round
from tests.worker.ledger import read_account, read_deliveries


def leave(sessions: Sessions, subscriber_id: int, now: datetime) -> None:
    with sessions() as session:
        reader = session.get_one(Subscriber, subscriber_id)
        subscriptions.unsubscribe(session, reader, trace=Trace("one click", "en"), now=now)


def test_digest_stays_what_it_was_when_its_event_changes_in_mid_send(
    sessions: Sessions, now: datetime
) -> None:
    """F36: everybody reads the same letter, whenever their turn came."""
    with sessions() as session:
        set_up(session, None, now)
        add_people(session, 4, now)
    add_event(sessions, now, 3, en="Meeting")
    start_digest(sessions, now)
    sender, half = MemorySender(), Pace(claim_size=2)

    run_round(sessions, sender, now, half)
    with sessions() as session:
        session.execute(update(Translation).values(text="Something else"))
    run_round(sessions, sender, now, half)

    letters = [message_from_bytes(m.content, policy=policy.default) for m in sender.accepted]
    bodies = [str(letter.get_body(("plain",)).get_content()) for letter in letters]
    assert len(letters) == 4
    assert [("Meeting" in body, "Something else" in body) for body in bodies] == [(True, False)] * 4


def test_who_leaves_in_mid_send_gets_nothing_any_more(sessions: Sessions, now: datetime) -> None:
    """F36: the letter of the third reader was claimed, the one of the fourth not even that."""
    with sessions() as session:
        add_people(session, 4, now)
    newsletter_id = start_letter(sessions, now)
    sender = MemorySender()

    run_round(sessions, sender, now, Pace(claim_size=2))
    for subscriber_id in (3, 4):
        leave(sessions, subscriber_id, now)
    for _ in range(2):
        run_round(sessions, sender, now)

    assert [mail.recipient for mail in sender.accepted] == [
        "reader0000@example.org",
        "reader0001@example.org",
    ]
    account = read_account(sessions, newsletter_id)
    assert account.by_state == {DeliveryState.ACCEPTED: 2, DeliveryState.SUPPRESSED: 2}
    assert account.adds_up


def test_who_had_left_before_the_verdict_gets_nothing(sessions: Sessions, now: datetime) -> None:
    """F37: five hundred people leave on each database while their mails, all of them claimed, are
    let pass one after the other."""
    readers = 500
    add_readers(sessions, readers, now)
    start_letter(sessions, now)
    with sessions() as session:
        claims = claiming.claim_newsletter(session, "test", now, timedelta(minutes=15), readers)
    gone, passed_after_leaving = set[int | None](), list[str]()
    together = threading.Barrier(2, timeout=30)

    def let_everybody_leave() -> None:
        chance = random.Random(20261122)
        for claim in chance.sample(claims, len(claims)):
            together.wait()
            leave(sessions, claim.subscriber_id or 0, now)
            gone.add(claim.subscriber_id)

    leaving = threading.Thread(target=let_everybody_leave)
    leaving.start()
    passed = 0
    for claim in claims:
        together.wait()  # one leaves and one is let pass, at the same time
        had_left = claim.subscriber_id in gone
        if hand_off(sessions, claim, now):
            passed += 1
            passed_after_leaving += [claim.address] * had_left
    leaving.join()

    assert 0 < passed < readers
    assert passed_after_leaving == []


def hand_off(sessions: Sessions, claim: Claim, now: datetime) -> bool:
    with sessions() as session:
        return bool(ledger.hand_off(session, [(claim.id, claim.generation)], now))


def test_withdrawal_and_verdict_wait_for_each_other(sessions: Sessions, now: datetime) -> None:
    """F37: whoever was told that they have left gets no mail whose verdict is committed later."""
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    with sessions() as session:
        first, second = claiming.claim_newsletter(session, "a", now, timedelta(minutes=15), 2)
    order, passed = list[str](), list[bool]()

    def leave_now() -> None:
        leave(sessions, first.subscriber_id or 0, now)
        order.append("left")

    def judge_now() -> None:
        passed.append(hand_off(sessions, second, now))
        order.append("verdict")

    leaving, judging = threading.Thread(target=leave_now), threading.Thread(target=judge_now)
    with sessions() as session:
        passed.append(bool(ledger.hand_off(session, [(first.id, first.generation)], now)))
        leaving.start()
        leaving.join(0.3)
        order.append("verdict")
    leaving.join()
    with sessions() as session:
        reader = session.get_one(Subscriber, second.subscriber_id)
        subscriptions.unsubscribe(session, reader, trace=Trace("one click", "en"), now=now)
        session.flush()
        judging.start()
        judging.join(0.3)
        order.append("left")
    judging.join()

    assert order == ["verdict", "left", "left", "verdict"]
    assert passed == [True, False]


def test_one_poisoned_mail_stops_nobody_else_and_is_shown(
    sessions: Sessions, now: datetime
) -> None:
    """F38: an address that would break the header. The list behind `rejected` says why."""
    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        session.get_one(Delivery, 2).address = "eve@example.org\r\nBcc: all@example.org"
    sender = MemorySender()

    run_round(sessions, sender, now)

    with sessions() as session:
        shown = list_deliveries(session, newsletter_id, states=[DeliveryState.REJECTED])
    assert [mail.recipient for mail in sender.accepted] == [
        "reader0000@example.org",
        "reader0002@example.org",
    ]
    assert [row.id for row in shown] == [2]
    assert shown[0].last_text
    assert [row.state.value for row in read_deliveries(sessions)] == [
        "accepted",
        "rejected",
        "accepted",
    ]


def test_template_that_breaks_pauses_its_newsletter_and_nothing_else(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    """F39, as far as an operator's own template can go wrong: the reason is shown, the clock ticks
    on, and when it is mended the newsletter goes on."""
    with sessions() as session:
        add_people(session, 3, now)
        letter = add_letter(session, now)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
    broken = tmp_path / "letter" / "body.html"
    broken.parent.mkdir()
    broken.write_text("{% for one in range(3) %}{{ one / 0 }}{% endfor %}", encoding="utf-8")

    tick(sessions, Renderer(BASE_URL, tmp_path), now)
    broken_off = read_newsletter(sessions, letter.id)
    with sessions() as session:
        sending.resume(session, get_newsletter(session, letter.id), WHO, now)
    tick(sessions, Renderer(BASE_URL), now)
    mended = read_newsletter(sessions, letter.id)

    assert (broken_off.state, bool(broken_off.reason)) == ("paused", True)
    assert mended.state == "sending"
    assert [row.state.value for row in read_deliveries(sessions)] == ["queued"] * 3


def tick(sessions: Sessions, renderer: Renderer, now: datetime) -> None:
    Jobs(sessions, renderer, clock.fixed(now), GRACE).move_newsletters()
