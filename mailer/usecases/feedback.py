"""What comes back about mail that was sent, and what it means for the person."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.feedback import is_dead_address
from mailer.storage.deliveries import Claim
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress


def note_refusal(
    session: Session, claim: Claim, phase: str, code: int, text: str, now: datetime
) -> bool:
    """An address that the provider says does not exist is never mailed again. True if so.

    Other refusals (content, policy, size) are the mail's fault and change nothing here.
    """
    if not is_dead_address(phase, code, text):
        return False
    subscriber = session.get(Subscriber, claim.subscriber_id) if claim.subscriber_id else None
    if subscriber is None:
        return False
    subscriber.state = SubscriberState.BOUNCED
    suppress(session, subscriber.address_key, Scope.EVERYTHING, f"bounced {code}", now)
    return True
