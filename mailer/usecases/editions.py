"""From a newsletter to the letter one kind of reader gets: what is in it, and in which words.

The same functions serve the preview on the desk, the check before sending and the sending
itself, so what was looked at is what goes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.compose import compose
from mailer.domain.content import ItemKey, Snapshot
from mailer.domain.digest import Digest, Reader, Run
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.recheck import recheck
from mailer.domain.texts import Chosen
from mailer.domain.when import DEFAULT_TZ
from mailer.i18n import INTERFACE, SOURCE
from mailer.message.lint import SIZE_BLOCK, wire_size
from mailer.message.render import NO_NOTE, Renderer
from mailer.message.values import Frame, Rendered
from mailer.storage import snapshots
from mailer.storage.languages import get_fallback, list_interface_languages
from mailer.storage.newsletters import Newsletter, Variant
from mailer.storage.settings import get_association
from mailer.storage.topics import list_topics

A_WEEK = timedelta(days=7)
NO_VARIANT = Variant(lang="en", subject="", preheader="", body="")


class Copy(StrEnum):
    """Whom a copy of a letter is for: its reader, the team before sending, or everyone."""

    PERSONAL = "personal"
    TEST = "test"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Edition:
    """A newsletter opened for rendering: everything the letters of all its readers share."""

    kind: NewsletterKind
    slug: str
    run: Run
    snapshot: Snapshot
    variants: Mapping[str, Variant]
    association: Association
    renderer: Renderer
    all_topics: frozenset[str]
    public_languages: tuple[str, ...]
    known_items: frozenset[ItemKey] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Letter:
    """What one cohort gets. `digest` is None for a plain letter.

    `language` is the one whose readers it is for: of a digest their first, of a plain letter the
    one it is written in. In which language a digest's own words are, `rendered` says.
    """

    language: str
    rendered: Rendered
    digest: Digest | None = None


def open_edition(
    session: Session, newsletter: Newsletter, renderer: Renderer, now: datetime
) -> Edition:
    """The newsletter with its content: live while it is a draft, as approved afterwards except
    that facts which changed since (times, places, cancellations) are the present ones (R14)."""
    snapshot = _open_snapshot(session, newsletter, now)
    send_at = max(newsletter.send_at or now, now)
    return Edition(
        kind=newsletter.kind,
        slug=newsletter.slug,
        run=Run(
            send_at=send_at,
            next_at=max(newsletter.next_issue_at or send_at + A_WEEK, send_at),
            tz=newsletter.plan.tz if newsletter.plan else DEFAULT_TZ,
            fallback=get_fallback(session),
        ),
        snapshot=snapshot,
        variants={variant.lang: variant for variant in newsletter.variants},
        association=get_association(session),
        renderer=renderer,
        all_topics=frozenset(topic.slug for topic, _ in list_topics(session)),
        public_languages=list_interface_languages(session),
        known_items=snapshot.keys(),
    )


def _open_snapshot(session: Session, newsletter: Newsletter, now: datetime) -> Snapshot:
    if newsletter.kind == NewsletterKind.LETTER:
        return Snapshot(taken_at=now)
    current = snapshots.take_snapshot(session, now)
    if newsletter.state == NewsletterState.DRAFT or not newsletter.snapshot:
        return current
    return recheck(snapshots.load(newsletter.snapshot), current, now)


def write_letter(edition: Edition, reader: Reader, copy: Copy = Copy.PERSONAL) -> Letter | None:
    """The letter for readers like `reader`; None when it would be empty (rule R13)."""
    if edition.kind == NewsletterKind.LETTER:
        return _write_plain(edition, reader, copy)
    return _write_digest(edition, reader, copy)


def _write_digest(edition: Edition, reader: Reader, copy: Copy) -> Letter | None:
    """The digest with as many event cards as fit: Gmail cuts off what is longer, the link to
    unsubscribe first. What is left out was not told and rolls over (rule R12)."""
    letter = _write_issue(edition, reader, copy)
    limit = edition.run.event_limit
    while letter and limit > 1 and wire_size(letter.rendered.html) > SIZE_BLOCK:
        limit = limit * 3 // 4  # a letter takes a while to write: not one card at a time
        shorter = replace(edition, run=replace(edition.run, event_limit=limit))
        letter = _write_issue(shorter, reader, copy)
    return letter


def _write_issue(edition: Edition, reader: Reader, copy: Copy) -> Letter | None:
    digest = compose(reader, edition.run, edition.snapshot)
    if digest is None:
        return None
    variant = edition.variants.get(reader.language, NO_VARIANT)
    rendered = edition.renderer.digest(
        digest,
        _frame(edition, choose_words(reader, edition.run.fallback), copy),
        subject=variant.subject,
        preheader=variant.preheader,
        note=_pick_note(edition, reader),
        tz=edition.run.tz,
        now=edition.run.send_at,
    )
    return Letter(reader.language, rendered, digest)


def _pick_note(edition: Edition, reader: Reader) -> Chosen:
    """The note on top in the best of the reader's languages that it exists in (as R10)."""
    lang = choose_language(list_written(edition), reader.content_languages, edition.run.fallback)
    if lang is None:
        return NO_NOTE
    return Chosen(edition.variants[lang].body, lang, lang not in reader.content_languages)


def _write_plain(edition: Edition, reader: Reader, copy: Copy) -> Letter | None:
    lang = choose_language(list_written(edition), reader.content_languages, edition.run.fallback)
    if lang is None:
        return None
    variant = edition.variants[lang]
    chrome = choose_words(reader, edition.run.fallback)
    frame = replace(_frame(edition, lang, copy), chrome=lang if lang in INTERFACE else chrome)
    rendered = edition.renderer.letter(variant.body, variant.subject, variant.preheader, frame)
    return Letter(lang, rendered)


def list_written(edition: Edition) -> set[str]:
    """The languages in which a coordinator wrote something: the letter, or a digest's note."""
    return {lang for lang, variant in edition.variants.items() if variant.body.strip()}


def choose_words(reader: Reader, fallback: str) -> str:
    """The language of the service's own words for a reader: the first of theirs that it speaks,
    else the fallback if it speaks that."""
    wanted = (reader.language, *reader.content_languages, fallback)
    spoken = (code.partition("-")[0] for code in wanted)
    return next((code for code in spoken if code in INTERFACE), SOURCE)


def choose_language(written: set[str], wanted: Sequence[str], fallback: str) -> str | None:
    """The language of a letter that exists in `written`, for a reader of `wanted`."""
    candidates = (*wanted, fallback, *sorted(written))
    return next((lang for lang in candidates if lang in written), None)


def _frame(edition: Edition, language: str, copy: Copy) -> Frame:
    urls = {
        lang: f"{edition.renderer.base_url}/{lang}/archive/{edition.slug}"
        for lang in edition.variants
        if lang in edition.public_languages
    }
    return Frame(
        association=edition.association,
        language=language,
        view_url=urls.get(language) or urls.get(edition.run.fallback, ""),
        versions={lang: url for lang, url in urls.items() if lang != language},
        is_test=copy == Copy.TEST,
        is_public=copy == Copy.PUBLIC,
    )


def typical_reader(edition: Edition, lang: str) -> Reader:
    """Someone who reads that language, takes every topic and was told nothing yet: for previews
    and for the public copy."""
    return Reader(language=lang, content_languages=(lang,), topics=edition.all_topics)


def cohort_key(edition: Edition, reader: Reader) -> str:
    """The same for all readers whose letter must be the same, whatever else differs."""
    told = sorted(
        (item.kind, item.id, sorted(roles))
        for item, roles in reader.told.items()
        if item in edition.known_items
    )
    wishes = (reader.language, reader.content_languages, sorted(reader.topics), reader.cadence)
    return sha256(repr((wishes, told, bool(reader.told))).encode()).hexdigest()
