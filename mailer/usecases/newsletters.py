"""A newsletter from draft to approval: what a coordinator can ask for, one function each. What
happens to it then is in `sending`.

Every change of state is checked against `domain/newsletter` and leaves a line in the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from mailer.domain.content import Snapshot
from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.newsletter import (
    NewsletterKind,
    NewsletterState,
    check_edit,
    check_move,
    earliest_departure,
    last_departure,
)
from mailer.domain.walltime import to_utc
from mailer.message.vocabulary import N_
from mailer.storage import snapshots
from mailer.storage.languages import list_content_languages
from mailer.storage.newsletters import Newsletter, make_slug, make_variants
from mailer.storage.users import find_user
from mailer.usecases import letters
from mailer.usecases.editing import TOO_LONG
from mailer.usecases.sending import hold, is_too_late, move, note

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEST_LIVES = timedelta(hours=24)
LONGEST_LINE = 200
LONGEST_BODY = 20_000
"""Characters: a few pages, and few enough for Markdown of any kind to be read in a moment."""
NO_COORDINATOR = N_("Test mail goes to coordinators only. Choose one of them.")
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
        variants=make_variants(list_content_languages(session)),
    )
    session.add(newsletter)
    session.flush()
    note(session, newsletter, who, "newsletter created", now)
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
    hold(session, newsletter)
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
        note(session, newsletter, who, "newsletter edited", now)


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
    grace: timedelta,
    seen: str | None = None,
) -> None:
    """Freeze the content and schedule it: at `send_at`, at the earliest when the grace is over.

    Whether it is fit to be sent is for `checks` to say before; `seen` is the fingerprint of what
    they looked at, and Refused is raised when anything else would be frozen.
    """
    hold(session, newsletter)
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
    note(session, newsletter, who, "newsletter approved", now)


def stop(session: Session, newsletter: Newsletter, who: str, now: datetime) -> None:
    """Back to draft before anything has left: the undo of `approve`, and of having been missed.

    An issue gets the time of its plan back unless that is too long ago; else, and for a letter,
    there is none until it is approved again.
    """
    move(session, newsletter, NewsletterState.DRAFT, who, "newsletter stopped", now)
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
    note(session, newsletter, who, "test sent", now)
    return queued
