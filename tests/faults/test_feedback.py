"""F40, F41 and F43: what comes back too early, twice, late, in the wrong order, or for months."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import clock
from mailer.boot import Parts
from mailer.boot_web import build_web_app, build_web_parts
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.feedback import PARKED, Feedback, FeedbackKind
from mailer.providers.base import Mail
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.feedback import KeptFeedback, hold_people
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, Suppression, is_suppressed, suppress
from mailer.usecases import feedback, personal_data
from tests.beside import run_beside
from tests.faults.workers import ALL_AT_ONCE, Install, Watch, add_readers, list_readers
from tests.letters import start_letter
from tests.people import add_people
from tests.providers.events import brevo_event
from tests.service import SECRET, Installation
from tests.sinks import BrevoAnswer, BrevoRequest, BrevoStub, free_port, in_thread
from tests.storage.ledgers import claim, may_leave
from tests.worker.engines import ScriptedSender, run_round
from tests.worker.ledger import read_account, read_deliveries

READERS = 6
HOOK_SECRET = "h" * 40
K, S = FeedbackKind, DeliveryState
WEEK, DAY = timedelta(days=7), timedelta(days=1)

Letter = dict[str, Any]


class EagerBrevo(BrevoStub):
    """Reports on each mail before it answers the request that brought it. `report` gives the name
    of the event; `told` are the answers that its reports got."""

    def __init__(self) -> None:
        self.report: Callable[[str], str] = lambda _address: "delivered"
        self.tell: Callable[[dict[str, Any]], int] = lambda _event: 0
        self.told: list[int] = []
        self.at: Callable[[], datetime] | None = None
        super().__init__()

    def answer(self, request: BrevoRequest) -> BrevoAnswer:
        for letter in request.fields.get("messageVersions", ()):
            self.told.append(self.tell(self._write_event(letter)))
        return super().answer(request)

    def _write_event(self, letter: Letter) -> dict[str, Any]:
        assert self.at
        address = letter["to"][0]["email"]
        custom = letter["headers"]["X-Mailin-custom"]
        return brevo_event(self.report(address), 0, address, self.at(), custom=custom)


@pytest.fixture
def brevo() -> Iterator[EagerBrevo]:
    with EagerBrevo() as server, in_thread(server):
        yield server


@pytest.fixture
def worker(install_worker: Install, url: str, brevo: EagerBrevo) -> Installation:
    """Sends through Brevo, three mails in a request, and hears its reports."""
    section = {
        "base_url": brevo.url,
        "api_key": "key",
        "batch_size": 3,
        "timeout_seconds": 0.5,
        "webhook_secret": HOOK_SECRET,
    }
    return install_worker(
        url, free_port(), mail={"provider": "brevo"}, brevo=section, engine=ALL_AT_ONCE
    )


@contextmanager
def open_desk(worker: Installation, watch: Watch) -> Iterator[FlaskClient]:
    """The web process, by the test's clock."""
    parts = Parts(worker.parts.config, watch)
    yield build_web_app(parts).test_client()
    parts.database.dispose()


def start(worker: Installation, readers: int) -> int:
    """A letter under way to that many readers, whose addresses have the keys they have in real
    life; its id."""
    sessions, now = worker.parts.sessions, clock.now()
    key = build_web_parts(worker.parts).address_key
    add_readers(sessions, readers, now)
    with sessions() as session:
        for reader in session.scalars(select(Subscriber)):
            reader.address_key = key(reader.address)
    return start_letter(sessions, now)


def post(client: FlaskClient, event: dict[str, Any]) -> int:
    return client.post(f"/hooks/brevo/{HOOK_SECRET}", json=event).status_code


def send(worker: Installation, watch: Watch) -> None:
    """One round of a worker that is started for it."""
    parts = Parts(worker.parts.config, watch)
    engine = parts.build_engine()
    engine.run_once()
    engine.shut_down()
    del engine  # with it goes its connection
    parts.database.dispose()


def tick(worker: Installation, watch: Watch) -> None:
    """Ten seconds later, the clock of the worker looks for what waits."""
    parts = Parts(worker.parts.config, watch)
    jobs = parts.build_jobs()
    jobs.apply_feedback()
    jobs.sort_out_mail()
    parts.database.dispose()


def test_report_that_comes_before_the_answer_waits_for_it(
    worker: Installation, brevo: EagerBrevo
) -> None:
    """F40: the webhook is here while the request still runs."""
    newsletter_id, watch = start(worker, READERS), Watch()
    (dead,) = list_readers(1)
    brevo.at, brevo.report = watch, lambda address: "hard_bounce" if address == dead else "spam"
    with open_desk(worker, watch) as client:
        brevo.tell = lambda event: post(client, event)
        send(worker, watch)
    answered = read_account(worker.parts.sessions, newsletter_id).by_state
    watch.pass_time(timedelta(seconds=10))
    tick(worker, watch)

    account = read_account(worker.parts.sessions, newsletter_id)
    assert brevo.told == [200] * READERS
    assert answered == {S.ACCEPTED: READERS}
    assert account.by_state == {S.BOUNCED: 1, S.COMPLAINED: READERS - 1}
    assert account.adds_up
    assert read_people(worker.parts.sessions)[:2] == ["bounced", "complained"]


def test_report_saves_a_mail_of_unknown_fate_from_its_repeat(
    worker: Installation, brevo: EagerBrevo
) -> None:
    """F40 and F22: the answer proves nothing, the report does."""
    newsletter_id, watch = start(worker, 3), Watch()
    brevo.at = watch
    brevo.answers.extend([BrevoAnswer(500, {"code": "internal_error"})] * 2)
    with open_desk(worker, watch) as client:
        brevo.tell = lambda event: post(client, event)
        send(worker, watch)
        answered = read_account(worker.parts.sessions, newsletter_id).by_state
        asked = len(brevo.posts())
        for minutes in (1, 15, 30):
            watch.pass_time(timedelta(minutes=minutes))
            tick(worker, watch)
            send(worker, watch)

    assert answered == {S.UNKNOWN: 3}
    assert read_account(worker.parts.sessions, newsletter_id).by_state == {S.DELIVERED: 3}
    assert len(brevo.posts()) == asked


def test_report_comes_twice_out_of_order_and_ten_days_late(
    worker: Installation, brevo: EagerBrevo
) -> None:
    """F41: whatever the order, everything counts once and nothing goes backwards."""
    newsletter_id, watch = start(worker, READERS), Watch()
    send(worker, watch)
    sent_at = watch.now
    histories = [
        ["deferred", "delivered"],
        ["delivered", "spam"],
        ["deferred", "soft_bounce"],
        ["delivered", "hard_bounce"],
        ["hard_bounce", "blocked"],
        ["soft_bounce", "delivered", "unsubscribed"],
    ]
    events = [
        brevo_event(name, row.id, row.address, sent_at + timedelta(minutes=place),
                    secret=SECRET.encode())
        for row, names in zip(read_deliveries(worker.parts.sessions), histories, strict=True)
        for place, name in enumerate(names)
    ] * 2  # fmt: skip
    random.Random(41).shuffle(events)
    watch.pass_time(10 * DAY)

    with open_desk(worker, watch) as client:
        codes = {post(client, event) for event in events}

    account = read_account(worker.parts.sessions, newsletter_id)
    assert codes == {200}
    assert [row.state for row in read_deliveries(worker.parts.sessions)] == [
        S.DELIVERED, S.COMPLAINED, S.BOUNCED, S.BOUNCED, S.BOUNCED, S.BOUNCED,
    ]  # fmt: skip
    assert account.adds_up
    assert read_people(worker.parts.sessions) == [
        "confirmed", "complained", "confirmed", "bounced", "bounced", "unsubscribed",
    ]  # fmt: skip


def test_the_same_report_over_many_connections_counts_once(
    worker: Installation, brevo: EagerBrevo
) -> None:
    """F41: at the same moment, eight times."""
    start(worker, 1)
    watch, ready = Watch(), threading.Barrier(8, timeout=10)
    send(worker, watch)
    (row,) = read_deliveries(worker.parts.sessions)
    said = Feedback("brevo", "one", K.HARD_BOUNCE, watch.now, row.id, text="550 no")
    taken: list[None] = []

    def take() -> None:
        ready.wait()
        with worker.parts.sessions() as session:
            taken.append(feedback.take(session, said, watch.now))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    with worker.parts.sessions() as session:
        kept = session.scalars(select(KeptFeedback.kind)).all()
    assert (len(taken), kept) == (8, [K.HARD_BOUNCE])
    assert read_people(worker.parts.sessions) == ["bounced"]


def test_report_calls_a_repeat_off_that_a_worker_has_in_hand(
    sessions: Sessions, now: datetime
) -> None:
    """The first copy is known to have arrived between the claim and commit A of the second."""
    with sessions() as session:
        add_people(session, 2, now)
    newsletter_id = start_letter(sessions, now)
    with sessions() as session:
        for row in session.query(Delivery):
            row.is_repeat = True
    sender = ScriptedSender()
    sender.before_verdict = lambda mail: tell(sessions, K.DELIVERED, mail.key, now)

    for _ in range(2):
        run_round(sessions, sender, now)

    assert sender.sent == []
    assert read_account(sessions, newsletter_id).by_state == {S.DELIVERED: 2}


@pytest.mark.parametrize("kind", [K.HARD_BOUNCE, K.COMPLAINT])
def test_nothing_leaves_after_a_dead_address_or_a_complaint_is_committed(
    sessions: Sessions, now: datetime, kind: FeedbackKind
) -> None:
    """What is said about an old letter stops the next one, even one that is claimed."""
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    run_round(sessions, ScriptedSender(), now)
    old, _ = read_deliveries(sessions)
    start_letter(sessions, now)
    sender = ScriptedSender()

    def complain(mail: Mail) -> None:
        if mail.recipient == old.address:
            tell(sessions, kind, old.id, now)

    sender.before_verdict = complain
    for _ in range(3):  # each verdict that is turned down ends a round
        run_round(sessions, sender, now)

    states = [row.state for row in read_deliveries(sessions) if row.address == old.address]
    assert [mail.recipient for mail in sender.sent] == ["reader0001@example.org"]
    assert states[1] == S.SUPPRESSED


def test_what_is_claimed_is_taken_back_from_whoever_may_pass_it_on(
    sessions: Sessions, now: datetime
) -> None:
    """Where several can write at once, a verdict that is just being given is waited for."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    run_round(sessions, ScriptedSender(), now)
    start_letter(sessions, now)
    (claimed,) = claim(sessions, now)

    tell(sessions, K.COMPLAINT, 1, now)

    (_, row) = read_deliveries(sessions)
    assert (row.state, row.generation) == (S.QUEUED, claimed.generation + 1)
    assert not may_leave(sessions, claimed, now)


@pytest.mark.parametrize(
    ("kind", "state", "person"),
    [
        (K.HARD_BOUNCE, S.BOUNCED, "bounced"),
        (K.COMPLAINT, S.COMPLAINED, "complained"),
        (K.UNSUBSCRIBED, S.DELIVERED, "unsubscribed"),
    ],
)
def test_report_about_a_mail_whose_repeat_is_due_is_applied_at_once(
    sessions: Sessions, now: datetime, kind: FeedbackKind, state: DeliveryState, person: str
) -> None:
    """Telling the person queues their open mails anew, and this is one of them."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    with sessions() as session:
        session.get_one(Delivery, 1).is_repeat = True

    tell(sessions, kind, 1, now)

    (row,) = read_deliveries(sessions)
    assert (row.state, row.next_at, read_people(sessions)) == (state, None, [person])
    with sessions() as session:
        assert session.get_one(KeptFeedback, 1).applied_at == now


@pytest.mark.parametrize(
    ("kind", "person"),
    [
        (K.HARD_BOUNCE, "confirmed"),
        (K.COMPLAINT, "unsubscribed"),
        (K.UNSUBSCRIBED, "unsubscribed"),
    ],
)
def test_who_moved_is_asked_about_by_what_a_person_says_not_by_what_a_server_says(
    sessions: Sessions, now: datetime, kind: FeedbackKind, person: str
) -> None:
    """About a letter that went to their former address."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    run_round(sessions, ScriptedSender(), now)
    with sessions() as session:
        reader = session.get_one(Subscriber, 1)
        reader.address = reader.address_key = "new@example.org"

    tell(sessions, kind, 1, now)
    start_letter(sessions, now)
    sender = ScriptedSender()
    run_round(sessions, sender, now)

    assert read_people(sessions) == [person]
    assert len(sender.sent) == (person == "confirmed")
    with sessions() as session:
        dead = [
            is_suppressed(session, address, Scope.EVERYTHING)
            for address in ("reader0000@example.org", "new@example.org")
        ]
    assert dead == [kind is not K.UNSUBSCRIBED, False]


@pytest.mark.parametrize("kind", [K.BLOCKED, K.HARD_BOUNCE, K.COMPLAINT])
@pytest.mark.parametrize("is_erased_first", [True, False])
def test_who_is_erased_while_a_report_is_taken_leaves_no_words(
    sessions: Sessions, now: datetime, kind: FeedbackKind, is_erased_first: bool
) -> None:
    """Whichever of the two begins is waited for by the other."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    run_round(sessions, ScriptedSender(), now)
    words = "550 5.7.1 <reader0000@example.org>: no"
    said = Feedback("brevo", "one", kind, now, delivery_id=1, text=words)

    def take(session: Session) -> None:
        feedback.take(session, said, now)

    def erase(session: Session) -> None:
        reader = session.get_one(Subscriber, 1)
        personal_data.erase(session, reader, who="subscriber", now=now)

    first, second = (erase, take) if is_erased_first else (take, erase)
    run_beside(sessions, first, second)

    (row,) = read_deliveries(sessions)
    with sessions() as session:
        kept = session.get_one(KeptFeedback, 1)
        left = (row.address, row.last_text, kept.text, kept.address_key, kept.applied_at)
    assert left == ("", "", "", "", now)
    assert read_people(sessions) == []


def test_refusal_and_report_about_one_address_do_not_lock_each_other_out(
    sessions: Sessions, now: datetime
) -> None:
    """Whoever holds the person suppresses the address next, and a worker does so, too."""
    with sessions() as session:
        (person,) = add_people(session, 1, now)
        key = person.address_key
    start_letter(sessions, now)
    (mail,) = claim(sessions, now)

    def refuse() -> None:
        with sessions() as session:
            feedback.note_refusal(session, mail, "rcpt", 550, "550 5.1.1 no such user", now)

    with ThreadPoolExecutor(1) as pool:
        with sessions() as session:
            hold_people(session, [key])
            beside = pool.submit(refuse)
            wait([beside], 0.3)
            suppress(session, key, Scope.EVERYTHING, "bounced 5.1.1", now)
        beside.result(30)

    assert read_people(sessions) == ["bounced"]
    with sessions() as session:
        assert session.scalars(select(Suppression.reason)).all() == ["bounced 5.1.1"]


def test_mail_that_never_turns_up_does_not_fill_the_queue(
    worker: Installation, brevo: EagerBrevo
) -> None:
    """F40: a report about a mail that a restored database does not know ends after an hour."""
    watch = Watch()
    start(worker, 1)
    event = brevo_event("hard_bounce", 77, "reader0000@example.org", watch.now,
                        secret=SECRET.encode())  # fmt: skip
    with open_desk(worker, watch) as client:
        post(client, event)
    people = []
    for length in (timedelta(minutes=5), PARKED):
        watch.pass_time(length)
        tick(worker, watch)
        people += read_people(worker.parts.sessions)

    assert people == ["confirmed", "bounced"]


@pytest.mark.parametrize(
    ("weeks_apart", "arrives_in", "ends_with"),
    [(1, (), 6), (1, (5, 10, 15), 21), (2, (), 7), (4, (), 9), (8, (), None)],
)
def test_soft_bounces_over_months_end_only_when_they_come_thick(
    sessions: Sessions,
    now: datetime,
    weeks_apart: int,
    arrives_in: tuple[int, ...],
    ends_with: int | None,
) -> None:
    """F43: two years of a mailbox that is full every week, or less and less often."""
    with sessions() as session:
        add_people(session, 1, now)
    moment, ended = now, None
    for number in range(1, 105 // weeks_apart + 1):
        start_letter(sessions, moment)
        run_round(sessions, ScriptedSender(), moment)
        newest = read_deliveries(sessions)[-1]
        kind = K.DELIVERED if number in arrives_in else K.SOFT_BOUNCE
        tell(sessions, kind, newest.id, moment + timedelta(hours=1))
        if read_people(sessions) != ["confirmed"]:
            ended = number
            break
        moment += weeks_apart * WEEK

    with sessions() as session:
        is_dead = is_suppressed(session, "reader0000@example.org", Scope.EVERYTHING)
    assert (ended, is_dead) == (ends_with, ends_with is not None)


def tell(sessions: Sessions, kind: FeedbackKind, delivery_id: int, at: datetime) -> None:
    said = Feedback("brevo", f"{kind} {delivery_id}", kind, at, delivery_id)
    with sessions() as session:
        feedback.take(session, said, at)


def read_people(sessions: Sessions) -> list[str]:
    with sessions() as session:
        people = session.query(Subscriber.state).order_by(Subscriber.id)
        return [SubscriberState(state).value for (state,) in people]
