"""A database that was put back to a backup does not know whom it has written to since.

Until a person says what shall happen, nothing leaves that a person does not wait for: newsletters
are paused, none begins, the clock makes no issues, and questions asked in bulk wait.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.errors import Refused
from mailer.domain.newsletter import NewsletterState
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.lineage import Mark, find_mark, hold_mark, leave_numbers_behind, raise_mark
from mailer.storage.newsletters import Newsletter, list_drafts, list_newsletters
from mailer.storage.recovery import doubt_in_bulk, doubt_open
from mailer.storage.settings import drop_setting, save_setting
from mailer.usecases import plans, sending
from mailer.usecases.outages import RESTORED, find_restore

HELD_BACK = N_("This database is a restored backup. What was sent since the backup is not known.")
MAY_BE_SENT = N_(
    "A backup was restored when this was due. It may have been sent: look before you send it again."
)
HALF_WRITTEN = N_(
    "A backup was restored while this was being prepared. It may have been sent: go on only if "
    "nobody got it, else cancel it."
)
NOTHING_HELD = "Newsletters are not held back: this database is not known as a restored backup."


def go_on(session: Session, seen: Mark | None, now: datetime) -> Mark | None:
    """Raise the database's mark, to be noted outside once this is committed. None while it is
    held back, which begins here when `seen`, the mark noted last for it, is ahead of its own."""
    if find_restore(session):
        return None
    mark = hold_mark(session)
    if mark and seen and mark.lineage == seen.lineage and mark.number < seen.number:
        hold_back(session, mark.at, now)
        return None
    return raise_mark(session, mark, now)


def hold(session: Session, now: datetime) -> None:
    """A person says that this is a restored backup. It is as old as what a worker last did in it:
    tools that copy a database leave no mark of their own."""
    mark = find_mark(session)
    hold_back(session, mark.at if mark else now, now)


def hold_back(session: Session, as_of: datetime, now: datetime) -> None:
    """Let no newsletter go on or begin until `release`. `as_of` is how old the database is. A
    repeat changes nothing."""
    if find_restore(session):
        return
    save_setting(session, RESTORED, as_of.isoformat(), now)
    leave_numbers_behind(session, now)
    for newsletter in _list_all(session, NewsletterState.PREPARING, NewsletterState.SENDING):
        sending.pause_by_itself(session, newsletter.id, HELD_BACK, now)
    audit.record(session, audit.CLOCK, "restore noticed", now)


def release(session: Session, who: str, now: datetime, *, resends: bool) -> int:
    """A person says what was sent since the backup. Returns how many mails became unknown.

    `resends`: nothing was, so everything goes on where it stood. Otherwise nobody gets anything
    that they may have: mails that were open become `unknown`, for a coordinator to try again, and
    newsletters that were due meanwhile `missed`. Raises Refused when nothing is held back.
    """
    if find_restore(session) is None:
        raise Refused(NOTHING_HELD)
    drop_setting(session, RESTORED)
    # Further copies of the backup must be told from this database, which goes its own way now.
    raise_mark(session, None, now)
    leave_numbers_behind(session, now)
    doubtful = 0 if resends else _doubt_all(session, now)
    for newsletter in _list_all(session, NewsletterState.PAUSED):
        if newsletter.reason == HELD_BACK:
            sending.resume(session, newsletter, who, now)
            if newsletter.state == NewsletterState.PREPARING and not resends:
                sending.pause(session, newsletter, who, now, HALF_WRITTEN)
    audit.record(session, who, "restore confirmed", now, resends=resends, unknown=doubtful)
    return doubtful


def _doubt_all(session: Session, now: datetime) -> int:
    plans.miss_due_issues(session, MAY_BE_SENT, now)
    waiting = [*_list_all(session, NewsletterState.SCHEDULED), *list_drafts(session)]
    for newsletter in waiting:
        if _is_due(newsletter, now):
            sending.miss(session, newsletter, MAY_BE_SENT, now)
    doubtful = doubt_in_bulk(session, now)
    for newsletter in _list_all(session, NewsletterState.PAUSED):
        doubtful += doubt_open(session, newsletter.id, now)
    return doubtful


def _list_all(session: Session, *states: NewsletterState) -> Sequence[Newsletter]:
    return list_newsletters(session, *states, limit=None)


def _is_due(newsletter: Newsletter, now: datetime) -> bool:
    return newsletter.send_at is not None and newsletter.send_at <= now
