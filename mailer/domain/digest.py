"""What a digest is made of, and (in `compose`) which items one reader gets (rules R1-R16).

Blocks carry values, never formatted words: dates, places and states are put into the reader's
language by `message/`. Same reader, run and snapshot give the same digest, always.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer.domain.content import (
    Attendance,
    DeadlineKind,
    ItemKey,
    Registration,
    Spoken,
    Status,
    UpdateKind,
)
from mailer.domain.texts import Chosen
from mailer.domain.when import DEFAULT_TZ, When


class Role(StrEnum):
    """In what capacity an item stood in a mail: what the ledger remembers."""

    NEW = "new"
    REMINDER = "reminder"
    DEADLINE = "deadline"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    SAVE_THE_DATE = "save_the_date"


class SectionKind(StrEnum):
    """In the order in which they stand in the letter."""

    CHANGES = "changes"
    ACT_BY = "act_by"
    THIS_WEEK = "this_week"
    ANNOUNCED = "announced"
    UPDATES = "updates"
    SAVE_THE_DATE = "save_the_date"
    ACKNOWLEDGEMENTS = "acknowledgements"


@dataclass(frozen=True, slots=True)
class Reader:
    """What decides which letter a subscriber gets; people with equal values form a cohort.

    `content_languages` are those they read, best first (their own `language` leads).
    `told` is what earlier mails carried to them: item → roles. Empty for someone new.
    """

    language: str
    content_languages: tuple[str, ...]
    topics: frozenset[str]
    cadence: str = "weekly"
    told: Mapping[ItemKey, frozenset[Role]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One issue of a plan. Moments are aware, UTC; `next_at` is when the next issue leaves."""

    send_at: datetime
    next_at: datetime
    tz: str = DEFAULT_TZ
    fallback: str = "en"
    event_limit: int = 12
    update_limit: int = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where one session is, in the reader's language."""

    name: Chosen
    street: str = ""
    city: str = ""
    room: str = ""


@dataclass(frozen=True, slots=True)
class Sitting:
    when: When
    place: Place | None
    spoken: tuple[Spoken, ...]
    status: Status


@dataclass(frozen=True, slots=True)
class EventCard:
    """`role` NEW is a full card, REMINDER one line, SAVE_THE_DATE an approximate date.

    `more_sittings` counts those that are left to the event's own page.
    """

    key: ItemKey
    revision: int
    role: Role
    slug: str
    title: Chosen
    summary: Chosen
    sittings: tuple[Sitting, ...]
    status: Status
    attendance: Attendance
    online_url: str
    registration: Registration
    registration_url: str
    is_free: bool
    has_refreshments: bool
    project: Chosen | None = None
    more_sittings: int = 0


@dataclass(frozen=True, slots=True)
class DeadlineCard:
    key: ItemKey
    revision: int
    role: Role
    kind: DeadlineKind
    title: Chosen
    summary: Chosen
    closes: When
    url: str
    project: Chosen | None = None


@dataclass(frozen=True, slots=True)
class UpdateCard:
    key: ItemKey
    revision: int
    role: Role
    kind: UpdateKind
    title: Chosen
    teaser: Chosen
    url: str
    published_at: datetime
    project: Chosen | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The line a funder is owed wherever its project appears."""

    project: Chosen
    text: Chosen


Card = EventCard | DeadlineCard | UpdateCard


@dataclass(frozen=True, slots=True)
class Section:
    """`overflow`: how many more there were; they are not told and roll over to the next issue."""

    kind: SectionKind
    cards: tuple[Card, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    overflow: int = 0


@dataclass(frozen=True, slots=True)
class Digest:
    """One reader's letter as blocks. Empty sections are absent."""

    language: str
    sections: tuple[Section, ...]

    def cards(self) -> tuple[Card, ...]:
        return tuple(card for section in self.sections for card in section.cards)


def count_cards(digest: Digest) -> Mapping[str, int]:
    """How much of what a digest carries; something that changed counts as a change only."""
    changed = [card for card in digest.cards() if card.role in (Role.CHANGED, Role.CANCELLED)]
    rest = [card for card in digest.cards() if card not in changed]
    return {
        "changes": len(changed),
        "events": sum(isinstance(card, EventCard) for card in rest),
        "deadlines": sum(isinstance(card, DeadlineCard) for card in rest),
        "updates": sum(isinstance(card, UpdateCard) for card in rest),
    }
