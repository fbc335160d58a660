"""Mail to coordinators: something waits for them."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.permissions import ROLES, Permission
from mailer.storage import audiences
from mailer.storage.newsletters import Newsletter
from mailer.storage.users import list_users_in
from mailer.usecases import letters

LIVES = timedelta(hours=24)


def tell_senders(session: Session, newsletter: Newsletter, now: datetime) -> None:
    """Tell everyone who may send that a draft waits for them."""
    readers = audiences.count_audience(session, newsletter, now)
    for role, permissions in ROLES.items():
        if Permission.SEND not in permissions:
            continue
        for user in list_users_in(session, role):
            letters.queue(
                session,
                "draft_ready",
                address=user.email,
                language=user.language,
                context={"newsletter_id": newsletter.id, "readers": sum(readers.values())},
                now=now,
                lives=LIVES,
            )
