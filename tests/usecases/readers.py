"""People for the tests of subscribing: typed addresses, their keys, subscribers in any state."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.consent import SignUpStep, SubscriberState
from mailer.message.links import TimedLink
from mailer.storage.deliveries import Delivery
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from mailer.usecases import setup, subscriptions
from mailer.usecases.addresses import make_address_key, read_address
from mailer.usecases.consents import Trace
from mailer.usecases.preferences import Wishes

TRACE = Trace(source="form", language="cs", ip="192.0.2.7")
WISHES = Wishes(("cs", "en"), ("events",))
KEY = make_address_key(b"a secret for tests")


def key_of(typed: str) -> str:
    return KEY(read_address(typed).key_text)


def set_up(session: Session, now: datetime) -> None:
    """Languages en cs uk ru vi ar; topics events, participation, trainings, and so on."""
    setup.set_up(session, None, now)


def sign_up(session: Session, typed: str, now: datetime, wishes: Wishes = WISHES) -> SignUpStep:
    address = read_address(typed)
    return subscriptions.sign_up(
        session, address, KEY(address.key_text), wishes, trace=TRACE, now=now
    )


def add_reader(
    session: Session,
    now: datetime,
    state: SubscriberState = SubscriberState.CONFIRMED,
    typed: str = "anna@example.org",
) -> Subscriber:
    """Somebody who signed up a month ago. Who left did so ten days ago, by the rules."""
    past = now - timedelta(days=30)
    reader = Subscriber(
        address=typed,
        address_key=key_of(typed),
        state=SubscriberState.CONFIRMED,
        language="cs",
        content_languages=("cs", "en"),
        topics=("events",),
        created_at=past,
        confirmed_at=past,
    )
    session.add(reader)
    session.flush()
    if state is SubscriberState.UNSUBSCRIBED:
        left_at = now - timedelta(days=10)
        subscriptions.unsubscribe(session, reader, trace=TRACE, now=left_at)
    if state in (SubscriberState.BOUNCED, SubscriberState.COMPLAINED):
        suppress(session, reader.address_key, Scope.EVERYTHING, "bounced 550", past)
    if state is SubscriberState.PENDING:
        reader.confirmed_at = None
        reader.created_at = now - timedelta(days=2)
    reader.state = state
    session.flush()
    return reader


def link_to(reader: Subscriber, issued_at: datetime, jti: str = "one", **extra: str) -> TimedLink:
    return TimedLink(str(reader.public_id), extra, jti, issued_at)


def list_mails(session: Session) -> list[tuple[str, str]]:
    """What was queued, in order: template and address."""
    rows = session.execute(select(Delivery.template, Delivery.address).order_by(Delivery.id))
    return [(template, address) for template, address in rows]
