"""The sections of one reader's digest: their cards in order, within the limits (rules R9, R11-R15).

Whether one item is due is asked of `eligibility`, its words of `cards`. Whether there is a letter
at all is for `compose`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from mailer.domain.cards import (
    Desk,
    deadline_card,
    event_card,
    finished_project_card,
    update_card,
)
from mailer.domain.content import ItemKey, Snapshot
from mailer.domain.digest import (
    DeadlineCard,
    EventCard,
    Reader,
    Role,
    Run,
    Section,
    SectionKind,
    UpdateCard,
)
from mailer.domain.eligibility import (
    closing_order,
    date_order,
    deadline_role,
    finished_at,
    is_news,
    matches_topics,
    news_age,
    place_event,
)

NEWS_PER_PROJECT = 2

_EVENT_SECTIONS = (SectionKind.THIS_WEEK, SectionKind.ANNOUNCED, SectionKind.SAVE_THE_DATE)
_NOTHING_TOLD: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Edition:
    """The three things a digest follows from, and the desk at which its cards are made."""

    reader: Reader
    run: Run
    snapshot: Snapshot
    desk: Desk

    def told(self, key: ItemKey) -> frozenset[Role]:
        return self.reader.told.get(key, _NOTHING_TOLD)


@dataclass(frozen=True, slots=True)
class _News:
    card: UpdateCard
    project_id: int | None
    is_significant: bool


def act_by(edition: Edition) -> Section:
    """Section 2: what closes, soonest first (R7). Deadlines are never cut."""
    cards = sorted(_deadline_cards(edition), key=_deadline_order)
    return Section(SectionKind.ACT_BY, tuple(cards))


def _deadline_cards(edition: Edition) -> Iterator[DeadlineCard]:
    for deadline in edition.snapshot.deadlines:
        role = deadline_role(deadline, edition.told(deadline.key), edition.run.send_at)
        if role and matches_topics(deadline.topics, edition.reader.topics):
            yield deadline_card(edition.desk, deadline, role)


def _deadline_order(card: DeadlineCard) -> tuple[datetime, bool, str, int]:
    """R15: by closing moment (of a whole day: its end), then title, then id."""
    return *closing_order(card.closes), card.title.text, card.key.id


def event_sections(edition: Edition) -> list[Section]:
    """Sections 3, 4 and 6 under their common limit: the soonest cards of the three stay (R12).

    A reminder does not count and is not cut: it is one line, and there is no later one. Dates to
    save yield to days that are known, for they have begun to be possible long before.
    """
    placed = sorted(_placed_events(edition), key=_event_order)
    counted = [card.key for _, card in placed if card.role is not Role.REMINDER]
    cut = frozenset(counted[edition.run.event_limit :])
    return [
        _without(cut, kind, [card for section, card in placed if section is kind])
        for kind in _EVENT_SECTIONS
    ]


def _without(cut: frozenset[ItemKey], kind: SectionKind, cards: Sequence[EventCard]) -> Section:
    shown = tuple(card for card in cards if card.key not in cut)
    return Section(kind, shown, overflow=len(cards) - len(shown))


def _placed_events(edition: Edition) -> Iterator[tuple[SectionKind, EventCard]]:
    for event in edition.snapshot.events:
        spot = place_event(event, edition.told(event.key), edition.run)
        if spot and matches_topics(event.topics, edition.reader.topics):
            yield spot.section, event_card(edition.desk, event, spot.sessions, spot.role)


def _event_order(placed: tuple[SectionKind, EventCard]) -> tuple[bool, datetime, bool, str, int]:
    """R15: by the next start, all-day before timed, then title, then id."""
    section, card = placed
    is_vague = section is SectionKind.SAVE_THE_DATE
    return is_vague, *date_order(card.sittings[0].when), card.title.text, card.key.id


def updates(edition: Edition) -> Section:
    """Section 5: significant first, then newest; at most two of a project (R9, R12).

    What either limit holds back is overflow.
    """
    oldest = news_age(is_newcomer=not edition.reader.told)
    found = chain(_fresh_updates(edition, oldest), _finished_projects(edition, oldest))
    news = sorted(found, key=_news_order)
    shown = _few_per_project(news)[: edition.run.update_limit]
    return Section(
        SectionKind.UPDATES, tuple(item.card for item in shown), overflow=len(news) - len(shown)
    )


def _fresh_updates(edition: Edition, oldest: timedelta) -> Iterator[_News]:
    for update in edition.snapshot.updates:
        is_due = is_news(update, edition.told(update.key), edition.run.send_at, oldest)
        if is_due and matches_topics(update.topics, edition.reader.topics):
            card = update_card(edition.desk, update)
            yield _News(card, update.project_id, update.is_significant)


def _finished_projects(edition: Edition, oldest: timedelta) -> Iterator[_News]:
    """R9: that a project has ended is told once, and matters more than its daily news."""
    for project in edition.snapshot.projects:
        ended_at = finished_at(project, edition.run.send_at, oldest)
        if ended_at is None or edition.told(project.key):
            continue
        if matches_topics(project.topics, edition.reader.topics):
            card = finished_project_card(edition.desk, project, ended_at)
            yield _News(card, project.id, is_significant=True)


def _news_order(news: _News) -> tuple[bool, float, str, str, int]:
    card = news.card
    age = -card.published_at.timestamp()
    return not news.is_significant, age, card.title.text, card.key.kind, card.key.id


def _few_per_project(news: Sequence[_News]) -> list[_News]:
    """The first two of each project; what belongs to none is not held back."""
    seen: Counter[int] = Counter()
    kept = []
    for item in news:
        if item.project_id is not None:
            seen[item.project_id] += 1
            if seen[item.project_id] > NEWS_PER_PROJECT:
                continue
        kept.append(item)
    return kept
