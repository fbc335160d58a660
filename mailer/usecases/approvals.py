"""The button of the check page: look once more, then let it go.

What is looked at is for `checks`; what approving does, for `newsletters`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid, Refused
from mailer.message.render import Renderer
from mailer.message.vocabulary import N_
from mailer.storage.newsletters import Newsletter
from mailer.usecases import newsletters, sending
from mailer.usecases.checks import Check, check_newsletter, require_ready

WRONG_NUMBER = N_("Type the number of people it goes to, as it stands in the sentence above.")


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `send_at` None: as soon as the grace is over.

    `seen` is `Check.seen` of what a person looked at, `number` what they typed to confirm an
    unusual audience. The clock and the command line look at no page: their `seen` is None.
    """

    send_at: datetime | None
    seen: str | None = None
    number: int | None = None


def approve(
    session: Session,
    newsletter: Newsletter,
    order: Order,
    *,
    renderer: Renderer,
    who: str,
    now: datetime,
    grace: timedelta,
) -> Check:
    """Check once more, then approve: what the button of the check page does. Returns the check.

    What was checked is what is frozen: nobody can save between the two.

    Raises NotReadyToSend, Refused when it is no longer what the person looked at, and Invalid
    for `number` when an unusual audience was not confirmed.
    """
    sending.hold_with_words(session, newsletter)
    check = check_newsletter(session, newsletter, renderer, now)
    require_ready(check)
    if order.seen is not None:
        _require_same(order, check)
    newsletters.approve(session, newsletter, order.send_at, who, now, grace=grace, seen=check.seen)
    return check


def _require_same(order: Order, check: Check) -> None:
    """What the person looked at is what is there, and its audience no surprise to them."""
    if order.seen != check.seen:
        raise Refused(newsletters.CHANGED_SINCE)
    if check.needs_number and order.number != check.audience:
        raise Invalid("number", WRONG_NUMBER)
