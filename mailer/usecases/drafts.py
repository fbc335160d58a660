"""What a draft holds, for the people who look it over: its items, its languages, its subjects.

It answers questions and changes nothing. Whether a draft may be sent is for `checks`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from mailer.domain import schedule
from mailer.domain.compose import compose
from mailer.domain.content import ItemKey
from mailer.domain.coverage import Cover, coverage
from mailer.domain.digest import Card, Digest, Reader, Role, SectionKind, count_cards
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.texts import Chosen
from mailer.i18n import interface_for
from mailer.message.proposal import propose_preheader, propose_subject
from mailer.storage import audiences
from mailer.storage.newsletters import Newsletter, find_issue, list_newsletters
from mailer.storage.plans import Plan
from mailer.usecases.editions import Edition, typical_reader
from mailer.usecases.plans import get_timetable
from mailer.usecases.preparing import MEMORY

READY = frozenset({Cover.SOURCE, Cover.REVIEWED})
_UNDER_WAY = (
    NewsletterState.DRAFT,
    NewsletterState.SCHEDULED,
    NewsletterState.PREPARING,
    NewsletterState.SENDING,
    NewsletterState.PAUSED,
)

Told = Mapping[ItemKey, frozenset[Role]]


class Share(StrEnum):
    """Who gets an item, and as what: everyone the whole card; a reminder to those who know it;
    newcomers only, since everyone else knows it; regulars only, since it is old news."""

    EVERYONE = "everyone"
    REMINDER = "reminder"
    NEWCOMERS = "newcomers"
    REGULARS = "regulars"


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the draft; `covers` stand in the order of the languages asked for."""

    key: ItemKey
    title: Chosen
    role: Role
    share: Share
    covers: tuple[Cover, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A section; `overflow` is how many more wait for the next issue."""

    kind: SectionKind
    entries: tuple[Entry, ...]
    overflow: int


@dataclass(frozen=True, slots=True)
class Contents:
    """A digest's draft, opened. `counts` are those of somebody who got every letter so far."""

    langs: tuple[str, ...]
    parts: tuple[Part, ...]
    counts: Mapping[str, int]

    def gaps(self) -> dict[str, Counter[Cover]]:
        """For each language, how many of its items are not ready, by what they lack."""
        found: dict[str, Counter[Cover]] = {lang: Counter() for lang in self.langs}
        for part in self.parts:
            for entry in part.entries:
                for lang, cover in zip(self.langs, entry.covers, strict=True):
                    if cover not in READY:
                        found[lang][cover] += 1
        return {lang: counter for lang, counter in found.items() if counter}


@dataclass(frozen=True, slots=True)
class Proposal:
    """The subject and preview line that a language gets when nobody writes one."""

    subject: str
    preheader: str


@dataclass(frozen=True, slots=True)
class Coming:
    """A plan's next issue: `issue` is None until its draft is made at `draft_at`."""

    plan: Plan
    issue: Newsletter | None
    send_at: datetime
    draft_at: datetime


def find_coming(session: Session, plan: Plan, now: datetime) -> Coming:
    """The plan's newest issue that is under way, even if its time has passed, or else the next
    that will be drafted."""
    timetable = get_timetable(plan)
    under_way = [
        issue for issue in list_newsletters(session, *_UNDER_WAY) if issue.plan_id == plan.id
    ]
    if under_way:
        issue = under_way[0]
        return Coming(plan, issue, issue.send_at or now, issue.created_at)
    send_at = schedule.next_occurrence(timetable, now)
    while _is_dealt_with(session, plan, schedule.period_key(timetable, send_at)):
        send_at = schedule.next_occurrence(timetable, send_at)
    return Coming(plan, None, send_at, schedule.draft_due(timetable, send_at))


def _is_dealt_with(session: Session, plan: Plan, period_key: str) -> bool:
    return period_key <= plan.last_period or find_issue(session, plan.id, period_key) is not None


def list_told(session: Session, now: datetime) -> Told:
    """What somebody knows who takes every topic and got every letter so far."""
    return audiences.list_told_so_far(session, now - MEMORY)


def look(edition: Edition, langs: Sequence[str], told: Told) -> Contents:
    """The items of a digest, section by section, as readers of the fallback language see them."""
    newcomer = typical_reader(edition, edition.run.fallback)
    new = compose(newcomer, edition.run, edition.snapshot)
    regular = compose(replace(newcomer, told=told), edition.run, edition.snapshot)
    table = coverage(edition.snapshot, edition.run, langs)
    covers = {row.key: row.covers for row in table.rows}
    missing = (Cover.MISSING,) * len(langs)
    parts = []
    for kind in SectionKind:
        entries = tuple(
            Entry(card.key, card.title, card.role, share, covers.get(card.key, missing))
            for card, share in _merge(_cards(new), _cards(regular), kind)
        )
        overflow = max(_overflow(new, kind), _overflow(regular, kind))
        if entries or overflow:
            parts.append(Part(kind, entries, overflow))
    counts = count_cards(regular or Digest(edition.run.fallback, ()))
    return Contents(tuple(langs), tuple(parts), counts)


Placed = Mapping[ItemKey, tuple[SectionKind, Card]]


def _cards(digest: Digest | None) -> Placed:
    sections = digest.sections if digest else ()
    return {card.key: (section.kind, card) for section in sections for card in section.cards}


def _overflow(digest: Digest | None, kind: SectionKind) -> int:
    sections = digest.sections if digest else ()
    return sum(section.overflow for section in sections if section.kind is kind)


def _merge(new: Placed, regular: Placed, kind: SectionKind) -> list[tuple[Card, Share]]:
    """The cards of one section in their order: those for regular readers, then the others."""
    known = [
        (card, _share(key, card, new)) for key, (place, card) in regular.items() if place is kind
    ]
    others = [
        (card, Share.NEWCOMERS)
        for key, (place, card) in new.items()
        if place is kind and key not in regular
    ]
    return known + others


def _share(key: ItemKey, card: Card, new: Placed) -> Share:
    if card.role is Role.REMINDER:
        return Share.REMINDER
    return Share.EVERYONE if key in new else Share.REGULARS


def get_reader(edition: Edition, lang: str, told: Told) -> Reader:
    """Somebody who reads that language, takes every topic and knows `told`: for previews."""
    return replace(typical_reader(edition, lang), told=told)


def propose(edition: Edition, lang: str, told: Told) -> Proposal:
    """What a digest's subject and preview line will be if nobody writes them; empty for others.

    For most readers: those who got the letters so far, or a newcomer if they would get none.
    """
    if edition.kind == NewsletterKind.LETTER:
        return Proposal("", "")
    reader = get_reader(edition, lang, told)
    digest = compose(reader, edition.run, edition.snapshot) or compose(
        replace(reader, told={}), edition.run, edition.snapshot
    )
    if digest is None:
        return Proposal("", "")
    written = interface_for(lang)
    return Proposal(
        propose_subject(digest, written, edition.association.name),
        propose_preheader(digest, written, edition.run.tz),
    )
