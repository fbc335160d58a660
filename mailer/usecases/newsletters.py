"""A newsletter from draft to sent: what a coordinator can ask for, one function each.

Every change of state is checked against `domain/newsletter` and leaves a line in the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from mailer.domain.content import Snapshot
from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.newsletter import (
    GRACE,
    LATE_LIMIT,
    LONGEST_LIFE,
    NewsletterKind,
    NewsletterState,
    check_edit,
    check_move,
    check_resume,
    check_retry,
    earliest_departure,
    last_departure,
)
from mailer.domain.walltime import to_utc
from mailer.message.vocabulary import N_
from mailer.storage import audit, snapshots
from mailer.storage.accounts import has_open
from mailer.storage.audiences import count_written
from mailer.storage.interventions import cancel_open, leave_unknown, requeue
from mailer.storage.languages import list_content_languages
from mailer.storage.newsletters import (
    Newsletter,
    Variant,
    get_newsletter,
    list_due,
    list_newsletters,
    make_slug,
)
from mailer.storage.users import find_user
from mailer.usecases import letters
from mailer.usecases.editing import TOO_LONG
from mailer.usecases.outages import find_restore

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRIED_AGAIN = "failed mails tried again"
TEST_LIVES = timedelta(hours=24)
LONGEST_LINE = 200
LONGEST_BODY = 20_000
"""Characters: a few pages, and few enough for Markdown of any kind to be read in a moment."""
NO_COORDINATOR = N_("Test mail goes to coordinators only. Choose one of them.")
NOT_RETRIED = N_("Only mails that were rejected, expired or unknown can be tried again.")
NOT_CONFIRMED = N_(
    "This database is a restored backup. The person who looks after the service has to say first "
    "what was sent since."
)
SOMEBODY_SAVED = N_("Somebody else saved this newsletter while you were writing.")
CHANGED_SINCE = N_(
    "Something in this newsletter was changed after you opened this page. Look at it once more."
)


def new_letter(
    session: Session, title: str, topics: tuple[str, ...], who: str, now: datetime
) -> Newsletter:
    """An empty plain letter, with a variant for every content language."""
    _check_length("title", title)
    newsletter = Newsletter(
        slug=make_slug(),
        kind=NewsletterKind.LETTER,
        title=title,
        topics=topics,
        created_by=who,
        created_at=now,
        changed_at=now,
        variants=[
            Variant(lang=lang, position=position)
            for position, lang in enumerate(list_content_languages(session))
        ],
    )
    session.add(newsletter)
    session.flush()
    _log(session, newsletter, who, "newsletter created", now)
    return newsletter


def edit(
    session: Session,
    newsletter: Newsletter,
    title: str,
    topics: tuple[str, ...],
    texts: Mapping[str, tuple[str, str, str]],
    who: str,
    now: datetime,
    *,
    seen: datetime | None = None,
) -> None:
    """Write (subject, preheader, body) per language into a draft; a new text voids the test.

    Saving what is there already changes nothing and leaves no line in the log. `seen` is the
    `changed_at` of what the person had before their eyes: Refused when somebody saved in between.
    """
    _lock(session, newsletter)
    check_edit(newsletter.state)
    if seen is not None and seen != newsletter.changed_at:
        raise Refused(SOMEBODY_SAVED)
    _check_words(newsletter, title, texts)
    before = _written(newsletter)
    newsletter.title, newsletter.topics = title, topics
    for variant in newsletter.variants:
        if variant.lang in texts:
            variant.subject, variant.preheader, variant.body = texts[variant.lang]
    if _written(newsletter) != before:
        newsletter.changed_at = now
        _log(session, newsletter, who, "newsletter edited", now)


def _check_words(
    newsletter: Newsletter, title: str, texts: Mapping[str, tuple[str, str, str]]
) -> None:
    _check_length("title", title)
    known = {variant.lang for variant in newsletter.variants}
    for lang, (subject, preheader, body) in texts.items():
        if lang not in known:
            raise NotFound("language", lang)
        _check_length("subject", subject)
        _check_length("preheader", preheader)
        _check_length("body", body, LONGEST_BODY)


def _check_length(field: str, text: str, most: int = LONGEST_LINE) -> None:
    if len(text) > most:
        raise Invalid(field, TOO_LONG)


def _written(newsletter: Newsletter) -> tuple[object, ...]:
    words = [(v.lang, v.subject, v.preheader, v.body) for v in newsletter.variants]
    return newsletter.title, newsletter.topics, words


def fingerprint(session: Session, newsletter: Newsletter, now: datetime) -> str:
    """A hash of everything that its readers would read. Equal hashes, equal letters."""
    return _hash(newsletter, _take_content(session, newsletter, now))


def _take_content(session: Session, newsletter: Newsletter, now: datetime) -> Snapshot | None:
    """What a digest is composed of; a letter has its own words only."""
    if newsletter.kind == NewsletterKind.LETTER:
        return None
    return snapshots.take_snapshot(session, now)


def _hash(newsletter: Newsletter, snapshot: Snapshot | None) -> str:
    _title, topics, words = _written(newsletter)
    # Only the moment of taking differs between two snapshots of the same content.
    content = snapshots.dump(replace(snapshot, taken_at=EPOCH)) if snapshot else ""
    return sha256(repr((words, topics, content)).encode()).hexdigest()


def approve(
    session: Session,
    newsletter: Newsletter,
    send_at: datetime | None,
    who: str,
    now: datetime,
    *,
    grace: timedelta = GRACE,
    seen: str | None = None,
) -> None:
    """Freeze the content and schedule it: at `send_at`, at the earliest when the grace is over.

    Whether it is fit to be sent is for `checks` to say before; `seen` is the fingerprint of what
    they looked at, and Refused is raised when anything else would be frozen.
    """
    _lock(session, newsletter)
    check_move(newsletter.state, NewsletterState.SCHEDULED)
    snapshot = _take_content(session, newsletter, now)
    content_hash = _hash(newsletter, snapshot)
    if seen is not None and content_hash != seen:
        raise Refused(CHANGED_SINCE)
    newsletter.state, newsletter.changed_at = NewsletterState.SCHEDULED, now
    newsletter.send_at = earliest_departure(send_at, now, grace)
    newsletter.expires_at = last_departure(newsletter.expires_at, newsletter.send_at)
    newsletter.snapshot = snapshots.dump(snapshot) if snapshot else ""
    newsletter.content_hash = content_hash
    newsletter.approved_by, newsletter.approved_at = who, now
    _log(session, newsletter, who, "newsletter approved", now)


def stop(session: Session, newsletter: Newsletter, who: str, now: datetime) -> None:
    """Back to draft before anything has left: the undo of `approve`, and of having been missed.

    An issue gets the time of its plan back unless that is too long ago; else, and for a letter,
    there is none until it is approved again.
    """
    _move(session, newsletter, NewsletterState.DRAFT, who, "newsletter stopped", now)
    newsletter.approved_by, newsletter.approved_at, newsletter.snapshot = "", None, ""
    newsletter.reason = ""
    planned = _find_planned(newsletter)
    # A draft that is past its limit would be missed again at once.
    is_late = planned is not None and is_too_late(newsletter, planned, now)
    newsletter.send_at = None if is_late else planned
    if newsletter.plan is None:
        newsletter.expires_at = None


def _find_planned(newsletter: Newsletter) -> datetime | None:
    """When the plan would send this issue."""
    if newsletter.plan is None or newsletter.period_key is None:
        return None
    day = date.fromisoformat(newsletter.period_key)
    return to_utc(datetime.combine(day, newsletter.plan.at), newsletter.plan.tz)


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
    _move(session, newsletter, NewsletterState.PAUSED, who, "newsletter paused", now)
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
    lock(session, newsletter)
    if newsletter.state not in (NewsletterState.PREPARING, NewsletterState.SENDING):
        return False
    pause(session, newsletter, audit.CLOCK, now, reason, facts)
    return True


def miss(session: Session, newsletter: Newsletter, reason: str, now: datetime) -> None:
    """It does not leave by itself any more: a person makes it a draft again or cancels it."""
    _move(session, newsletter, NewsletterState.MISSED, audit.CLOCK, "newsletter missed", now)
    newsletter.reason = reason


def is_too_late(newsletter: Newsletter, send_at: datetime, now: datetime) -> bool:
    """Whether what was meant for `send_at` is too old by now to leave by itself."""
    plan = newsletter.plan
    return now - send_at > (timedelta(hours=plan.late_limit_hours) if plan else LATE_LIMIT)


def resume(session: Session, newsletter: Newsletter, who: str, now: datetime) -> None:
    """Go on where it stood."""
    _lock(session, newsletter)
    check_resume(newsletter.state)
    if find_restore(session):
        raise Refused(NOT_CONFIRMED)
    prepared = newsletter.audience_count is not None
    state = NewsletterState.SENDING if prepared else NewsletterState.PREPARING
    _move(session, newsletter, state, who, "newsletter resumed", now)
    newsletter.reason, newsletter.reason_facts = "", None


def cancel(session: Session, newsletter: Newsletter, who: str, now: datetime) -> int:
    """Nobody else gets it. Returns how many mails were still waiting."""
    _move(session, newsletter, NewsletterState.CANCELLED, who, "newsletter cancelled", now)
    newsletter.finished_at = now
    if newsletter.audience_count is None and newsletter.started_at:
        # It was stopped while its audience was being written down: that far it goes.
        newsletter.audience_count = count_written(session, newsletter.id)
    leave_unknown(session, newsletter.id, now)
    return cancel_open(session, newsletter.id, now)


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
    _lock(session, newsletter)
    check_retry(newsletter.state)
    if find_restore(session):
        raise Refused(NOT_CONFIRMED)
    number = requeue(session, newsletter.id, states, now + LONGEST_LIFE, now, language)
    if number and newsletter.state == NewsletterState.SENT:
        _move(session, newsletter, NewsletterState.SENDING, who, TRIED_AGAIN, now)
        newsletter.finished_at = None
    else:
        _log(session, newsletter, who, TRIED_AGAIN, now)
    return number


def leave(
    session: Session, newsletter: Newsletter, who: str, now: datetime, language: str = ""
) -> int:
    """Let mails of unknown fate be, those to readers of `language` if one is given: nobody gets a
    second copy. Returns how many were waiting."""
    number = leave_unknown(session, newsletter.id, now, language)
    _log(session, newsletter, who, "unknown mails left alone", now)
    return number


def start_due(session: Session, now: datetime) -> list[int]:
    """Move scheduled newsletters whose time has come to `preparing`; ids of those that moved.

    One that is too late (the machine was off, a backup was restored) is `missed` instead, and
    waits for a person. None begins while a restored backup is held back.
    """
    started: list[int] = []
    if find_restore(session):
        return started
    for newsletter in list_due(session, now):
        _lock(session, newsletter)
        if newsletter.state != NewsletterState.SCHEDULED:
            continue  # another process was faster
        if newsletter.send_at and is_too_late(newsletter, newsletter.send_at, now):
            miss(session, newsletter, "Its time passed while the service was not running.", now)
            continue
        _move(
            session, newsletter, NewsletterState.PREPARING, audit.CLOCK, "newsletter started", now
        )
        newsletter.started_at = now
        newsletter.expires_at = last_departure(newsletter.expires_at, now)
        started.append(newsletter.id)
    return started


def finish_done(session: Session, now: datetime) -> int:
    """Newsletters about which nothing more will happen are `sent`. Returns how many."""
    done = 0
    for newsletter in list_newsletters(session, NewsletterState.SENDING):
        if has_open(session, newsletter.id):
            continue
        _lock(session, newsletter)
        if newsletter.state != NewsletterState.SENDING:
            continue  # another process was faster
        if has_open(session, newsletter.id):
            continue  # somebody tried failed mails again just before the row was ours
        _move(session, newsletter, NewsletterState.SENT, audit.CLOCK, "newsletter sent", now)
        newsletter.finished_at = now
        done += 1
    return done


def _move(
    session: Session,
    newsletter: Newsletter,
    state: NewsletterState,
    who: str,
    action: str,
    now: datetime,
) -> None:
    _lock(session, newsletter)
    check_move(newsletter.state, state)
    newsletter.state, newsletter.changed_at = state, now
    _log(session, newsletter, who, action, now)


def lock(session: Session, newsletter: Newsletter) -> None:
    """Hold the newsletter until the transaction ends and see its words as they are now, so that
    what is looked at next is what is there."""
    _lock(session, newsletter)
    session.refresh(newsletter, ["title", "topics", "send_at", "expires_at"])
    for variant in newsletter.variants:
        session.refresh(variant)


def _lock(session: Session, newsletter: Newsletter) -> None:
    """Hold the row until the transaction ends: two people, or a person and the clock, must not
    both act on the state they saw."""
    session.flush()  # refreshing would drop what was changed and not written yet
    session.refresh(newsletter, ["state", "changed_at", "audience_count"], with_for_update=True)


def _log(session: Session, newsletter: Newsletter, who: str, action: str, now: datetime) -> None:
    audit.record(session, who, action, now, thing="newsletter", thing_id=newsletter.id)


def send_test(
    session: Session,
    newsletter: Newsletter,
    addresses: Sequence[str],
    languages: Sequence[str],
    who: str,
    now: datetime,
) -> int:
    """Queue the newsletter as it stands to members of the team, one mail per address and language.

    Only coordinators' own addresses are allowed. Remembers which version was tested.
    """
    queued = 0
    for address in addresses:
        user = find_user(session, address)
        if user is None or not user.active:
            raise Invalid("to", NO_COORDINATOR)
        for lang in languages:
            letters.queue(
                session,
                "test",
                address=user.email,
                language=lang,
                context={"newsletter_id": newsletter.id, "lang": lang},
                now=now,
                lives=TEST_LIVES,
            )
            queued += 1
    newsletter.tested_hash = fingerprint(session, newsletter, now)
    _log(session, newsletter, who, "test sent", now)
    return queued
