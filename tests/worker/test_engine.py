"""The sending loop against a ledger on both databases and a sender that keeps what it is given."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import Priority
from mailer.message.links import Links
from mailer.message.render import Renderer
from mailer.providers.base import Fate, Gate, Mail, Outcome, ProviderDown
from mailer.storage.accounts import get_account
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters, newsletters
from mailer.usecases.writing import LetterWriter
from mailer.worker.builder import Builder, Sending
from mailer.worker.engine import Engine, Pace
from tests.letters import BASE_URL, WHO, start_letter
from tests.people import add_people, add_subscriber

KEY = "k" * 40
PACE = Pace()


class ScriptedSender:
    """A Sender whose answers are given by recipient; it accepts everybody else."""

    name = "scripted"
    batch_size = 1

    def __init__(self, **fates: Outcome | ProviderDown) -> None:
        self.fates, self.sent = fates, list[Mail]()

    def send(self, batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        for mail in batch:
            fate = self.fates.get(mail.recipient.partition("@")[0])
            if isinstance(fate, ProviderDown):
                raise fate
            if not gate([mail.key]):
                yield Outcome(mail.key, Fate.HELD)
                continue
            self.sent.append(mail)
            yield Outcome(mail.key, *(fate or (Fate.ACCEPTED, "dot", 250, "2.0.0 queued")))

    def close(self) -> None:
        pass


def answer(
    fate: Fate, phase: str = "dot", code: int = 0, text: str = ""
) -> tuple[Fate, str, int, str]:
    return fate, phase, code, text


def build_engine(sessions: Sessions, sender: object, now: datetime, pace: Pace = PACE) -> Engine:
    links = Links([KEY])
    sending = Sending("news@example.org", "", "", BASE_URL, KEY.encode())
    builder = Builder(sending, links, LetterWriter(Renderer(), links, BASE_URL))
    return Engine(sessions, sender, builder, clock.fixed(now), "test", pace)


def read_deliveries(sessions: Sessions) -> list[Delivery]:
    with sessions() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def test_engine_delivers_to_everybody_once(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 5, now)
    newsletter_id = start_letter(sessions, now)
    sender = ScriptedSender()
    engine = build_engine(sessions, sender, now)

    rounds = [engine.run_once() for _ in range(2)]

    assert rounds == [5, 0]
    assert sorted(mail.recipient for mail in sender.sent) == [
        f"reader{i:04}@example.org" for i in range(5)
    ]
    with sessions() as session:
        newsletters.finish_done(session, now)
        newsletter = get_newsletter(session, newsletter_id)
        assert newsletter.state == "sent"
        assert get_account(session, newsletter).adds_up


def test_engine_writes_each_reader_in_their_language(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        for lang in ("en", "cs", "uk", "vi"):
            add_subscriber(session, f"{lang}@example.org", now, language=lang)
    start_letter(sessions, now, en="Hello", cs="Dobrý den")
    sender = ScriptedSender()

    build_engine(sessions, sender, now).run_once()

    parsed = {
        m.recipient: message_from_bytes(m.content, policy=policy.default) for m in sender.sent
    }
    assert {to: letter["Subject"] for to, letter in parsed.items()} == {
        "en@example.org": "Subject en",
        "cs@example.org": "Subject cs",
        "uk@example.org": "Subject en",
        "vi@example.org": "Subject en",
    }


def test_engine_keeps_the_message_id_of_a_repeat(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    sender = ScriptedSender(reader0000=answer(Fate.RETRY, "rcpt", 450, "later"))
    build_engine(sessions, sender, now).run_once()
    later = now + timedelta(hours=1)
    sender.fates.clear()

    build_engine(sessions, sender, later).run_once()

    ids = [message_from_bytes(mail.content)["Message-ID"] for mail in sender.sent]
    assert len(ids) == 2
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("fate", "state", "waits"),
    [
        (answer(Fate.RETRY, "rcpt", 450, "later"), "deferred", timedelta(minutes=30)),
        (answer(Fate.REFUSED, "dot", 554, "5.7.1 spam"), "rejected", None),
        (answer(Fate.UNKNOWN, "dot", 0, "connection lost"), "unknown", timedelta(minutes=15)),
    ],
)
def test_engine_records_every_fate(
    sessions: Sessions,
    now: datetime,
    fate: tuple[Fate, str, int, str],
    state: str,
    waits: timedelta | None,
) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)

    build_engine(sessions, ScriptedSender(reader0000=fate), now).run_once()

    first, second = read_deliveries(sessions)
    assert (first.state, first.last_code, first.last_text) == (state, fate[2], fate[3])
    assert first.next_at == (now + waits if waits else None)
    assert second.state == "accepted"


def test_engine_stops_writing_to_a_dead_address(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    dead = answer(Fate.REFUSED, "rcpt", 550, "5.1.1 no such user")

    build_engine(sessions, ScriptedSender(reader0000=dead), now).run_once()

    with sessions() as session:
        assert session.scalars(select(Subscriber.state)).all() == [SubscriberState.BOUNCED]


def test_engine_spends_nobodys_attempt_when_the_provider_is_down(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    sender = ScriptedSender(reader0001=ProviderDown("connection refused"))
    engine = build_engine(sessions, sender, now)

    rounds = [engine.run_once() for _ in range(3)]

    rows = read_deliveries(sessions)
    assert rounds == [0, 0, 0]
    assert [(row.state.value, row.attempts) for row in rows] == [
        ("accepted", 1),
        ("queued", 0),
        ("queued", 0),
    ]


def test_engine_skips_who_left_after_the_claim(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    sender = ScriptedSender()
    send = sender.send

    def leave_then_send(batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        with sessions() as session:
            for row in session.scalars(select(Subscriber).where(Subscriber.id == 2)):
                row.state = SubscriberState.UNSUBSCRIBED
        return send(batch, gate)

    sender.send = leave_then_send  # type: ignore[method-assign]  # the race, made certain

    build_engine(sessions, sender, now).run_once()

    assert [mail.recipient for mail in sender.sent] == ["reader0000@example.org"]
    assert [row.state.value for row in read_deliveries(sessions)] == ["accepted", "suppressed"]


def test_engine_sets_aside_a_mail_that_cannot_be_built(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    with sessions() as session:
        row = session.get(Delivery, 1)
        assert row
        row.address = "böb@example.org"
    sender = ScriptedSender()

    build_engine(sessions, sender, now).run_once()

    assert [row.state.value for row in read_deliveries(sessions)] == ["rejected", "accepted"]


def test_engine_sends_what_somebody_waits_for_first(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    with sessions() as session:
        visitor = add_subscriber(session, "new@example.org", now, state=SubscriberState.PENDING)
        letters.queue(
            session,
            "confirm",
            subscriber=visitor,
            language="cs",
            context={"jti": "abc"},
            now=now,
            lives=timedelta(days=1),
        )
    sender = ScriptedSender()

    build_engine(sessions, sender, now).run_once()

    assert [mail.recipient for mail in sender.sent] == [
        "new@example.org",
        "reader0000@example.org",
        "reader0001@example.org",
    ]


def test_engine_gives_back_its_claims_when_told_to_stop(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    stop = threading.Event()
    sender = ScriptedSender()
    send = sender.send

    def send_and_stop(batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        stop.set()
        return send(batch, gate)

    sender.send = send_and_stop  # type: ignore[method-assign]  # SIGTERM in mid-send

    build_engine(sessions, sender, now).run(stop)

    assert [row.state.value for row in read_deliveries(sessions)] == [
        "accepted",
        "queued",
        "queued",
    ]


def test_engine_stops_within_a_batch_when_paused(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = start_letter(sessions, now)
    sender = ScriptedSender()
    send = sender.send

    def send_then_pause(batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        yield from send(batch, gate)
        with sessions() as session:
            newsletter = get_newsletter(session, newsletter_id)
            if newsletter.state == "sending":
                newsletters.pause(session, newsletter, WHO, now)

    sender.send = send_then_pause  # type: ignore[method-assign]  # a coordinator in a hurry

    build_engine(sessions, sender, now).run_once()

    assert len(sender.sent) == 1
    with sessions() as session:
        newsletters.resume(session, get_newsletter(session, newsletter_id), WHO, now)
    sender.send = send  # type: ignore[method-assign]  # the coordinator is calm again
    build_engine(sessions, sender, now).run_once()
    assert sorted(mail.recipient for mail in sender.sent) == [
        f"reader{i:04}@example.org" for i in range(3)
    ]


def test_engine_survives_a_mistake_of_ours(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    stop = threading.Event()
    sender = ScriptedSender()
    rounds = []

    def break_off(batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        rounds.append(len(batch))
        stop.set()
        raise TypeError("a provider's odd answer")

    sender.send = break_off  # type: ignore[method-assign]  # a bug in a provider

    build_engine(sessions, sender, now).run(stop)

    assert rounds == [1]
    assert [row.state.value for row in read_deliveries(sessions)] == ["queued", "queued"]


def test_engine_writes_an_outcome_down_although_the_database_is_busy(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    sender = ScriptedSender()
    busy = [True, True]

    @contextmanager
    def often_busy() -> Iterator[Session]:
        with sessions() as session:
            # Commit B comes when the mail is out; claims and gates before that pass.
            if sender.sent and busy:
                busy.pop()
                raise OperationalError("commit", {}, Exception("database is locked"))
            yield session

    engine = build_engine(often_busy, sender, now, Pace(idle_seconds=0.01))
    engine.run_once()

    assert busy == []
    assert [row.state.value for row in read_deliveries(sessions)] == ["accepted"]


def test_engine_lets_questions_asked_in_bulk_wait_for_their_turn(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    with sessions() as session:
        for name, priority in (("imported", Priority.IN_BULK), ("waiting", Priority.WAITED_FOR)):
            person = add_subscriber(
                session, f"{name}@example.org", now, state=SubscriberState.PENDING
            )
            mail = letters.queue(
                session,
                "confirm",
                subscriber=person,
                language="en",
                context={"jti": name},
                now=now,
                lives=timedelta(days=1),
            )
            mail.priority = priority
    sender = ScriptedSender()

    build_engine(sessions, sender, now).run_once()

    assert [mail.recipient.partition("@")[0] for mail in sender.sent] == [
        "waiting",
        "reader0000",
        "reader0001",
        "imported",
    ]
