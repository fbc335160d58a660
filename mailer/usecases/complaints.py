"""Newsletters that too many readers report as spam: they must not go on by themselves."""

from sqlalchemy.orm import Session

from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import Reason, find_dislike
from mailer.storage import accounts, feedback
from mailer.storage.newsletters import Newsletter, list_newsletters


def find_disliked(session: Session) -> dict[int, Reason]:
    """Those that are being sent and should not be: id → why."""
    found = {}
    for newsletter in list_newsletters(session, NewsletterState.SENDING):
        if reason := _find_reason(session, newsletter):
            found[newsletter.id] = reason
    return found


def _find_reason(session: Session, newsletter: Newsletter) -> Reason | None:
    # Since it began or was taken up again: whoever resumed it knew of those before.
    complaints = feedback.count_complaints(session, newsletter.id, newsletter.changed_at)
    if not complaints:
        return None
    still_open = accounts.count_open(session, [newsletter.id]).get(newsletter.id, 0)
    return find_dislike(complaints, (newsletter.audience_count or 0) - still_open)
