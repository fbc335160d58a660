"""Handing out and erasing what is known about a person, on both databases."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import TooMany
from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.storage import recovery
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, is_suppressed
from mailer.usecases import feedback, letters, personal_data, subscriptions
from tests.usecases.readers import TRACE, add_reader, key_of, list_mails, set_up, sign_up

ADDRESS = "anna@example.org"


def queue(session: Session, reader: Subscriber, template: str, now: datetime) -> Delivery:
    day = timedelta(days=1)
    return letters.queue(
        session, template, subscriber=reader, language="cs", context={}, now=now, lives=day
    )


def test_send_link_goes_to_the_subscriber_three_times_a_day(
    session: Session, now: datetime
) -> None:
    reader = add_reader(session, now)
    for _ in range(3):
        personal_data.send_link(session, reader, language="cs", now=now)

    with pytest.raises(TooMany):
        personal_data.send_link(session, reader, language="cs", now=now)

    assert list_mails(session) == [("data", ADDRESS)] * 3


def test_export_holds_everything_and_is_json(session: Session, now: datetime) -> None:
    set_up(session, now)
    reader = add_reader(session, now, SubscriberState.UNSUBSCRIBED)
    sign_up(session, ADDRESS, now)

    copy = json.loads(json.dumps(personal_data.export(session, reader)))

    assert copy == {
        "address": ADDRESS,
        "state": "unsubscribed",
        "languages": ["cs", "en"],
        "topics": ["events"],
        "how_often": "weekly",
        "paused_until": None,
        "came_from": "form",
        "signed_up_at": "2026-10-27T08:00:00+00:00",
        "confirmed_at": "2026-10-27T08:00:00+00:00",
        "left_at": "2026-11-16T08:00:00+00:00",
        "consents": [
            {
                "at": moment,
                "what": what,
                "where": "form",
                "wording": "2026-11",
                "language": "cs",
                "topics": ["events"],
                "ip": "192.0.2.7",
                "evidence": "",
            }
            for moment, what in (
                ("2026-11-16T08:00:00+00:00", "withdrawn"),
                ("2026-11-26T08:00:00+00:00", "requested"),
            )
        ],
        "mails": [
            {
                "at": "2026-11-26T08:00:00+00:00",
                "to": ADDRESS,
                "what": "confirm",
                "language": "cs",
                "state": "queued",
                "came_back": [],
            }
        ],
    }


def test_export_holds_what_came_back(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mail = queue(session, reader, "already", now)
    mail.state = DeliveryState.ACCEPTED
    session.flush()
    said = [
        Feedback("brevo", kind, kind, now, mail.id, text=text)
        for kind, text in ((FeedbackKind.DELAYED, "busy"), (FeedbackKind.SOFT_BOUNCE, "full"))
    ]
    for one in said:
        feedback.take(session, one, now)
    session.expire_all()

    copy = json.loads(json.dumps(personal_data.export(session, reader)))

    (listed,) = copy["mails"]
    at = "2026-11-26T08:00:00+00:00"
    assert (listed["state"], listed["came_back"]) == (
        "bounced",
        [
            {"at": at, "what": "delayed", "words": "busy"},
            {"at": at, "what": "soft_bounce", "words": "full"},
        ],
    )


def test_erase_leaves_no_address_anywhere(session: Session, now: datetime) -> None:
    set_up(session, now)
    sign_up(session, ADDRESS, now)
    reader = session.scalars(select(Subscriber)).one()
    mail = session.scalars(select(Delivery)).one()
    mail.last_text = f"450 {ADDRESS} is busy"
    session.add(Attempt(delivery_id=mail.id, at=now, outcome="retry", text=f"450 {ADDRESS}"))
    session.flush()

    personal_data.erase(session, reader, who="subscriber", now=now)

    session.expire_all()
    assert session.scalar(select(func.count()).select_from(Subscriber)) == 0
    assert session.scalar(select(func.count()).select_from(Consent)) == 0
    assert (mail.address, mail.reader_id, mail.last_text) == ("", None, "")
    assert session.scalars(select(Attempt.text)).all() == [""]
    assert (mail.state, mail.reason) == (DeliveryState.CANCELLED, "erased")
    assert session.scalars(select(AuditEntry.action)).all() == ["subscriber erased"]


@pytest.mark.parametrize(
    ("state", "template", "is_kept"),
    [
        (SubscriberState.PENDING, "confirm", True),
        (SubscriberState.PENDING, "preferences", False),
        (SubscriberState.CONFIRMED, "confirm", False),
        (SubscriberState.CONFIRMED, "address_change", True),
        (SubscriberState.CONFIRMED, "already", False),
    ],
)
def test_erase_keeps_the_code_of_an_address_that_was_asked_and_never_answered(
    session: Session, now: datetime, state: SubscriberState, template: str, is_kept: bool
) -> None:
    reader = add_reader(session, now, state)
    mail = queue(session, reader, template, now)

    personal_data.erase(session, reader, who="clock", now=now)

    session.expire_all()
    assert mail.address_key == (key_of(ADDRESS) if is_kept else "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DeliveryState.QUEUED, DeliveryState.CANCELLED),
        (DeliveryState.CLAIMED, DeliveryState.CANCELLED),
        (DeliveryState.DEFERRED, DeliveryState.CANCELLED),
        (DeliveryState.HANDING_OFF, DeliveryState.UNKNOWN),
        (DeliveryState.UNKNOWN, DeliveryState.UNKNOWN),
        (DeliveryState.REJECTED, DeliveryState.REJECTED),
    ],
)
def test_erase_ends_every_mail_for_good(
    session: Session, now: datetime, before: DeliveryState, after: DeliveryState
) -> None:
    reader = add_reader(session, now)
    mail = queue(session, reader, "preferences", now)
    mail.state = before
    session.flush()

    personal_data.erase(session, reader, who="subscriber", now=now)
    recovery.requeue_unknown(session, now)

    session.expire_all()
    assert mail.state is after


def test_erase_keeps_the_ledger_of_what_was_sent(session: Session, now: datetime) -> None:
    reader = add_reader(session, now)
    mail = queue(session, reader, "preferences", now)
    mail.state = DeliveryState.ACCEPTED
    session.flush()

    personal_data.erase(session, reader, who="subscriber", now=now)

    session.expire_all()
    assert (mail.state, mail.address, mail.subscriber_id) == (DeliveryState.ACCEPTED, "", None)


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (SubscriberState.CONFIRMED, (False, False)),
        (SubscriberState.UNSUBSCRIBED, (True, False)),
        (SubscriberState.BOUNCED, (False, True)),
    ],
)
def test_erase_keeps_only_the_code_of_those_who_must_not_be_mailed(
    session: Session, now: datetime, state: SubscriberState, kept: tuple[bool, bool]
) -> None:
    reader = add_reader(session, now, state)

    personal_data.erase(session, reader, who="subscriber", now=now)

    scopes = (Scope.NEWSLETTERS, Scope.EVERYTHING)
    assert tuple(is_suppressed(session, key_of(ADDRESS), scope) for scope in scopes) == kept


def test_someone_erased_can_sign_up_again(session: Session, now: datetime) -> None:
    set_up(session, now)
    reader = add_reader(session, now)
    subscriptions.unsubscribe(session, reader, trace=TRACE, now=now)
    personal_data.erase(session, reader, who="subscriber", now=now)

    sign_up(session, ADDRESS, now)

    assert session.scalars(select(Subscriber.state)).all() == [SubscriberState.PENDING]
