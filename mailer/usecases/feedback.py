"""What comes back about mail that was sent, and what it means for the mail and for the person."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import InvalidAddress
from mailer.domain.feedback import (
    PARKED,
    Feedback,
    FeedbackKind,
    after_feedback,
    is_dead_address,
    is_outlived,
    is_worn_out,
    may_give_up,
    must_wait,
)
from mailer.storage import feedback, interventions
from mailer.storage.deliveries import Claim
from mailer.storage.feedback import KeptFeedback, Subject
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from mailer.usecases import subscriptions
from mailer.usecases.addresses import read_address
from mailer.usecases.consents import Trace

AddressKey = Callable[[str], str]

WORDS_KEPT = timedelta(days=365)
"""How long what servers said about a mail is kept."""

_ENDS_FOR_THE_PERSON = frozenset(
    {FeedbackKind.HARD_BOUNCE, FeedbackKind.COMPLAINT, FeedbackKind.UNSUBSCRIBED}
)
"""These count even if nobody knows which mail they are about."""

_SAID_BY_THE_READER = frozenset({FeedbackKind.COMPLAINT, FeedbackKind.UNSUBSCRIBED})

_ABOUT_THE_ADDRESS = _ENDS_FOR_THE_PERSON | {FeedbackKind.SOFT_BOUNCE}

_FINAL = frozenset({SubscriberState.BOUNCED, SubscriberState.COMPLAINED})
_FAILED = frozenset({DeliveryState.BOUNCED, DeliveryState.COMPLAINED})

_REASONS: Mapping[FeedbackKind, str] = {
    FeedbackKind.COMPLAINT: "complained",
    FeedbackKind.HARD_BOUNCE: "bounced",
    FeedbackKind.SOFT_BOUNCE: "bounced softly, again and again",
}
"""Why an address is suppressed."""


def note_refusal(
    session: Session, claim: Claim, phase: str, code: int, text: str, now: datetime
) -> None:
    """An address that the provider says does not exist is never mailed again.

    It is the address the mail went to. That need not be the subscriber's: they may have moved
    since, or the mail asks whether they may move there; then their subscription stays as it is.
    Other refusals (content, policy, size) are the mail's fault and change nothing here.
    """
    if not claim.address_key or not is_dead_address(phase, code, text):
        return
    # Held before the address is suppressed, as in `_bury`: else two could wait for each other.
    holders = feedback.hold_people(session, [claim.address_key])
    suppress(session, claim.address_key, Scope.EVERYTHING, f"bounced {code}", now)
    for holder in holders:
        if holder.state is not SubscriberState.COMPLAINED:
            holder.state = SubscriberState.BOUNCED


def take(
    session: Session, said: Feedback, now: datetime, *, address_key: AddressKey | None = None
) -> None:
    """Write down what came back and act upon it. A repeat changes nothing.

    One in a transaction of its own: two reports about the same people would wait for each other.
    What is about a mail that is being handed over, or is not written down yet, waits until the
    clock asks for `apply` and it can be. `address_key` turns an address into its key, and is given
    only by a caller that has proved where the words come from: then the address they name must be
    the one the mail went to, and a dead address or a complaint counts even if no mail of ours is
    named.
    """
    feedback_id = _keep(session, said, address_key, now)
    if feedback_id is not None:
        apply(session, feedback_id, now)


def apply(session: Session, feedback_id: int, now: datetime) -> None:
    """Act upon what was written down, unless it has to go on waiting or was applied before.

    The mail moves forward only, and its repeat is called off. A dead address and one that was
    complained about get nothing more, a soft bounce counts against the address for a while, and
    whoever used an unsubscribe button of the provider, or complained about a newsletter, has left,
    even if they have moved to another address since.
    """
    people = feedback.hold_concerned(session, feedback_id)
    kept = feedback.hold_waiting(session, feedback_id)
    if kept is None:
        return
    subject = feedback.hold_subject(session, kept.delivery_id)
    if _must_wait(kept, subject, now):
        return
    _act(session, kept, subject, people, now)
    kept.applied_at = now
    session.flush()


def give_up(session: Session, feedback_id: int, now: datetime) -> None:
    """Let go of what could not be applied for `PARKED`: nothing follows from it any more. What is
    younger is tried again."""
    feedback.give_up(session, feedback_id, now - PARKED, now)


def drop_old_words(session: Session, now: datetime) -> None:
    """Forget what servers said a year ago: it may name people, and nobody asks any more."""
    feedback.drop_words(session, now - WORDS_KEPT)


def _keep(
    session: Session, said: Feedback, address_key: AddressKey | None, now: datetime
) -> int | None:
    key = _find_key(said.address, address_key) if address_key else ""
    is_of_use = said.delivery_id is not None or (key and said.kind in _ENDS_FOR_THE_PERSON)
    return feedback.keep(session, said, key, now) if is_of_use else None


def _find_key(address: str, address_key: AddressKey) -> str:
    try:
        return address_key(read_address(address).key_text)
    except InvalidAddress:
        return ""


def _must_wait(kept: KeptFeedback, subject: Subject | None, now: datetime) -> bool:
    if kept.delivery_id is None:
        return False
    if subject and not must_wait(subject.state, is_repeat=subject.is_repeat):
        return False
    return not may_give_up(subject.state if subject else None, now - kept.received_at)


def _act(
    session: Session,
    kept: KeptFeedback,
    subject: Subject | None,
    people: Sequence[Subscriber],
    now: datetime,
) -> None:
    if subject and _is_about_another(kept, subject):
        kept.text = kept.address_key = ""
        return
    if not (subject and subject.address):
        kept.text = ""  # about nobody we know, or about somebody who asked to be erased
    key = subject.address_key if subject else kept.address_key
    is_known = subject or any(person.address_key == key for person in people)
    kept.address_key = key if is_known and kept.kind in _ABOUT_THE_ADDRESS else ""
    if subject:
        # Before anybody is told: their open mails are queued anew then, and this may be one.
        _move(session, kept, subject, now)
    if kept.address_key:
        # Of other mail, only the address counts: the one that asks whether they may move goes to
        # an address that need not be theirs.
        is_letter = subject is not None and subject.newsletter_id is not None
        told = [one for one in people if is_letter or one.address_key == key]
        _tell_people(session, kept, told, now)


def _is_about_another(kept: KeptFeedback, subject: Subject) -> bool:
    """Whether it names an address that the mail did not go to."""
    named, written = kept.address_key, subject.address_key
    return bool(named and written and named != written)


def _move(session: Session, kept: KeptFeedback, subject: Subject, now: datetime) -> None:
    if must_wait(subject.state, is_repeat=subject.is_repeat):
        return  # it has waited for long enough
    state = after_feedback(subject.state, kept.kind, is_repeat=subject.is_repeat)
    if state is None:
        return
    words = _join(kept.status, kept.text) if state in _FAILED else None
    feedback.move_on(session, subject, state, words, now)


def _join(status: str, text: str) -> str:
    return text if status in text else f"{status} {text}".strip()


def _tell_people(
    session: Session, kept: KeptFeedback, people: Sequence[Subscriber], now: datetime
) -> None:
    holder = next((one for one in people if one.address_key == kept.address_key), None)
    if _is_dead(session, kept, holder, now):
        _bury(session, kept, holder, now)
    if kept.kind in _SAID_BY_THE_READER:
        for person in people:
            _let_go(session, kept, person, now)


def _is_dead(
    session: Session, kept: KeptFeedback, holder: Subscriber | None, now: datetime
) -> bool:
    """Whether nothing may go to this address any more."""
    if kept.kind is FeedbackKind.SOFT_BOUNCE:
        return _is_worn_out(session, holder, now)
    if kept.kind is FeedbackKind.HARD_BOUNCE and holder:
        return not is_outlived(kept.at, _find_arrival(session, holder))
    return kept.kind is not FeedbackKind.UNSUBSCRIBED


def _let_go(session: Session, kept: KeptFeedback, person: Subscriber, now: datetime) -> None:
    if person.state in _FINAL:
        return
    evidence = f"delivery {kept.delivery_id}" if kept.delivery_id else ""
    trace = Trace("provider", person.language, evidence=evidence)
    subscriptions.unsubscribe(session, person, trace=trace, now=now)


def _bury(session: Session, kept: KeptFeedback, holder: Subscriber | None, now: datetime) -> None:
    """Nothing goes to this address any more, not even what is about to leave."""
    reason = f"{_REASONS[kept.kind]} {kept.status}".strip()
    suppress(session, kept.address_key, Scope.EVERYTHING, reason, now)
    is_complaint = kept.kind is FeedbackKind.COMPLAINT
    state = SubscriberState.COMPLAINED if is_complaint else SubscriberState.BOUNCED
    if holder is None or holder.state in (state, SubscriberState.COMPLAINED):
        return
    holder.state = state
    session.flush()
    interventions.take_back(session, holder.id, now)


def _is_worn_out(session: Session, holder: Subscriber | None, now: datetime) -> bool:
    if holder is None:
        return False
    bounced_at = feedback.list_soft_bounces(session, holder.address_key)
    if not is_worn_out(bounced_at, None, now):
        return False
    return is_worn_out(bounced_at, _find_arrival(session, holder), now)


def _find_arrival(session: Session, holder: Subscriber) -> datetime | None:
    return feedback.find_last_arrival(session, holder.id, holder.address_key)
