"""What comes back about mail that was sent, and what it means for the person."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.consent import SubscriberState
from mailer.domain.feedback import is_dead_address
from mailer.storage.deliveries import Claim
from mailer.storage.subscribers import find_by_key
from mailer.storage.suppressions import Scope, suppress


def note_refusal(
    session: Session, claim: Claim, phase: str, code: int, text: str, now: datetime
) -> bool:
    """An address that the provider says does not exist is never mailed again. True if so.

    It is the address the mail went to. That need not be the subscriber's: they may have moved
    since, or the mail asks whether they may move there; then their subscription stays as it is.
    Other refusals (content, policy, size) are the mail's fault and change nothing here.
    """
    if not claim.address_key or not is_dead_address(phase, code, text):
        return False
    suppress(session, claim.address_key, Scope.EVERYTHING, f"bounced {code}", now)
    holder = find_by_key(session, claim.address_key)
    if holder:
        holder.state = SubscriberState.BOUNCED
    return True
