"""Becoming a subscriber and leaving, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.domain.consent import WORDING, Cadence, ConsentAction, SignUpStep, SubscriberState
from mailer.domain.errors import ExpiredLink, Invalid, Refused
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent, list_consents
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.subscribers import Subscriber, find_by_key
from mailer.storage.suppressions import Scope, is_suppressed, suppress
from mailer.usecases import personal_data, subscriptions
from mailer.usecases.preferences import Wishes
from tests.usecases.readers import (
    TRACE,
    add_reader,
    key_of,
    link_to,
    list_mails,
    set_up,
    sign_up,
)

A_DAY = timedelta(days=1)
_S = SubscriberState


def list_actions(session: Session, reader: Subscriber) -> list[ConsentAction]:
    return [consent.action for consent in list_consents(session, reader.id)]


def test_sign_up_writes_a_pending_subscriber_and_the_proof(session: Session, now: datetime) -> None:
    set_up(session, now)
    wishes = Wishes(("uk", "cs"), ("trainings", "events"), Cadence.MONTHLY)

    sign_up(session, "Anna@Example.org", now, wishes)

    reader = find_by_key(session, key_of("anna@example.org"))
    assert reader is not None
    assert (reader.state, reader.address, reader.source) == (_S.PENDING, "Anna@example.org", "form")
    assert (reader.language, reader.content_languages) == ("uk", ("uk", "cs"))
    assert (reader.topics, reader.cadence) == (("events", "trainings"), Cadence.MONTHLY)
    [proof] = list_consents(session, reader.id)
    assert (proof.action, proof.at, proof.source) == (ConsentAction.REQUESTED, now, "form")
    assert (proof.wording, proof.language, proof.ip) == (WORDING, "cs", "192.0.2.7")
    assert proof.topics == ("events", "trainings")


def test_sign_up_queues_a_mail_without_a_finished_link(session: Session, now: datetime) -> None:
    set_up(session, now)

    sign_up(session, "anna@example.org", now)

    [mail] = session.scalars(select(Delivery))
    reader = find_by_key(session, key_of("anna@example.org"))
    assert reader is not None
    assert (mail.template, mail.address, mail.language) == ("confirm", "anna@example.org", "cs")
    assert (mail.subscriber_id, mail.reader_id) == (reader.id, reader.public_id)
    assert (list(mail.context), len(mail.context["jti"])) == (["jti"], 16)
    assert (mail.next_at, mail.expires_at) == (now, now + A_DAY)


@pytest.mark.parametrize(
    ("state", "step", "mails"),
    [
        (_S.PENDING, SignUpStep.CONFIRM, [("confirm", "anna@example.org")]),
        (_S.CONFIRMED, SignUpStep.ALREADY, [("already", "anna@example.org")]),
        (_S.UNSUBSCRIBED, SignUpStep.CONFIRM, [("confirm", "anna@example.org")]),
        (_S.BOUNCED, SignUpStep.NOTHING, []),
        (_S.COMPLAINED, SignUpStep.NOTHING, []),
    ],
)
def test_sign_up_of_a_known_address(
    session: Session,
    now: datetime,
    state: SubscriberState,
    step: SignUpStep,
    mails: list[tuple[str, str]],
) -> None:
    set_up(session, now)
    reader = add_reader(session, now, state)

    answer = sign_up(session, "ANNA@example.org", now)

    assert (answer, list_mails(session)) == (step, mails)
    requested = list_actions(session, reader).count(ConsentAction.REQUESTED)
    assert (reader.state, requested) == (state, len(mails))


def test_sign_up_of_a_suppressed_address_only_leaves_a_line_in_the_log(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    suppress(session, key_of("anna@example.org"), Scope.EVERYTHING, "complained", now)

    answer = sign_up(session, "anna@example.org", now)

    assert (answer, list_mails(session)) == (SignUpStep.NOTHING, [])
    assert find_by_key(session, key_of("anna@example.org")) is None
    assert session.scalars(select(AuditEntry.action)).all() == ["sign-up not answered"]


def test_sign_up_writes_to_an_address_once_a_day_and_three_times_in_all(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    hours = (0, 1, 23, 24, 47, 48, 96, 120)

    steps = [sign_up(session, "anna@example.org", now + timedelta(hours=n)) for n in hours]

    mailed = [hour for hour, step in zip(hours, steps, strict=True) if step is SignUpStep.CONFIRM]
    assert mailed == [0, 24, 48]
    assert len(list_mails(session)) == 3


def test_sign_up_limit_outlives_the_erasure_of_the_unconfirmed(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    mailed = []

    for day in range(60):
        today = now + day * A_DAY
        subscriptions.forget_unconfirmed(session, today)
        if sign_up(session, "anna@example.org", today) is SignUpStep.CONFIRM:
            mailed.append(day)

    assert mailed == [0, 1, 2, 31, 32, 33]


def test_sign_up_after_ones_own_erasure_is_answered_at_once(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    sign_up(session, "anna@example.org", now)
    reader = session.scalars(select(Subscriber)).one()
    subscriptions.confirm(session, link_to(reader, now), trace=TRACE, now=now)
    personal_data.erase(session, reader, who="subscriber", now=now)

    step = sign_up(session, "anna@example.org", now)

    assert step is SignUpStep.CONFIRM


def test_sign_up_again_takes_the_newest_wishes_until_confirmed(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    sign_up(session, "anna@example.org", now)
    reader = find_by_key(session, key_of("anna@example.org"))
    assert reader is not None

    sign_up(session, "anna@example.org", now, Wishes(("uk",), ("trainings",)))
    while_pending = reader.topics
    reader.state = _S.CONFIRMED
    sign_up(session, "anna@example.org", now, Wishes(("en",), ("events",)))

    assert (while_pending, reader.topics, reader.language) == (("trainings",), ("trainings",), "uk")


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        (Wishes((), ("events",)), "languages"),
        (Wishes(("xx",), ("events",)), "languages"),
        (Wishes(("cs",), ()), "topics"),
        (Wishes(("cs",), ("no-such-topic",)), "topics"),
    ],
)
def test_sign_up_needs_a_language_and_a_topic(
    session: Session, now: datetime, wishes: Wishes, field: str
) -> None:
    set_up(session, now)

    with pytest.raises(Invalid) as refusal:
        sign_up(session, "anna@example.org", now, wishes)

    assert refusal.value.field == field
    assert list_mails(session) == []


def test_confirm_makes_a_subscriber(session: Session, now: datetime) -> None:
    reader = add_reader(session, now, _S.PENDING)

    subscriptions.confirm(session, link_to(reader, now), trace=TRACE, now=now)

    assert (reader.state, reader.confirmed_at) == (_S.CONFIRMED, now)
    assert list_actions(session, reader) == [ConsentAction.CONFIRMED]


def test_confirm_twice_and_by_a_second_link_changes_nothing(
    session: Session, now: datetime
) -> None:
    reader = add_reader(session, now, _S.PENDING)
    subscriptions.confirm(session, link_to(reader, now), trace=TRACE, now=now)

    again = subscriptions.confirm(session, link_to(reader, now), trace=TRACE, now=now + A_DAY)
    other = link_to(reader, now, "two")
    second = subscriptions.confirm(session, other, trace=TRACE, now=now + A_DAY)

    assert (again, second) == (reader, reader)
    assert reader.confirmed_at == now
    assert list_actions(session, reader) == [ConsentAction.CONFIRMED]


def test_confirm_after_leaving_needs_a_fresh_link(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    unused = link_to(reader, now - timedelta(hours=1), "old")
    subscriptions.unsubscribe(session, reader, trace=TRACE, now=now)

    with pytest.raises(ExpiredLink):
        subscriptions.confirm(session, unused, trace=TRACE, now=now)
    left = (reader.state, is_suppressed(session, reader.address_key, Scope.NEWSLETTERS))
    fresh = link_to(reader, now + A_DAY, "new")
    subscriptions.confirm(session, fresh, trace=TRACE, now=now + A_DAY)
    session.flush()

    assert left == (_S.UNSUBSCRIBED, True)
    assert (reader.state, reader.left_at) == (_S.CONFIRMED, None)
    assert not is_suppressed(session, reader.address_key, Scope.NEWSLETTERS)
    assert list_actions(session, reader) == [ConsentAction.WITHDRAWN, ConsentAction.CONFIRMED]


@pytest.mark.parametrize("state", [_S.BOUNCED, _S.COMPLAINED])
def test_confirm_does_not_revive_a_dead_address(
    session: Session, now: datetime, state: SubscriberState
) -> None:
    reader = add_reader(session, now, state)

    with pytest.raises(ExpiredLink):
        subscriptions.confirm(session, link_to(reader, now), trace=TRACE, now=now)

    assert reader.state is state


def test_confirm_of_someone_erased_is_expired(session: Session, now: datetime) -> None:
    reader = add_reader(session, now, _S.PENDING)
    link = link_to(reader, now)
    personal_data.erase(session, reader, who="test", now=now)

    with pytest.raises(ExpiredLink):
        subscriptions.confirm(session, link, trace=TRACE, now=now)


def test_confirm_at_once_from_many_sides_has_one_effect(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        link = link_to(add_reader(session, now, _S.PENDING), now)

    def follow(_: int) -> SubscriberState:
        with sessions() as session:
            return subscriptions.confirm(session, link, trace=TRACE, now=now).state

    with ThreadPoolExecutor(20) as threads:
        states = set(threads.map(follow, range(20)))

    with sessions() as session:
        actions = session.scalars(select(Consent.action)).all()
    assert (states, actions) == ({_S.CONFIRMED}, [ConsentAction.CONFIRMED])


def test_sign_up_at_once_from_many_sides_sends_one_mail(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, now)

    def fill_in(_: int) -> SignUpStep:
        with sessions() as session:
            return sign_up(session, "anna@example.org", now)

    with ThreadPoolExecutor(20) as threads:
        steps = list(threads.map(fill_in, range(20)))

    with sessions() as session:
        assert list_mails(session) == [("confirm", "anna@example.org")]
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1
    assert steps.count(SignUpStep.CONFIRM) == 1


def test_unsubscribe_is_at_once_and_provable(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    reader.paused_until = now + A_DAY

    first = subscriptions.unsubscribe(session, reader, trace=TRACE, now=now)
    again = subscriptions.unsubscribe(session, reader, trace=TRACE, now=now + A_DAY)

    assert (first, again) == (True, False)
    assert (reader.state, reader.left_at, reader.paused_until) == (_S.UNSUBSCRIBED, now, None)
    assert is_suppressed(session, reader.address_key, Scope.NEWSLETTERS)
    assert not is_suppressed(session, reader.address_key, Scope.EVERYTHING)
    assert list_actions(session, reader) == [ConsentAction.WITHDRAWN]


def test_undo_brings_everything_back(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    subscriptions.unsubscribe(session, reader, trace=TRACE, now=now)

    subscriptions.undo(session, reader, trace=TRACE, now=now + timedelta(hours=1))
    subscriptions.undo(session, reader, trace=TRACE, now=now + timedelta(hours=1))

    assert (reader.state, reader.left_at) == (_S.CONFIRMED, None)
    assert not is_suppressed(session, reader.address_key, Scope.NEWSLETTERS)
    assert list_actions(session, reader) == [ConsentAction.WITHDRAWN, ConsentAction.RESTORED]


def test_undo_is_only_for_those_who_were_in_and_only_soon(session: Session, now: datetime) -> None:
    late, pending = add_reader(session, now), add_reader(session, now, _S.PENDING, "b@example.org")
    for reader in (late, pending):
        subscriptions.unsubscribe(session, reader, trace=TRACE, now=now)

    with pytest.raises(Refused):
        subscriptions.undo(session, late, trace=TRACE, now=now + timedelta(hours=2))
    with pytest.raises(Refused):
        subscriptions.undo(session, pending, trace=TRACE, now=now)

    assert {late.state, pending.state} == {_S.UNSUBSCRIBED}


@pytest.mark.parametrize(
    ("state", "mails"),
    [
        (_S.PENDING, [("confirm", "anna@example.org")]),
        (_S.CONFIRMED, [("preferences", "anna@example.org")]),
        (_S.UNSUBSCRIBED, [("preferences", "anna@example.org")]),
        (_S.BOUNCED, []),
        (None, []),
    ],
)
def test_send_link_writes_only_to_those_we_know(
    session: Session, now: datetime, state: SubscriberState | None, mails: list[tuple[str, str]]
) -> None:
    set_up(session, now)
    if state:
        add_reader(session, now, state)

    subscriptions.send_link(session, key_of("anna@example.org"), trace=TRACE, now=now)
    subscriptions.send_link(session, key_of("anna@example.org"), trace=TRACE, now=now)

    assert list_mails(session) == mails


def test_send_link_to_someone_who_left_stops_after_three(session: Session, now: datetime) -> None:
    add_reader(session, now, _S.UNSUBSCRIBED)

    for days in range(6):
        later = now + days * A_DAY
        subscriptions.send_link(session, key_of("anna@example.org"), trace=TRACE, now=later)

    assert len(list_mails(session)) == 3


def test_forget_unconfirmed_erases_only_what_is_old_and_pending(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    sign_up(session, "old@example.org", now)
    sign_up(session, "young@example.org", now + A_DAY)
    add_reader(session, now)

    number = subscriptions.forget_unconfirmed(session, now + timedelta(days=7, hours=1))

    left = set(session.scalars(select(Subscriber.address)))
    assert (number, left) == (1, {"young@example.org", "anna@example.org"})
    assert [address for _, address in list_mails(session)] == ["", "young@example.org"]


def test_forget_unconfirmed_takes_a_few_at_a_time(session: Session, now: datetime) -> None:
    set_up(session, now)
    for name in ("a", "b", "c"):
        sign_up(session, f"{name}@example.org", now)
    much_later = now + 40 * A_DAY

    numbers, codes = [], []
    for _ in range(3):
        numbers.append(subscriptions.forget_unconfirmed(session, much_later, 2))
        codes.append(len([key for key in session.scalars(select(Delivery.address_key)) if key]))

    assert numbers == [2, 1, 0]
    assert codes == [3, 0, 0]  # what counted their mails goes last


def test_forget_unconfirmed_waits_as_long_as_the_last_link_works(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    sign_up(session, "anna@example.org", now)
    sign_up(session, "anna@example.org", now + 6 * A_DAY)

    numbers = [subscriptions.forget_unconfirmed(session, now + days * A_DAY) for days in (13, 14)]

    assert numbers == [0, 1]


def test_forget_unconfirmed_drops_codes_that_count_for_nothing_any_more(
    session: Session, now: datetime
) -> None:
    set_up(session, now)
    sign_up(session, "anna@example.org", now)

    codes = []
    for days in (8, 30, 31):
        subscriptions.forget_unconfirmed(session, now + days * A_DAY)
        codes.append(session.scalar(select(Delivery.address_key)))

    assert codes == [key_of("anna@example.org"), key_of("anna@example.org"), ""]
