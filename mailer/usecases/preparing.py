"""Writes the audience of a newsletter into the ledger, a range of subscribers at a time.

Each step is a transaction of its own. A process that dies in between is followed by one that
goes on where it was; writing somebody again changes nothing. Only when everyone is written, in
one transaction, does the newsletter know its audience and begin to be sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.compose import ledger_entries
from mailer.domain.content import ItemKey
from mailer.domain.digest import Reader, Role
from mailer.domain.newsletter import LONGEST_LIFE, NewsletterState, check_move
from mailer.domain.portion import Portion
from mailer.domain.urgency import due_from, find_urgent_until
from mailer.message.render import Renderer
from mailer.storage import audit, rosters
from mailer.storage.db import TURN_SECONDS, has_one_writer
from mailer.storage.newsletters import (
    Cohort,
    CohortItem,
    Newsletter,
    find_variant,
    get_newsletter,
    list_cohorts,
    list_told,
)
from mailer.storage.rosters import Kind, Roster
from mailer.usecases.editions import (
    Copy,
    Edition,
    Letter,
    cohort_key,
    open_edition,
    typical_reader,
    write_letter,
)

MEMORY = timedelta(days=90)
"""How far back letters count as told: longer than anything is announced ahead (rule R2)."""

READERS = Portion(2_000, smallest=200, largest=50_000)
LETTERS = Portion(1, smallest=1, largest=200)
KINDS = 200
"""So many kinds of readers are looked at together: many of them get a letter that others get."""

STEP_SECONDS = 0.2
SHARED_STEP_SECONDS = 0.05
"""How long a step should take; the shorter where only one can write at a time, and others wait."""

_NOTHING_TOLD: Mapping[ItemKey, frozenset[Role]] = {}


class Preparation:
    """The preparing of one newsletter by one process. `step` does a portion, `adapt` sees to it
    that the next one takes a moment only."""

    def __init__(self, newsletter_id: int, renderer: Renderer, readers: Portion = READERS) -> None:
        self._newsletter_id, self._renderer = newsletter_id, renderer
        self._edition: Edition | None = None
        self._kinds: list[Kind] = []
        self._copies: dict[str, Letter | None] = {}
        self._readers, self._letters = readers, LETTERS
        self._was_writing = self._yields = False

    def step(self, session: Session, now: datetime) -> bool:
        """Look at the next readers, or write some of the letters that those need;
        False when the audience is complete or nothing is to be done."""
        newsletter = get_newsletter(session, self._newsletter_id)
        # Held until the step is over, or a cancellation in between would miss its rows.
        session.refresh(
            newsletter, ["state", "prepared_to", "prepared_count"], with_for_update=True
        )
        if newsletter.state != NewsletterState.PREPARING:
            return False
        self._yields = has_one_writer(session)
        if self._edition is None:
            self._edition = open_edition(session, newsletter, self._renderer, now)
        return self._go_on(session, newsletter, self._edition, now)

    def adapt(self, seconds: float) -> float:
        """Take note of how long the last step took, with its commit; returns for how many seconds
        the database should be left to others."""
        aim = SHARED_STEP_SECONDS if self._yields else STEP_SECONDS
        if self._was_writing:
            self._letters = self._letters.adapt(seconds, aim)
        else:
            self._readers = self._readers.adapt(seconds, aim)
        return TURN_SECONDS if self._yields else 0.0

    def _go_on(
        self, session: Session, newsletter: Newsletter, edition: Edition, now: datetime
    ) -> bool:
        roster = _next_roster(session, newsletter, edition, self._readers.size, now)
        if roster is None:
            return self._finish(session, newsletter, edition, now)
        rosters.expect_many(session)
        if not self._kinds:
            self._kinds = _write_rows(session, roster)
        self._was_writing = bool(self._kinds)
        if self._kinds:
            self._kinds = _write_letters(session, roster, edition, self._kinds, self._letters.size)
            if not self._kinds:
                newsletter.prepared_count += rosters.write(session, roster)
        return True

    def _finish(
        self, session: Session, newsletter: Newsletter, edition: Edition, now: datetime
    ) -> bool:
        self._was_writing = True
        langs = [lang for lang in edition.public_languages if lang not in self._copies]
        if newsletter.prepared_count == 0 or not langs:
            _complete(session, newsletter, self._copies, now)
            return False
        for lang in langs[: self._letters.size]:
            reader = typical_reader(edition, lang)
            self._copies[lang] = write_letter(edition, reader, Copy.PUBLIC)
        return True


def _next_roster(
    session: Session, newsletter: Newsletter, edition: Edition, readers: int, now: datetime
) -> Roster | None:
    """The readers who come next; None when all were dealt with."""
    last = rosters.find_last(session)
    if newsletter.prepared_to >= last:
        return None
    since = now - MEMORY
    has_items = bool(edition.known_items)
    return Roster(
        newsletter,
        traits=rosters.OF_A_DIGEST if has_items else rosters.OF_A_LETTER,
        issues=rosters.list_issues(session, since) if has_items else (),
        since=since,
        after=newsletter.prepared_to,
        up_to=min(newsletter.prepared_to + readers, last),
        now=now,
    )


def _write_rows(session: Session, roster: Roster) -> list[Kind]:
    """Write those of them whose letter is known; the kinds of the others, none if that was all."""
    newsletter = roster.newsletter
    newsletter.prepared_count += rosters.write(session, roster)
    if not rosters.is_written(session, roster):
        return rosters.list_kinds(session, roster, KINDS)
    newsletter.prepared_to = roster.up_to
    return []


def _write_letters(
    session: Session, roster: Roster, edition: Edition, kinds: Sequence[Kind], limit: int
) -> list[Kind]:
    """Give each kind of readers its letter, and write up to `limit` of those that do not exist
    yet; returns the kinds that are left."""
    readers = _make_readers(session, kinds)
    keys = [cohort_key(edition, reader) for reader in readers]
    cohorts = list_cohorts(session, roster.newsletter.id, keys)
    began = roster.newsletter.started_at or roster.now
    enough, found = len(cohorts) + limit, []
    for kind, reader, key in zip(kinds, readers, keys, strict=True):
        if key not in cohorts:
            if len(cohorts) >= enough:
                break
            cohorts[key] = _add_cohort(session, roster, edition, reader, key)
        cohort = cohorts[key]
        next_at = None if cohort.is_empty else due_from(cohort.urgent_until, began)
        found.append((kind, cohort.id, next_at))
    rosters.add_kinds(session, roster.newsletter.id, found)
    return list(kinds[len(found) :])


def _make_readers(session: Session, kinds: Iterable[Kind]) -> list[Reader]:
    told = list_told(session, {cohort for kind in kinds for cohort in kind.history})
    return [
        Reader(
            language=kind.traits["language"],
            content_languages=kind.traits["content_languages"],
            topics=frozenset(kind.traits.get("topics", ())),
            cadence=kind.traits.get("cadence", ""),
            told=_merge(told.get(cohort, _NOTHING_TOLD) for cohort in kind.history),
        )
        for kind in kinds
    ]


def _merge(letters: Iterable[Mapping[ItemKey, frozenset[Role]]]) -> dict[ItemKey, frozenset[Role]]:
    """What all these letters told together."""
    told: dict[ItemKey, frozenset[Role]] = {}
    for letter in letters:
        for key, roles in letter.items():
            told[key] = told.get(key, frozenset()) | roles
    return told


def _add_cohort(
    session: Session, roster: Roster, edition: Edition, reader: Reader, key: str
) -> Cohort:
    letter, newsletter = write_letter(edition, reader), roster.newsletter
    cohort = Cohort(
        newsletter_id=newsletter.id,
        key=key,
        language=letter.rendered.lang if letter else reader.language,
        is_empty=letter is None,
        created_at=roster.now,
    )
    if letter:
        _fill(cohort, letter, roster.now, newsletter.expires_at or roster.now + LONGEST_LIFE)
    session.add(cohort)
    session.flush()
    return cohort


def _fill(cohort: Cohort, letter: Letter, now: datetime, ends_at: datetime) -> None:
    rendered, digest = letter.rendered, letter.digest
    cohort.subject, cohort.preheader = rendered.subject, rendered.preheader
    cohort.html, cohort.text = rendered.html, rendered.text
    if digest:
        cohort.items = [
            CohortItem(kind=item.kind, item_id=item.id, role=role, revision=revision)
            for item, revision, role in ledger_entries(digest)
        ]
        cohort.urgent_until = find_urgent_until(digest.cards(), now, ends_at)


def _complete(
    session: Session, newsletter: Newsletter, copies: Mapping[str, Letter | None], now: datetime
) -> None:
    newsletter.audience_count = newsletter.prepared_count
    empty = newsletter.audience_count == 0
    state = NewsletterState.SKIPPED_EMPTY if empty else NewsletterState.SENDING
    check_move(newsletter.state, state)
    newsletter.state, newsletter.changed_at = state, now
    if empty:
        newsletter.finished_at = now
        newsletter.reason = "Nothing new for anybody."
    _publish(newsletter, copies)
    session.flush()
    rosters.drop_kinds(session)
    audit.record(
        session,
        audit.CLOCK,
        "audience written down",
        now,
        thing="newsletter",
        thing_id=newsletter.id,
        audience=newsletter.audience_count,
    )


def _publish(newsletter: Newsletter, copies: Mapping[str, Letter | None]) -> None:
    """What the archive shows: the letter of someone with every topic, without personal links."""
    for lang, letter in copies.items():
        variant = find_variant(newsletter, lang)
        if letter and variant and letter.language == lang:
            variant.html, variant.text = letter.rendered.html, letter.rendered.text
            variant.subject = variant.subject or letter.rendered.subject
