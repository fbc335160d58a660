"""Small builders of the values that the composer's tests arrange: an item needs only its point.

The clock stands at Thursday 2 May 2024, 09:00 in Prague, the morning on which the vote of "Your
City, Your Voice" closes.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mailer.domain.compose import compose
from mailer.domain.content import (
    Deadline,
    DeadlineKind,
    Event,
    ItemKey,
    ItemKind,
    Project,
    Session,
    Snapshot,
    Update,
)
from mailer.domain.digest import Digest, Reader, Role, Run
from mailer.domain.texts import Text, Texts, TextState
from mailer.domain.when import Confidence, When

NOW = datetime(2024, 5, 2, 7, 0, tzinfo=UTC)
RUN = Run(send_at=NOW, next_at=NOW + timedelta(days=7))
TOPICS = frozenset({"events", "participation-and-votes", "project-news"})

Told = Mapping[ItemKey, frozenset[Role]]
Item = Event | Deadline | Update | Project


def texts(source: str, **translations: str | Text) -> Texts:
    """English source; a translation given as bare words counts as reviewed."""
    by_lang = {"en": Text(source, TextState.SOURCE)}
    for lang, words in translations.items():
        by_lang[lang] = words if isinstance(words, Text) else Text(words, TextState.REVIEWED)
    return Texts("en", by_lang)


def moment(text: str) -> When:
    """`2024-05-06 17:30` or `2024-05-06 17:30/2024-05-06 20:00`: wall time in Prague."""
    start, _, end = text.partition("/")
    return When.at(datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None)


def trusted(when: When, confidence: Confidence) -> When:
    return replace(when, confidence=confidence)


def doubtful(when: When) -> When:
    return trusted(when, Confidence.DOUBTFUL)


def after(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


def event(id_: int = 1, *whens: When, **changes: Any) -> Event:
    """An event on Monday 6 May unless other `whens`, one session each; free of topics."""
    given = whens or (moment("2024-05-06 17:30"),)
    values: dict[str, Any] = {
        "slug": f"event-{id_}",
        "title": texts(f"Event {id_}"),
        "sessions": tuple(Session(when) for when in given),
    }
    return Event(id=id_, **(values | changes))


def deadline(id_: int = 1, closes: When | None = None, **changes: Any) -> Deadline:
    """A vote that closes on Thursday 9 May at noon unless `closes` says otherwise."""
    values: dict[str, Any] = {
        "kind": DeadlineKind.VOTE,
        "title": texts(f"Vote {id_}"),
        "closes": closes or moment("2024-05-09 12:00"),
    }
    return Deadline(id=id_, **(values | changes))


def update(id_: int = 1, published_at: datetime | None = None, **changes: Any) -> Update:
    """News from yesterday unless `published_at` says otherwise."""
    values: dict[str, Any] = {
        "title": texts(f"News {id_}"),
        "published_at": published_at or after(days=-1),
    }
    return Update(id=id_, **(values | changes))


def project(id_: int = 1, period: When | None = None, **changes: Any) -> Project:
    """A project of unknown length unless `period` says otherwise."""
    values: dict[str, Any] = {
        "slug": f"project-{id_}",
        "title": texts(f"Project {id_}"),
        "period": period or When.unknown(),
    }
    return Project(id=id_, **(values | changes))


def reader(**changes: Any) -> Reader:
    """Reads English, wants every topic of the samples, and was told nothing yet."""
    values: dict[str, Any] = {"language": "en", "content_languages": ("en",), "topics": TOPICS}
    return Reader(**(values | changes))


def snapshot(*items: Item) -> Snapshot:
    return Snapshot(
        taken_at=NOW,
        events=tuple(item for item in items if isinstance(item, Event)),
        deadlines=tuple(item for item in items if isinstance(item, Deadline)),
        updates=tuple(item for item in items if isinstance(item, Update)),
        projects=tuple(item for item in items if isinstance(item, Project)),
    )


def told(name: str, *roles: Role) -> dict[ItemKey, frozenset[Role]]:
    """What the ledger holds of one item: `told("event:1", Role.NEW)`."""
    kind, _, id_ = name.partition(":")
    return {ItemKey(ItemKind(kind), int(id_)): frozenset(roles)}


def outline(digest: Digest | None) -> list[str]:
    """What stands where, one line per card: `this_week event:1 new`; empty when there is none."""
    if digest is None:
        return []
    return [
        f"{section.kind} {card.key.kind}:{card.key.id} {card.role}"
        for section in digest.sections
        for card in section.cards
    ]


# Always due and always last in section 5: it keeps a digest from being empty.
ANCHOR = update(99, after(days=-13))
ANCHOR_LINE = "updates update:99 new"

THIS_WEEK = moment("2024-05-06 17:30")
LATER = moment("2024-05-20 17:30")
JANUARY_TO_APRIL = When.on(date(2024, 1, 1), date(2024, 4, 30))


def lines(*items: Item, told: Told | None = None) -> list[str]:
    """The outline of a digest of these items, whether or not they alone are a reason to write."""
    digest = compose(reader(told=told or {}), RUN, snapshot(ANCHOR, *items))
    return [line for line in outline(digest) if line != ANCHOR_LINE]
