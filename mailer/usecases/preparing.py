"""Writes the audience of a newsletter into the ledger, chunk by chunk.

Each chunk is a transaction of its own. A process that dies in between is followed by one that
goes on after the last person written; writing somebody again changes nothing. Only when everyone
is written, in one transaction, does the newsletter know its audience and begin to be sent.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.compose import ledger_entries
from mailer.domain.content import ItemKey
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.digest import Reader, Role
from mailer.domain.newsletter import NewsletterState, check_move
from mailer.message.render import Renderer
from mailer.storage import audiences, audit
from mailer.storage.audiences import Member
from mailer.storage.deliveries import list_told
from mailer.storage.newsletters import (
    Cohort,
    CohortItem,
    Newsletter,
    find_cohort,
    find_variant,
    get_newsletter,
)
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

CHUNK = 1000
NEW_LETTERS = 20
"""Letters written in one step: nobody who signs up or leaves meanwhile should wait for more."""


class Preparation:
    """The preparing of one newsletter by one process. `step` does one chunk.

    Between chunks it remembers which cohort is which, so each letter is written once.
    """

    def __init__(self, newsletter_id: int, renderer: Renderer, base_url: str) -> None:
        self._newsletter_id = newsletter_id
        self._renderer, self._base_url = renderer, base_url
        self._edition: Edition | None = None
        self._cohorts: dict[str, tuple[int, bool]] = {}
        self._told: dict[tuple[int, ...], Mapping[ItemKey, frozenset[Role]]] = {(): {}}

    def step(self, session: Session, now: datetime, chunk: int = CHUNK) -> bool:
        """Write the next chunk; False when the audience is complete or nothing is to be done."""
        newsletter = get_newsletter(session, self._newsletter_id)
        # Held until the chunk is written, or a cancellation in between would miss its rows.
        session.refresh(newsletter, ["state"], with_for_update=True)
        if newsletter.state != NewsletterState.PREPARING:
            return False
        if self._edition is None:
            self._edition = open_edition(session, newsletter, self._renderer, self._base_url, now)
        after = audiences.find_last_member(session, newsletter.id)
        members = next(
            audiences.iterate_members(session, newsletter, now, after=after, chunk=chunk), []
        )
        if not members:
            self._complete(session, newsletter, self._edition, now)
            return False
        self._write(session, newsletter, self._edition, members, now)
        return True

    def _write(
        self,
        session: Session,
        newsletter: Newsletter,
        edition: Edition,
        members: list[Member],
        now: datetime,
    ) -> None:
        histories = list_told(session, [member.id for member in members], now - MEMORY)
        self._load_told(session, histories.values())
        rows: list[dict[str, Any]] = []
        enough = len(self._cohorts) + NEW_LETTERS
        for member in members:
            if len(self._cohorts) >= enough:
                break  # the next step goes on after the last person written
            reader = Reader(
                language=member.language,
                content_languages=member.content_languages,
                topics=frozenset(member.topics),
                cadence=member.cadence,
                told=self._told[histories.get(member.id, ())],
            )
            rows.append(self._row(session, newsletter, edition, member, reader, now))
        audiences.add_deliveries(session, rows)

    def _row(
        self,
        session: Session,
        newsletter: Newsletter,
        edition: Edition,
        member: Member,
        reader: Reader,
        now: datetime,
    ) -> dict[str, Any]:
        cohort_id, is_empty = self._find_cohort(session, newsletter, edition, reader, now)
        return {
            "newsletter_id": newsletter.id,
            "cohort_id": cohort_id,
            "subscriber_id": member.id,
            "reader_id": member.public_id,
            "kind": DeliveryKind.NEWSLETTER,
            "language": reader.language,
            "address": member.address,
            "address_key": member.address_key,
            "state": DeliveryState.SKIPPED if is_empty else DeliveryState.QUEUED,
            "reason": "nothing new" if is_empty else "",
            "next_at": None if is_empty else now,
            "expires_at": newsletter.expires_at,
            "created_at": now,
            "changed_at": now,
        }

    def _find_cohort(
        self,
        session: Session,
        newsletter: Newsletter,
        edition: Edition,
        reader: Reader,
        now: datetime,
    ) -> tuple[int, bool]:
        key = cohort_key(edition, reader)
        if key not in self._cohorts:
            cohort = find_cohort(session, newsletter.id, key) or _add_cohort(
                session, newsletter, key, reader, write_letter(edition, reader), now
            )
            self._cohorts[key] = (cohort.id, cohort.is_empty)
        return self._cohorts[key]

    def _load_told(self, session: Session, histories: Iterable[tuple[int, ...]]) -> None:
        new = set(histories) - self._told.keys()
        wanted = {cohort for history in new for cohort in history}
        items: dict[int, list[CohortItem]] = {}
        for item in session.scalars(select(CohortItem).where(CohortItem.cohort_id.in_(wanted))):
            items.setdefault(item.cohort_id, []).append(item)
        for history in new:
            roles: dict[ItemKey, set[Role]] = {}
            for cohort in history:
                for item in items.get(cohort, []):
                    roles.setdefault(ItemKey(item.kind, item.item_id), set()).add(item.role)
            self._told[history] = {key: frozenset(found) for key, found in roles.items()}

    def _complete(
        self, session: Session, newsletter: Newsletter, edition: Edition, now: datetime
    ) -> None:
        newsletter.audience_count = audiences.count_written(session, newsletter.id)
        empty = newsletter.audience_count == 0
        state = NewsletterState.SKIPPED_EMPTY if empty else NewsletterState.SENDING
        check_move(newsletter.state, state)
        newsletter.state, newsletter.changed_at = state, now
        if empty:
            newsletter.finished_at = now
            newsletter.reason = "Nothing new for anybody."
        else:
            _write_public_copies(newsletter, edition)
        audit.record(
            session,
            audit.CLOCK,
            "audience written down",
            now,
            thing="newsletter",
            thing_id=newsletter.id,
            audience=newsletter.audience_count,
        )


def _add_cohort(
    session: Session,
    newsletter: Newsletter,
    key: str,
    reader: Reader,
    letter: Letter | None,
    now: datetime,
) -> Cohort:
    cohort = Cohort(
        newsletter_id=newsletter.id,
        key=key,
        language=letter.rendered.lang if letter else reader.language,
        is_empty=letter is None,
        created_at=now,
    )
    if letter:
        rendered = letter.rendered
        cohort.subject, cohort.preheader = rendered.subject, rendered.preheader
        cohort.html, cohort.text = rendered.html, rendered.text
        entries = ledger_entries(letter.digest) if letter.digest else ()
        cohort.items = [
            CohortItem(kind=item.kind, item_id=item.id, role=role, revision=revision)
            for item, revision, role in entries
        ]
    session.add(cohort)
    session.flush()
    return cohort


def _write_public_copies(newsletter: Newsletter, edition: Edition) -> None:
    """What the archive shows: the letter of someone with every topic, without personal links."""
    for lang in edition.public_languages:
        letter = write_letter(edition, typical_reader(edition, lang), Copy.PUBLIC)
        variant = find_variant(newsletter, lang)
        if letter and variant and letter.language == lang:
            variant.html, variant.text = letter.rendered.html, letter.rendered.text
            variant.subject = variant.subject or letter.rendered.subject
