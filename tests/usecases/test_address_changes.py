"""Moving a subscription to another mailbox, on both databases."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import ConsentAction, SignUpStep, SubscriberState
from mailer.domain.errors import ExpiredLink, Refused, TooMany
from mailer.storage.consents import list_consents
from mailer.storage.deliveries import Delivery
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, is_suppressed, suppress
from mailer.usecases import address_changes, personal_data, subscriptions
from mailer.usecases.addresses import read_address
from tests.usecases.readers import TRACE, add_reader, key_of, link_to, list_mails

NEW = "new@example.org"
_S = SubscriberState


def ask(session: Session, reader: Subscriber, now: datetime, typed: str = NEW) -> None:
    address_changes.ask(session, reader, read_address(typed), key_of(typed), trace=TRACE, now=now)


def confirm(session: Session, reader: Subscriber, now: datetime, jti: str = "one") -> Subscriber:
    return address_changes.confirm(
        session, link_to(reader, now, jti, to=NEW), read_address(NEW), key_of(NEW),
        trace=TRACE, now=now,
    )  # fmt: skip


def test_ask_writes_to_the_new_mailbox_and_changes_nothing(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)

    ask(session, reader, now)

    [mail] = session.scalars(select(Delivery))
    assert (mail.template, mail.address, mail.address_key) == ("address_change", NEW, key_of(NEW))
    assert (mail.subscriber_id, mail.reader_id) == (reader.id, reader.public_id)
    assert sorted(mail.context) == ["jti", "to"]
    assert reader.address == "anna@example.org"


@pytest.mark.parametrize(
    ("state", "mails"),
    [
        (_S.CONFIRMED, [("already", NEW)]),
        (_S.BOUNCED, []),
        (_S.COMPLAINED, []),
        (_S.PENDING, [("address_change", NEW)]),
        (_S.UNSUBSCRIBED, [("address_change", NEW)]),
    ],
)
def test_ask_for_an_address_that_is_known(
    session: Session, now: datetime, state: SubscriberState, mails: list[tuple[str, str]]
) -> None:
    reader = add_reader(session, now)
    add_reader(session, now, state, NEW)

    ask(session, reader, now)

    assert list_mails(session) == mails


def test_ask_for_ones_own_or_a_dead_address_does_nothing(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    suppress(session, key_of(NEW), Scope.EVERYTHING, "bounced 550", now)

    ask(session, reader, now, "Anna@Example.org")
    ask(session, reader, now, NEW)

    assert list_mails(session) == []


def test_ask_stops_after_three_a_day(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    for number in range(3):
        ask(session, reader, now, f"victim{number}@example.org")

    with pytest.raises(TooMany):
        ask(session, reader, now, "victim3@example.org")
    ask(session, reader, now + timedelta(days=1, seconds=1), "victim4@example.org")

    assert len(list_mails(session)) == 4


def test_ask_writes_to_one_mailbox_as_rarely_as_a_sign_up_does(
    session: Session, now: datetime
) -> None:
    readers = [add_reader(session, now, typed=f"reader{number}@example.org") for number in range(6)]

    mails = []
    for day, reader in enumerate(readers):
        ask(session, reader, now + timedelta(hours=12 * day))
        mails.append(len(list_mails(session)))

    assert mails == [1, 1, 2, 2, 3, 3]


def test_ask_counts_what_an_erased_sender_set_off(session: Session, now: datetime) -> None:
    first, second = add_reader(session, now), add_reader(session, now, typed="b@example.org")
    ask(session, first, now)
    personal_data.erase(session, first, who="subscriber", now=now)

    ask(session, second, now)

    assert list_mails(session) == [("address_change", "")]


def test_ask_leaves_nobody_who_moved_without_their_link(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    ask(session, reader, now)
    confirm(session, reader, now)

    step = subscriptions.send_link(session, key_of(NEW), trace=TRACE, now=now)

    assert step is SignUpStep.ALREADY


def test_confirm_moves_the_subscription_once(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    suppress(session, key_of(NEW), Scope.NEWSLETTERS, "left", now)

    confirm(session, reader, now)
    confirm(session, reader, now)

    assert (reader.address, reader.address_key) == (NEW, key_of(NEW))
    assert not is_suppressed(session, key_of(NEW), Scope.NEWSLETTERS)
    assert [consent.action for consent in list_consents(session, reader.id)] == [
        ConsentAction.CHANGED
    ]


def test_confirm_with_a_used_link_does_not_move_back(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    confirm(session, reader, now)
    reader.address, reader.address_key = "third@example.org", key_of("third@example.org")

    with pytest.raises(ExpiredLink):
        confirm(session, reader, now)

    assert reader.address == "third@example.org"


def test_confirm_does_not_take_another_subscribers_address(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    add_reader(session, now, _S.CONFIRMED, NEW)

    with pytest.raises(Refused):
        confirm(session, reader, now)

    assert reader.address == "anna@example.org"


@pytest.mark.parametrize("state", [_S.PENDING, _S.UNSUBSCRIBED])
def test_confirm_replaces_a_row_that_nobody_uses(
    session: Session, now: datetime, state: SubscriberState
) -> None:
    reader = add_reader(session, now)
    add_reader(session, now, state, NEW)

    confirm(session, reader, now)

    assert session.scalars(select(Subscriber.address)).all() == [NEW]


def test_confirm_is_for_subscribers(session: Session, now: datetime) -> None:
    left, erased = add_reader(session, now), add_reader(session, now, typed="b@example.org")
    link = link_to(erased, now, to=NEW)
    subscriptions.unsubscribe(session, left, trace=TRACE, now=now)
    personal_data.erase(session, erased, who="test", now=now)

    with pytest.raises(ExpiredLink):
        confirm(session, left, now)
    with pytest.raises(ExpiredLink):
        address_changes.find_moving(session, link)
