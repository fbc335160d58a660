"""The button of the check page: look once more, then let it go.

What is looked at is for `checks`; what approving does, for `newsletters`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid, Refused
from mailer.domain.newsletter import GRACE
from mailer.message.render import Renderer
from mailer.message.vocabulary import N_
from mailer.storage.newsletters import Newsletter
from mailer.usecases import newsletters
from mailer.usecases.checks import check_newsletter, require_ready

WRONG_NUMBER = N_("Type the number of people it goes to, as it stands in the sentence above.")
CHANGED_SINCE = N_(
    "Something in this newsletter was changed after you opened this page. Look at it once more."
)


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for on the check page. `send_at` None: as soon as the grace is over.

    `seen` is `Check.seen` of what they looked at, `number` what they typed to confirm an unusual
    audience.
    """

    send_at: datetime | None
    seen: str
    number: int | None = None


def approve(
    session: Session,
    newsletter: Newsletter,
    order: Order,
    *,
    renderer: Renderer,
    base_url: str,
    who: str,
    now: datetime,
    grace: timedelta = GRACE,
) -> None:
    """Check once more, then approve: what the button of the check page does.

    Raises NotReadyToSend, Refused when it is no longer what the person looked at, and Invalid
    for `number` when an unusual audience was not confirmed.
    """
    check = check_newsletter(session, newsletter, renderer, base_url, now)
    require_ready(check)
    if order.seen != check.seen:
        raise Refused(CHANGED_SINCE)
    if check.needs_number and order.number != check.audience:
        raise Invalid("number", WRONG_NUMBER)
    newsletters.approve(session, newsletter, order.send_at, who, now, grace=grace)
