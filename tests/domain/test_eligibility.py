"""Which items a digest carries, a table per rule. `lines` reads `section kind:id role`."""

from datetime import date

import pytest

from mailer.domain.compose import compose, ledger_entries
from mailer.domain.content import (
    Deadline,
    Event,
    Session,
    Status,
    Update,
    Visibility,
)
from mailer.domain.digest import EventCard, Role, Run, SectionKind
from mailer.domain.when import Confidence, Precision, When
from tests.domain.samples import (
    LATER,
    RUN,
    THIS_WEEK,
    Item,
    after,
    deadline,
    doubtful,
    event,
    lines,
    moment,
    outline,
    reader,
    snapshot,
    told,
    trusted,
    update,
)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        pytest.param(moment("2024-05-02 06:00"), [], id="began three hours ago, no end: over"),
        pytest.param(moment("2024-05-02 06:01"), ["this_week event:1 new"], id="still on"),
        pytest.param(moment("2024-05-02 08:00/2024-05-02 09:00"), [], id="ends this moment"),
        pytest.param(When.on(date(2024, 5, 1)), [], id="yesterday"),
        pytest.param(When.on(date(2024, 5, 2)), ["this_week event:1 new"], id="all day today"),
        pytest.param(
            When.on(date(2024, 4, 20), date(2024, 5, 2)),
            ["this_week event:1 new"],
            id="several days, today the last",
        ),
        pytest.param(When.on(date(2024, 4, 20), date(2024, 5, 1)), [], id="several days, over"),
        pytest.param(
            moment("2024-05-11 09:00"), ["this_week event:1 new"], id="next issue plus two days"
        ),
        pytest.param(moment("2024-05-11 09:01"), ["announced event:1 new"], id="a minute later"),
        pytest.param(moment("2024-07-01 09:00"), ["announced event:1 new"], id="sixty days out"),
        pytest.param(moment("2024-07-01 09:01"), [], id="more than sixty days out"),
    ],
)
def test_compose_r2_looks_ahead_and_never_back(when: When, expected: list[str]) -> None:
    found = lines(event(1, when))

    assert found == expected


def test_compose_r2_counts_an_event_by_its_next_session() -> None:
    past, soon, later = (
        moment(text) for text in ("2024-05-01 18:00", "2024-05-15 18:00", "2024-05-29 18:00")
    )

    digest = compose(reader(), RUN, snapshot(event(1, later, past, soon)))

    assert digest is not None
    (card,) = digest.cards()
    assert isinstance(card, EventCard)
    assert digest.sections[0].kind is SectionKind.ANNOUNCED
    assert [sitting.when for sitting in card.sittings] == [soon, later]


FAR_OFF = moment("2024-09-20 17:30")


@pytest.mark.parametrize(
    ("roles", "when", "expected"),
    [
        pytest.param([], THIS_WEEK, ["this_week event:1 new"], id="never told, this week"),
        pytest.param([], LATER, ["announced event:1 new"], id="never told, later"),
        pytest.param([Role.NEW], LATER, [], id="told, not yet its week"),
        pytest.param([Role.NEW], THIS_WEEK, ["this_week event:1 reminder"], id="told, its week"),
        pytest.param([Role.NEW, Role.REMINDER], THIS_WEEK, [], id="told and reminded"),
        pytest.param([Role.NEW], FAR_OFF, [], id="told, moved far away"),
        pytest.param(
            [Role.SAVE_THE_DATE], LATER, ["announced event:1 new"], id="date to save, now known"
        ),
        pytest.param(
            [Role.SAVE_THE_DATE, Role.NEW],
            THIS_WEEK,
            ["this_week event:1 reminder"],
            id="date to save, then told, its week",
        ),
    ],
)
def test_compose_r3_tells_once_and_reminds_once(
    roles: list[Role], when: When, expected: list[str]
) -> None:
    ledger = told("event:1", *roles) if roles else {}

    found = lines(event(1, when), told=ledger)

    assert found == expected


def test_compose_r3_over_five_weeks_gives_one_card_and_one_reminder() -> None:
    ledger: dict[object, frozenset[Role]] = {}
    story = []

    for week in range(5):
        run = Run(after(days=7 * week), after(days=7 * week + 7))
        digest = compose(
            reader(told=dict(ledger)), run, snapshot(event(1, moment("2024-05-27 18:00")))
        )
        story.append(outline(digest))
        for entry in ledger_entries(digest) if digest else ():
            ledger[entry.key] = ledger.get(entry.key, frozenset()) | {entry.role}

    assert story == [["announced event:1 new"], [], [], ["this_week event:1 reminder"], []]


SAVED = ["save_the_date event:1 save_the_date"]


@pytest.mark.parametrize(
    ("whens", "roles", "expected"),
    [
        pytest.param([When.month(2024, 6)], [], SAVED, id="month"),
        pytest.param([When.months((2024, 6), (2024, 7))], [], SAVED, id="span of months"),
        pytest.param([When.in_season("autumn", 2024)], [], SAVED, id="season"),
        pytest.param([When.year(2025)], [], SAVED, id="year"),
        pytest.param(
            [trusted(LATER, Confidence.APPROXIMATE)], [], SAVED, id="a day, but not certain"
        ),
        pytest.param([When.month(2024, 5)], [], SAVED, id="the month has begun"),
        pytest.param([When.month(2024, 4)], [], [], id="the month is over"),
        pytest.param([When.month(2024, 6)], [Role.SAVE_THE_DATE], [], id="told already"),
        pytest.param([doubtful(When.month(2024, 6))], [], [], id="doubtful month"),
        pytest.param([doubtful(THIS_WEEK)], [], [], id="doubtful time"),
        pytest.param([When.unknown("soon")], [], [], id="no date"),
        pytest.param([When(Precision.UNKNOWN)], [], [], id="no date, and nobody doubts it"),
        pytest.param([When.month(2024, 6)], [Role.NEW], SAVED, id="told of a day that is lost"),
        pytest.param(
            [When.month(2024, 6), THIS_WEEK], [], ["this_week event:1 new"], id="one day is known"
        ),
        pytest.param(
            [When.month(2024, 6), moment("2024-05-01 18:00")], [], SAVED, id="the known day is over"
        ),
    ],
)
def test_compose_r6_approximate_dates_are_only_saved_and_doubtful_ones_never_shown(
    whens: list[When], roles: list[Role], expected: list[str]
) -> None:
    ledger = told("event:1", *roles) if roles else {}

    found = lines(event(1, *whens), told=ledger)

    assert found == expected


def test_compose_r6_leaves_doubtful_and_vague_sessions_off_the_card_of_a_known_day() -> None:
    sessions = [When.month(2024, 6), doubtful(LATER), THIS_WEEK]

    digest = compose(reader(), RUN, snapshot(event(1, *sessions)))

    assert digest is not None
    (card,) = digest.cards()
    assert isinstance(card, EventCard)
    assert [sitting.when for sitting in card.sittings] == [THIS_WEEK]


@pytest.mark.parametrize(
    ("topics", "wanted", "is_shown"),
    [
        pytest.param({"events"}, {"events"}, True, id="the one topic"),
        pytest.param(
            {"events", "trainings"}, {"trainings", "opportunities"}, True, id="any of them"
        ),
        pytest.param({"events"}, {"trainings"}, False, id="none of them"),
        pytest.param(set(), {"trainings"}, True, id="an item for everybody"),
        pytest.param({"events"}, set(), False, id="a reader who chose nothing"),
        pytest.param(set(), set(), True, id="an item for everybody, a reader who chose nothing"),
    ],
)
def test_compose_r11_shows_an_item_if_any_topic_matches(
    topics: set[str], wanted: set[str], is_shown: bool
) -> None:
    marked = frozenset(topics)
    items: list[Item] = [
        event(1, topics=marked),
        deadline(1, topics=marked),
        update(1, topics=marked),
    ]

    digest = compose(reader(topics=frozenset(wanted)), RUN, snapshot(*items))

    everything = ["act_by deadline:1 new", "this_week event:1 new", "updates update:1 new"]
    assert outline(digest) == (everything if is_shown else [])


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(event(1, status=Status.CANCELLED), id="cancelled"),
        pytest.param(event(1, status=Status.POSTPONED), id="postponed: its date does not hold"),
        pytest.param(event(1, When.month(2024, 6), status=Status.CANCELLED), id="cancelled month"),
        pytest.param(
            event(1, sessions=(Session(THIS_WEEK, status=Status.CANCELLED),)),
            id="its only session cancelled",
        ),
        pytest.param(event(1, visibility=Visibility.WITHDRAWN), id="withdrawn event"),
        pytest.param(event(1, visibility=Visibility.DRAFT), id="event not yet published"),
        pytest.param(event(1, sessions=()), id="event without a session"),
        pytest.param(deadline(1, visibility=Visibility.WITHDRAWN), id="withdrawn deadline"),
        pytest.param(deadline(1, visibility=Visibility.DRAFT), id="deadline not yet published"),
        pytest.param(update(1, visibility=Visibility.WITHDRAWN), id="withdrawn update"),
        pytest.param(update(1, visibility=Visibility.DRAFT), id="update not yet published"),
    ],
)
@pytest.mark.parametrize("roles", [[], [Role.NEW]])
def test_compose_r14_never_announces_what_is_off(
    item: Event | Deadline | Update, roles: list[Role]
) -> None:
    ledger = {item.key: frozenset(roles)} if roles else {}

    found = lines(item, told=ledger)

    assert found == []


@pytest.mark.parametrize(
    "status", [Status.SCHEDULED, Status.TENTATIVE, Status.RESCHEDULED, Status.MOVED_ONLINE]
)
def test_compose_r14_shows_what_still_takes_place_with_its_status(status: Status) -> None:
    digest = compose(reader(), RUN, snapshot(event(1, status=status)))

    assert digest is not None
    (card,) = digest.cards()
    assert isinstance(card, EventCard)
    assert card.status is status


def test_compose_r14_leaves_a_cancelled_session_off_the_card() -> None:
    sessions = (Session(THIS_WEEK, status=Status.CANCELLED), Session(LATER))

    digest = compose(reader(), RUN, snapshot(event(1, sessions=sessions)))

    assert outline(digest) == ["announced event:1 new"]
    assert digest is not None
    (card,) = digest.cards()
    assert isinstance(card, EventCard)
    assert [sitting.when for sitting in card.sittings] == [LATER]
