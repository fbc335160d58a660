"""What must hold for every reader, run and snapshot, whatever is in them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.domain.compose import compose, ledger_entries
from mailer.domain.content import (
    ItemKey,
    ItemKind,
    Session,
    Snapshot,
    Status,
    Visibility,
)
from mailer.domain.coverage import coverage
from mailer.domain.digest import (
    Card,
    DeadlineCard,
    Digest,
    EventCard,
    Reader,
    Role,
    Run,
    SectionKind,
    UpdateCard,
)
from mailer.domain.eligibility import NEWS_AGE
from mailer.domain.recheck import recheck
from mailer.domain.texts import Text, Texts, TextState
from mailer.domain.when import Confidence, When
from tests.domain.samples import (
    NOW,
    Item,
    after,
    deadline,
    event,
    project,
    snapshot,
    trusted,
    update,
)

TOPICS = ("events", "participation-and-votes", "trainings")
LANGS = ("en", "cs", "uk")
# Wall time, in minutes from the morning of the run.
NEAR = st.integers(-2 * 24 * 60, 10 * 24 * 60)
FAR = st.integers(-10 * 24 * 60, 80 * 24 * 60)

# Two cores are shared by many tests: an example that had to wait is not a failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=80)

topics = st.frozensets(st.sampled_from(TOPICS))
words = st.builds(Text, st.sampled_from(["", "A", "B"]), st.sampled_from(TextState), st.booleans())
all_texts = st.builds(Texts, st.just("en"), st.dictionaries(st.sampled_from(LANGS), words))
# Mostly what readers may hear of, so that most digests have something to get wrong.
visibility = st.sampled_from([*[Visibility.PUBLISHED] * 8, *Visibility])
status = st.sampled_from([*[Status.SCHEDULED] * 8, *Status])
revisions = st.integers(1, 3)


walls = (NEAR | FAR).map(lambda minutes: after(minutes=minutes).replace(tzinfo=None))


@st.composite
def times(draw: st.DrawFn) -> When:
    start = draw(walls)
    hours = draw(st.none() | st.integers(0, 72))
    return When.at(start, None if hours is None else start + timedelta(hours=hours))


@st.composite
def days(draw: st.DrawFn) -> When:
    first = draw(walls).date()
    return When.on(first, first + timedelta(days=draw(st.integers(0, 20))))


vague = st.sampled_from(
    [
        When.month(2024, 4),
        When.month(2024, 5),
        When.months((2024, 5), (2024, 6)),
        When.in_season("autumn", 2024),
        When.year(2024),
    ]
)
whens = st.one_of(
    times(),
    days(),
    vague,
    st.builds(trusted, st.one_of(times(), days(), vague), st.sampled_from(Confidence)),
    st.just(When.unknown()),
)
sessions = st.lists(st.builds(Session, whens, status=status), max_size=3).map(tuple)


def many(build: Any, **fields: Any) -> st.SearchStrategy[Any]:
    """One to six items of one kind, each with its own id."""
    facts = st.fixed_dictionaries({"visibility": visibility, "topics": topics, **fields})
    return st.lists(facts, min_size=1, max_size=6).map(
        lambda rows: tuple(build(number, **row) for number, row in enumerate(rows, start=1))
    )


snapshots = st.builds(
    Snapshot,
    st.just(NOW),
    many(event, title=all_texts, sessions=sessions, status=status, revision=revisions),
    many(deadline, title=all_texts, closes=whens, revision=revisions),
    many(
        update,
        title=all_texts,
        published_at=st.integers(-40, 2).map(lambda days: after(days=days)),
        project_id=st.none() | st.integers(1, 3),
        is_significant=st.booleans(),
    ),
    many(project, title=all_texts, period=whens, funder_ack=all_texts),
)
roles = st.just(frozenset({Role.NEW})) | st.frozensets(st.sampled_from(Role), min_size=1)
keys = st.builds(ItemKey, st.sampled_from(ItemKind), st.integers(1, 6))
readers = st.builds(
    Reader,
    st.just("cs"),
    st.permutations(LANGS).map(tuple),
    st.sampled_from([frozenset(TOPICS), frozenset(TOPICS[:1]), frozenset()]),
    told=st.dictionaries(keys, roles, max_size=8),
)
runs = st.builds(
    Run,
    st.just(NOW),
    st.sampled_from([7, 31]).map(lambda days: after(days=days)),
    event_limit=st.integers(0, 4),
    update_limit=st.integers(0, 4),
)


def source_of(card: Card, items: Snapshot) -> Item:
    everything: tuple[Item, ...] = (
        *items.events,
        *items.deadlines,
        *items.updates,
        *items.projects,
    )
    return next(item for item in everything if item.key == card.key)


def cards_of(digest: Digest | None, *kinds: SectionKind) -> list[Card]:
    if digest is None:
        return []
    return [card for section in digest.sections if section.kind in kinds for card in section.cards]


def is_over(card: Card, now: datetime) -> bool:
    match card:
        case EventCard():
            return any(sitting.when.is_over(now) for sitting in card.sittings)
        case DeadlineCard():
            closes_at = card.closes.end_utc or card.closes.start_utc
            return closes_at is None or closes_at <= now
        case UpdateCard():
            return now - card.published_at > NEWS_AGE


@unhurried
@given(readers, runs, snapshots, st.randoms(use_true_random=False))
def test_compose_gives_the_same_for_any_order_of_the_snapshot(
    reader: Reader, run: Run, items: Snapshot, chance: random.Random
) -> None:
    def shuffled(group: Sequence[Item]) -> list[Item]:
        return chance.sample(group, len(group))

    other = snapshot(
        *shuffled(items.events),
        *shuffled(items.deadlines),
        *shuffled(items.updates),
        *shuffled(items.projects),
    )

    digests = compose(reader, run, items), compose(reader, run, other)

    assert digests[0] == digests[1]


@unhurried
@given(readers, runs, snapshots)
def test_compose_shows_no_item_twice_none_over_none_hidden_and_none_unasked(
    reader: Reader, run: Run, items: Snapshot
) -> None:
    digest = compose(reader, run, items)

    cards = digest.cards() if digest else ()
    sources = [source_of(card, items) for card in cards]
    assert len({card.key for card in cards}) == len(cards)
    assert [card for card in cards if is_over(card, run.send_at)] == []
    assert [item for item in sources if item.visibility is not Visibility.PUBLISHED] == []
    assert [item for item in sources if item.topics and not item.topics & reader.topics] == []


@unhurried
@given(readers, runs, snapshots)
def test_compose_keeps_to_the_limits_and_the_order_of_sections(
    reader: Reader, run: Run, items: Snapshot
) -> None:
    digest = compose(reader, run, items)

    kinds = [section.kind for section in digest.sections] if digest else []
    events = cards_of(
        digest, SectionKind.THIS_WEEK, SectionKind.ANNOUNCED, SectionKind.SAVE_THE_DATE
    )
    full = [card for card in events if card.role is not Role.REMINDER]
    assert kinds == [kind for kind in SectionKind if kind in kinds]
    assert len(full) <= run.event_limit
    assert len(cards_of(digest, SectionKind.UPDATES)) <= run.update_limit


@unhurried
@given(readers, runs, snapshots)
def test_compose_repeated_with_its_own_ledger_tells_nothing_twice_and_comes_to_an_end(
    reader: Reader, run: Run, items: Snapshot
) -> None:
    told = dict(reader.told)

    digest = compose(reader, run, items)
    for _ in range(50):
        if digest is None:
            break
        for entry in ledger_entries(digest):
            assert entry.role not in told.get(entry.key, frozenset())
            told[entry.key] = told.get(entry.key, frozenset()) | {entry.role}
        digest = compose(replace(reader, told=told), run, items)

    assert digest is None


@unhurried
@given(readers, runs, snapshots)
def test_recheck_of_what_has_not_changed_changes_no_digest(
    reader: Reader, run: Run, items: Snapshot
) -> None:
    checked = recheck(items, items, run.send_at)

    assert compose(reader, run, checked) == compose(reader, run, items)


@unhurried
@given(readers, runs, snapshots)
def test_coverage_lists_every_item_that_a_digest_shows(
    reader: Reader, run: Run, items: Snapshot
) -> None:
    table = coverage(items, run, LANGS)

    digest = compose(reader, run, items)
    listed = {row.key for row in table.rows}
    assert {card.key for card in digest.cards()} <= listed if digest else True
