"""What a sign-up leads to. The proof of consent is `storage/consents`."""

from datetime import datetime, timedelta
from enum import StrEnum

WORDING = "2026-11"
"""Version of the sentence people agree to on the sign-up form; raise it whenever the words change
in any language, since it is what the proof of consent points to."""

CONFIRMATIONS_PER_ADDRESS = 3
CONFIRMATIONS_WITHIN = timedelta(days=30)
CONFIRMATION_INTERVAL = timedelta(hours=24)
UNCONFIRMED_KEPT = timedelta(days=7)
"""After the last mail that asked: as long as the link in it works."""


class SubscriberState(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Cadence(StrEnum):
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ConsentAction(StrEnum):
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    IMPORTED = "imported"


class SignUpStep(StrEnum):
    """What a sign-up makes the service do. The visitor sees the same answer for each."""

    CONFIRM = "confirm"
    ALREADY = "already"
    NOTHING = "nothing"


def decide_sign_up(
    state: SubscriberState | None, mailed_at: list[datetime], now: datetime, *, is_suppressed: bool
) -> SignUpStep:
    """What to mail to an address that was typed into the form.

    `state` is that of the subscriber with this address (None: nobody yet), `is_suppressed` that
    the address must not be mailed even so (hard bounce or complaint), `mailed_at` when
    confirmation mails went to it in the last thirty days, or since it last was confirmed or left.
    Limits: one mail a day and three in thirty days until confirmed, whoever types the address
    (list bombing).
    """
    if is_suppressed or state in (SubscriberState.BOUNCED, SubscriberState.COMPLAINED):
        return SignUpStep.NOTHING
    if any(now - moment < CONFIRMATION_INTERVAL for moment in mailed_at):
        return SignUpStep.NOTHING
    if state == SubscriberState.CONFIRMED:
        return SignUpStep.ALREADY
    if len(mailed_at) >= CONFIRMATIONS_PER_ADDRESS:
        return SignUpStep.NOTHING
    return SignUpStep.CONFIRM
