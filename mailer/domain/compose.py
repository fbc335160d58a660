"""Composes one reader's digest from a run and a snapshot (rules R1-R16; R13 and R15 are kept here).

Pure: it formats nothing, remembers nothing and never asks what time it is. What stands in a
section is for `sections`.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from mailer.domain.cards import Desk, acknowledgement
from mailer.domain.content import ItemKey, Snapshot
from mailer.domain.digest import Card, Digest, Reader, Role, Run, Section, SectionKind
from mailer.domain.sections import Edition, act_by, event_sections, updates
from mailer.domain.texts import Chosen

# R13: a date to save or a funder's line alone is no reason to write to anybody.
_REASONS_TO_SEND = frozenset(
    {
        SectionKind.CHANGES,
        SectionKind.ACT_BY,
        SectionKind.THIS_WEEK,
        SectionKind.ANNOUNCED,
        SectionKind.UPDATES,
    }
)


class LedgerEntry(NamedTuple):
    """What one digest told of one item: the ledger keeps it per subscriber."""

    key: ItemKey
    revision: int
    role: Role


class Subject(NamedTuple):
    """What a subject line can be made of: up to two titles, and how many cards it leaves out."""

    titles: tuple[Chosen, ...]
    more: int


def compose(reader: Reader, run: Run, snapshot: Snapshot) -> Digest | None:
    """The digest that `reader` gets in `run`, or None when there is no reason to write (R13).

    Everything is judged at `run.send_at`. Only full event cards and dates to save count towards
    `run.event_limit`; a reminder is one line and comes only once, so it is never cut. What
    a limit cut is counted in its section's `overflow`, stays out of `Digest.cards()` and so out
    of the ledger, and rolls over (R12). A section of which everything was cut still stands, with
    no cards, so that its overflow can be told. Same arguments, in any order of the snapshot's
    items: same digest (R15).
    """
    desk = Desk(reader.content_languages, run.fallback, snapshot.projects_by_id())
    edition = Edition(reader, run, snapshot, desk)
    sections = _in_letter_order([act_by(edition), *event_sections(edition), updates(edition)])
    if not any(section.cards and section.kind in _REASONS_TO_SEND for section in sections):
        return None
    return Digest(reader.language, sections + _acknowledgements(edition, sections))


def ledger_entries(digest: Digest) -> tuple[LedgerEntry, ...]:
    """What the ledger is to remember once this digest has gone out, in the order of the cards."""
    return tuple(LedgerEntry(card.key, card.revision, card.role) for card in digest.cards())


def propose_subject(digest: Digest) -> Subject:
    """The first two titles, what is new before what was told already, and the count of the rest.

    Within each of the two the order is the letter's own.
    """
    cards = sorted(digest.cards(), key=_is_old_news)
    titles = tuple(card.title for card in cards if card.title)[:2]
    return Subject(titles, len(cards) - len(titles))


def _is_old_news(card: Card) -> bool:
    return card.role in (Role.REMINDER, Role.SAVE_THE_DATE)


def _in_letter_order(sections: Sequence[Section]) -> tuple[Section, ...]:
    by_kind = {section.kind: section for section in sections if section.cards or section.overflow}
    return tuple(by_kind[kind] for kind in SectionKind if kind in by_kind)


def _acknowledgements(edition: Edition, sections: Sequence[Section]) -> tuple[Section, ...]:
    """Section 7, if any: the line of every funder behind a card, in the order of mention."""
    behind = _projects_behind(edition.snapshot)
    cards = chain.from_iterable(section.cards for section in sections)
    mentioned = dict.fromkeys(chain.from_iterable(behind[card.key] for card in cards))
    found = (edition.desk.find_project(project_id) for project_id in mentioned)
    owed = (acknowledgement(edition.desk, project) for project in found if project)
    lines = tuple(line for line in owed if line)
    return (Section(SectionKind.ACKNOWLEDGEMENTS, acknowledgements=lines),) if lines else ()


def _projects_behind(snapshot: Snapshot) -> dict[ItemKey, tuple[int | None, ...]]:
    """Every project of every item: a card names one, but all their funders are owed a line."""
    return {
        **{event.key: event.project_ids for event in snapshot.events},
        **{deadline.key: (deadline.project_id,) for deadline in snapshot.deadlines},
        **{update.key: (update.project_id,) for update in snapshot.updates},
        **{project.key: (project.id,) for project in snapshot.projects},
    }
