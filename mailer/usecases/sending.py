"""A newsletter on its way, from the moment that it is due until it is sent: what the clock does and
what people can ask for meanwhile.

Every change of state is checked against `domain/newsletter` and leaves a line in the log.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import Refused
from mailer.domain.newsletter import (
    LATE_LIMIT,
    LONGEST_LIFE,
    NewsletterState,
    check_move,
    check_resume,
    check_retry,
    last_departure,
)
from mailer.message.vocabulary import N_
from mailer.storage import audit, refusals
from mailer.storage.accounts import has_open
from mailer.storage.audiences import count_written
from mailer.storage.interventions import cancel_open, leave_unknown, requeue
from mailer.storage.newsletters import (
    Newsletter,
    get_newsletter,
    list_due,
    list_newsletters,
)
from mailer.usecases.outages import find_restore

TRIED_AGAIN = "failed mails tried again"
NOT_RETRIED = N_("Only mails that were rejected, expired or unknown can be tried again.")
NOT_CONFIRMED = N_(
    "This database is a restored backup. The person who looks after the service has to say first "
    "what was sent since."
)


def pause(
    session: Session,
    newsletter: Newsletter,
    who: str,
    now: datetime,
    reason: str = "",
    facts: Mapping[str, int | str] | None = None,
) -> None:
    """No further mail leaves until `resume`; what is being handed over this moment still does.

    `facts`: the numbers that `reason` has places for, and what another server `said`.
    """
    move(session, newsletter, NewsletterState.PAUSED, who, "newsletter paused", now)
    newsletter.reason, newsletter.reason_facts = reason, dict(facts) if facts else None


def pause_by_itself(
    session: Session,
    newsletter_id: int,
    reason: str,
    now: datetime,
    facts: Mapping[str, int | str] | None = None,
) -> bool:
    """The same, for a reason that no person gave. False if somebody was faster."""
    newsletter = get_newsletter(session, newsletter_id)
    hold_with_words(session, newsletter)
    if newsletter.state not in (NewsletterState.PREPARING, NewsletterState.SENDING):
        return False
    pause(session, newsletter, audit.CLOCK, now, reason, facts)
    return True


def miss(session: Session, newsletter: Newsletter, reason: str, now: datetime) -> None:
    """It does not leave by itself any more: a person makes it a draft again or cancels it."""
    move(session, newsletter, NewsletterState.MISSED, audit.CLOCK, "newsletter missed", now)
    newsletter.reason = reason


def is_too_late(newsletter: Newsletter, send_at: datetime, now: datetime) -> bool:
    """Whether what was meant for `send_at` is too old by now to leave by itself."""
    plan = newsletter.plan
    return now - send_at > (timedelta(hours=plan.late_limit_hours) if plan else LATE_LIMIT)


def resume(session: Session, newsletter: Newsletter, who: str, now: datetime) -> None:
    """Go on where it stood. What was refused before does not count any more."""
    hold(session, newsletter)
    check_resume(newsletter.state)
    if find_restore(session):
        raise Refused(NOT_CONFIRMED)
    prepared = newsletter.audience_count is not None
    state = NewsletterState.SENDING if prepared else NewsletterState.PREPARING
    move(session, newsletter, state, who, "newsletter resumed", now)
    newsletter.reason, newsletter.reason_facts = "", None
    refusals.forget(session, newsletter.id)


def cancel(session: Session, newsletter: Newsletter, who: str, now: datetime) -> int:
    """Nobody else gets it. Returns how many mails were still waiting."""
    move(session, newsletter, NewsletterState.CANCELLED, who, "newsletter cancelled", now)
    newsletter.finished_at = now
    if newsletter.audience_count is None and newsletter.started_at:
        # It was stopped while its audience was being written down: that far it goes.
        newsletter.audience_count = count_written(session, newsletter.id)
    leave_unknown(session, newsletter.id, now)
    number = cancel_open(session, newsletter.id, now)
    refusals.forget(session, newsletter.id)
    return number


def retry(
    session: Session,
    newsletter: Newsletter,
    states: tuple[DeliveryState, ...],
    who: str,
    now: datetime,
    language: str = "",
) -> int:
    """Queue failed mails again (rejected, unknown, expired), those to readers of `language` if one
    is given. Returns how many: addresses that must not be mailed stay what they are.

    Raises Refused while a restored backup is held back: nobody knows which of them failed since.
    """
    allowed = (DeliveryState.REJECTED, DeliveryState.UNKNOWN, DeliveryState.EXPIRED)
    if any(state not in allowed for state in states):
        raise Refused(NOT_RETRIED)
    hold(session, newsletter)
    check_retry(newsletter.state)
    if find_restore(session):
        raise Refused(NOT_CONFIRMED)
    number = requeue(session, newsletter.id, states, now + LONGEST_LIFE, now, language)
    if number and newsletter.state == NewsletterState.SENT:
        move(session, newsletter, NewsletterState.SENDING, who, TRIED_AGAIN, now)
        newsletter.finished_at = None
    else:
        note(session, newsletter, who, TRIED_AGAIN, now)
    return number


def leave(
    session: Session, newsletter: Newsletter, who: str, now: datetime, language: str = ""
) -> int:
    """Let mails of unknown fate be, those to readers of `language` if one is given: nobody gets a
    second copy. Returns how many were waiting."""
    number = leave_unknown(session, newsletter.id, now, language)
    note(session, newsletter, who, "unknown mails left alone", now)
    return number


def start_due(session: Session, now: datetime) -> None:
    """Move scheduled newsletters whose time has come to `preparing`.

    One that is too late (the machine was off, a backup was restored) is `missed` instead, and
    waits for a person. None begins while a restored backup is held back.
    """
    if find_restore(session):
        return
    for newsletter in list_due(session, now):
        hold(session, newsletter)
        if newsletter.state != NewsletterState.SCHEDULED:
            continue  # another process was faster
        if newsletter.send_at and is_too_late(newsletter, newsletter.send_at, now):
            miss(session, newsletter, "Its time passed while the service was not running.", now)
            continue
        move(session, newsletter, NewsletterState.PREPARING, audit.CLOCK, "newsletter started", now)
        newsletter.started_at = now
        newsletter.expires_at = last_departure(newsletter.expires_at, now)


def finish_done(session: Session, now: datetime) -> None:
    """Newsletters about which nothing more will happen are `sent`."""
    done: list[int] = []
    for newsletter in list_newsletters(session, NewsletterState.SENDING):
        if has_open(session, newsletter.id):
            continue
        hold(session, newsletter)
        if newsletter.state != NewsletterState.SENDING:
            continue  # another process was faster
        if has_open(session, newsletter.id):
            continue  # somebody tried failed mails again just before the row was ours
        move(session, newsletter, NewsletterState.SENT, audit.CLOCK, "newsletter sent", now)
        newsletter.finished_at = now
        done.append(newsletter.id)
    for newsletter_id in sorted(done):  # in the order of senders, and after all other locks
        refusals.forget(session, newsletter_id)


def move(
    session: Session,
    newsletter: Newsletter,
    state: NewsletterState,
    who: str,
    action: str,
    now: datetime,
) -> None:
    """The one way from one state to another; raises WrongState for a way that there is not."""
    hold(session, newsletter)
    check_move(newsletter.state, state)
    newsletter.state, newsletter.changed_at = state, now
    note(session, newsletter, who, action, now)


def hold_with_words(session: Session, newsletter: Newsletter) -> None:
    """As `hold`, and see its words as they are now, so that what is looked at next is what is
    there."""
    hold(session, newsletter)
    session.refresh(newsletter, ["title", "topics", "send_at", "expires_at"])
    for variant in newsletter.variants:
        session.refresh(variant)


def hold(session: Session, newsletter: Newsletter) -> None:
    """Hold the row until the transaction ends: two people, or a person and the clock, must not
    both act on the state they saw."""
    session.flush()  # refreshing would drop what was changed and not written yet
    session.refresh(newsletter, ["state", "changed_at", "audience_count"], with_for_update=True)


def note(session: Session, newsletter: Newsletter, who: str, action: str, now: datetime) -> None:
    audit.record(session, who, action, now, thing="newsletter", thing_id=newsletter.id)
