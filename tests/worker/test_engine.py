"""The sending loop against a ledger on both databases and a sender that keeps what it is given."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from mailer.clock import fixed
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import Priority
from mailer.domain.newsletter import NewsletterState
from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Work
from mailer.storage.accounts import get_account
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Cohort, get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters, sending
from tests.letters import WHO, start_letter
from tests.people import add_people, add_subscriber
from tests.storage.ledgers import claim
from tests.worker.engines import (
    Answer,
    ScriptedSender,
    answer,
    at_work,
    build_engine,
    run_round,
)
from tests.worker.ledger import read_deliveries


def test_engine_delivers_to_everybody_once(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 5, now)
    newsletter_id = start_letter(sessions, now)
    sender = ScriptedSender()

    with at_work(sessions, sender, now) as engine:
        rounds = [engine.run_once() for _ in range(2)]

    assert rounds == [5, 0]
    assert sorted(mail.recipient for mail in sender.sent) == [
        f"reader{i:04}@example.org" for i in range(5)
    ]
    with sessions() as session:
        sending.finish_done(session, now)
        newsletter = get_newsletter(session, newsletter_id)
        assert newsletter.state == "sent"
        assert get_account(session, newsletter).adds_up


def test_engine_writes_each_reader_in_their_language(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        for lang in ("en", "cs", "uk", "vi"):
            add_subscriber(session, f"{lang}@example.org", now, language=lang)
    start_letter(sessions, now, en="Hello", cs="Dobrý den")
    sender = ScriptedSender()

    run_round(sessions, sender, now)

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
    run_round(sessions, sender, now)
    later = now + timedelta(hours=1)
    sender.fates.clear()

    run_round(sessions, sender, later)

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
    fate: Answer,
    state: str,
    waits: timedelta | None,
) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)

    run_round(sessions, ScriptedSender(reader0000=fate), now)

    first, second = read_deliveries(sessions)
    assert (first.state, first.last_code, first.last_text) == (state, fate[2], fate[3])
    assert first.next_at == (now + waits if waits else None)
    assert second.state == "accepted"


def test_engine_stops_writing_to_a_dead_address(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    dead = answer(Fate.REFUSED, "rcpt", 550, "5.1.1 no such user")

    run_round(sessions, ScriptedSender(reader0000=dead), now)

    with sessions() as session:
        assert session.scalars(select(Subscriber.state)).all() == [SubscriberState.BOUNCED]


def test_engine_spends_nobodys_attempt_when_the_provider_is_down(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    sender = ScriptedSender(reader0001=ProviderDown("connection refused"))

    with at_work(sessions, sender, now) as engine:
        rounds = [engine.run_once() for _ in range(3)]

    rows = read_deliveries(sessions)
    assert rounds == [1, 0, 0]
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

    def leave(_mail: Mail) -> None:
        with sessions() as session:
            session.get_one(Subscriber, 2).state = SubscriberState.UNSUBSCRIBED

    sender.before_verdict = leave

    run_round(sessions, sender, now)

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

    run_round(sessions, sender, now)

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

    run_round(sessions, sender, now)

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
    sender.before_verdict = lambda _mail: stop.set()  # SIGTERM in mid-send

    with at_work(sessions, sender, now, stop=stop) as engine:
        engine.run()

    assert [row.state.value for row in read_deliveries(sessions)] == [
        "accepted",
        "queued",
        "queued",
    ]


def test_engine_stops_within_a_batch_when_paused(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 3, now)
    newsletter_id = start_letter(sessions, now)
    sender, hurried = ScriptedSender(), ScriptedSender()

    def pause(_mail: Mail) -> None:
        with sessions() as session:
            newsletter = get_newsletter(session, newsletter_id)
            if newsletter.state == NewsletterState.SENDING:
                sending.pause(session, newsletter, WHO, now)

    hurried.after_outcome = pause  # a coordinator in a hurry

    run_round(sessions, hurried, now)
    with sessions() as session:
        sending.resume(session, get_newsletter(session, newsletter_id), WHO, now)
    run_round(sessions, sender, now)

    assert [len(hurried.sent), len(sender.sent)] == [1, 2]
    assert sorted(mail.recipient for mail in hurried.sent + sender.sent) == [
        f"reader{i:04}@example.org" for i in range(3)
    ]


def test_engine_survives_a_mistake_of_ours(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    stop = threading.Event()
    sender = ScriptedSender()
    begun = []

    def break_off(mail: Mail) -> None:
        begun.append(mail.recipient)
        stop.set()
        raise TypeError("a provider's odd answer")

    sender.before_verdict = break_off  # a bug in a provider

    with at_work(sessions, sender, now, stop=stop) as engine:
        engine.run()

    assert begun == ["reader0000@example.org"]
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
            # Commit B comes when the mail is out; claims and verdicts before that pass.
            if sender.sent and busy:
                busy.pop()
                raise OperationalError("commit", {}, Exception("database is locked"))
            yield session

    with at_work(often_busy, sender, now) as engine:
        rounds = [engine.run_once() for _ in range(3)]
        states = [row.state.value for row in read_deliveries(sessions)]

    assert rounds == [0, 0, 0]
    assert (busy, len(sender.sent), states) == ([], 1, ["accepted"])


def test_engine_lets_nothing_pass_once_the_database_was_out_of_reach(
    sessions: Sessions, now: datetime
) -> None:
    """When it is back it may be a backup, and nobody has looked yet."""
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    passed: list[frozenset[int]] = []
    is_away = [False]

    class TwoLines(ScriptedSender):
        def send(self, work: Work) -> None:
            mails = [mail for mail in (work.take(), work.take()) if mail]
            for is_away[0], mail in zip((True, False), mails, strict=True):
                passed.append(work.commit([], [mail.key]))
            work.commit([Outcome(mail.key, Fate.HELD) for mail in mails], [])

    @contextmanager
    def away_for_once() -> Iterator[Session]:
        with sessions() as session:
            yield session
            if is_away[0]:
                raise OperationalError("COMMIT", {}, Exception("server closed the connection"))

    with at_work(away_for_once, TwoLines(), now) as engine:
        engine.run_once()

    assert passed == [frozenset(), frozenset()]
    assert [row.state.value for row in read_deliveries(sessions)] == ["queued", "queued"]


def test_engine_remembers_outcomes_that_it_can_write_nowhere(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    """F28: neither the database nor the journal can be written; nobody gets a second copy."""
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    in_the_way = tmp_path / "journal"
    in_the_way.touch()
    sender = ScriptedSender()

    @contextmanager
    def full_disk() -> Iterator[Session]:
        with sessions() as session:
            yield session
            if sender.sent and in_the_way.is_file():
                raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    engine = build_engine(full_disk, sender, fixed(now), in_the_way)
    engine.run_once()
    held = [row.state.value for row in read_deliveries(sessions)]
    in_the_way.unlink()
    engine.run_once()
    engine.shut_down()

    assert held == ["handing_off", "claimed", "claimed"]
    assert [row.state.value for row in read_deliveries(sessions)] == ["accepted"] * 3
    assert len(sender.sent) == 3


def test_engine_settles_nothing_for_whoever_has_the_number_of_a_lost_mail(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    (lost,) = claim(sessions, now)
    in_the_way = tmp_path / "journal"
    in_the_way.touch()
    engine = build_engine(sessions, ScriptedSender(), fixed(now), in_the_way)
    engine._keep([(lost, Outcome(lost.id, Fate.ACCEPTED, "dot", 250, "queued"))])
    with sessions() as session:
        session.execute(update(Delivery).values(created_at=now + timedelta(seconds=1)))

    engine.mend()
    engine.shut_down()

    assert [row.state.value for row in read_deliveries(sessions)] == ["claimed"]


def test_engine_that_mends_takes_no_letter_for_the_one_that_had_its_number(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    """A database that was put back gives the numbers of cohorts out again."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    sender = ScriptedSender()
    engine = build_engine(sessions, sender, fixed(now), tmp_path)
    engine.run_once()
    with sessions() as session:
        session.execute(update(Cohort).values(subject="Another letter"))
        session.execute(update(Delivery).values(state="queued", next_at=now))

    engine.mend()
    engine.run_once()
    engine.shut_down()

    assert [b"Subject: Another letter" in mail.content for mail in sender.sent] == [False, True]


def test_engine_keeps_its_outcomes_when_a_person_pauses_at_the_same_moment(
    postgres_url: str, now: datetime
) -> None:
    """Ten refusals pause the newsletter by themselves, and somebody is a moment faster."""
    database = open_engine(postgres_url)
    sessions = open_sessions(database)
    with sessions() as session:
        add_people(session, 12, now)
    newsletter_id = start_letter(sessions, now)
    readers = [f"reader{i:04}" for i in range(12)]
    sender = ScriptedSender(**dict.fromkeys(readers, answer(Fate.REFUSED, "dot", 554, "no")))

    others = ["a person"]

    def be_faster(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # It is being looked up to be locked, and is not locked yet.
        is_looking = len(sender.sent) == 10 and "newsletter.slug" in statement
        if is_looking and others:
            others.clear()
            with sessions() as session:
                sending.pause(session, get_newsletter(session, newsletter_id), WHO, now)

    event.listen(database, "after_cursor_execute", be_faster)
    run_round(sessions, sender, now)

    states = [row.state.value for row in read_deliveries(sessions)]
    assert states == ["rejected"] * 10 + ["queued"] * 2
    database.dispose()


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

    run_round(sessions, sender, now)

    assert [mail.recipient.partition("@")[0] for mail in sender.sent] == [
        "waiting",
        "reader0000",
        "reader0001",
        "imported",
    ]
