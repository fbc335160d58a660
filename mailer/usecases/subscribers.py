"""What a coordinator does for one person: add, look up, end the subscription or erase on request.

The person's own steps are in `subscriptions`; nobody becomes a reader by what is done here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.address import mask_within
from mailer.domain.consent import SignUpStep, SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.progress import STATES, Group
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.deliveries import Delivery, list_to
from mailer.storage.subscribers import Subscriber, find_by_key, get_subscriber
from mailer.storage.suppressions import Scope, suppress
from mailer.usecases import personal_data, subscriptions
from mailer.usecases.addresses import Address
from mailer.usecases.consents import Trace
from mailer.usecases.preferences import Wishes
from mailer.usecases.subscriber_import import read_evidence

SOURCE = "desk"
THING = "subscriber"

_NO_REQUEST = N_("Write down where and when the person asked for it.")


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail to one person: a newsletter's title, or else the kind of mail it was. `said`: why it
    did not reach them, in the words of a server, with their address hidden."""

    at: datetime
    title: str
    template: str
    newsletter_id: int | None
    state: DeliveryState
    said: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """`step` says what was mailed: CONFIRM the question whether they want the newsletter, and
    nothing in the other cases. `subscriber_id` None: the address must not be mailed."""

    step: SignUpStep
    subscriber_id: int | None


def add(
    session: Session,
    address: Address,
    key: str,
    wishes: Wishes,
    *,
    evidence: str,
    who: str,
    now: datetime,
) -> Added:
    """Ask somebody, who said so on paper or by phone, to confirm by mail.

    The same limits hold as for the form: see `subscriptions.sign_up`. `evidence` says where and
    when they asked. A reader is left as they are and gets no mail. Raises Invalid.
    """
    proof = read_evidence(evidence, _NO_REQUEST)
    known = find_by_key(session, key)
    if known and known.state is SubscriberState.CONFIRMED:
        return Added(SignUpStep.ALREADY, known.id)
    trace = Trace(SOURCE, wishes.languages[0] if wishes.languages else "", evidence=proof)
    step = subscriptions.sign_up(session, address, key, wishes, trace=trace, now=now)
    subscriber = find_by_key(session, key)
    subscriber_id = subscriber.id if subscriber else None
    audit.record(
        session, who, "subscriber added", now, thing=THING, thing_id=subscriber_id, step=step.value
    )
    return Added(step, subscriber_id)


def show_address(session: Session, subscriber_id: int, who: str, now: datetime) -> Subscriber:
    """The subscriber, whose whole address somebody is about to read: that leaves a trace."""
    subscriber = get_subscriber(session, subscriber_id)
    audit.record(session, who, "address shown", now, thing=THING, thing_id=subscriber_id)
    return subscriber


def unsubscribe(
    session: Session, subscriber_id: int, evidence: str, *, who: str, now: datetime
) -> bool:
    """End a subscription because the person asked for it by phone, letter or mail.

    `evidence` says how. False when it had ended already. Raises Invalid without evidence.
    """
    subscriber = get_subscriber(session, subscriber_id)
    trace = Trace(SOURCE, subscriber.language, evidence=read_evidence(evidence, _NO_REQUEST))
    changed = subscriptions.unsubscribe(session, subscriber, trace=trace, now=now)
    if changed:
        audit.record(
            session, who, "subscriber unsubscribed", now, thing=THING, thing_id=subscriber_id
        )
    return changed


def erase(session: Session, subscriber_id: int, *, who: str, now: datetime) -> None:
    """Delete a person who asked for it by letter or phone, with everything that names them.

    What stays is the keyed hash of the address, so that no import brings them back.
    """
    subscriber = get_subscriber(session, subscriber_id)
    suppress(session, subscriber.address_key, Scope.NEWSLETTERS, "erased on request", now)
    personal_data.erase(session, subscriber, who=who, now=now)


def list_mails(session: Session, subscriber_id: int, limit: int = 20) -> Sequence[SentMail]:
    """The last mails to somebody, newest first, and how each of them went."""
    return [
        SentMail(
            at=delivery.changed_at,
            title=title,
            template=delivery.template,
            newsletter_id=delivery.newsletter_id,
            state=delivery.state,
            said=mask_within(delivery.last_text, delivery.address) if _has_failed(delivery) else "",
        )
        for delivery, title in list_to(session, subscriber_id, limit)
    ]


def _has_failed(delivery: Delivery) -> bool:
    return delivery.state in STATES[Group.BOUNCED] | STATES[Group.COMPLAINED]
