"""Order and limits of a digest. `lines` and `outline` read `section kind:id role`."""

from datetime import date

from mailer.domain.compose import compose, ledger_entries
from mailer.domain.digest import Role, Run, SectionKind
from mailer.domain.when import When
from tests.domain.samples import (
    JANUARY_TO_APRIL,
    NOW,
    RUN,
    Item,
    after,
    deadline,
    event,
    lines,
    moment,
    outline,
    project,
    reader,
    snapshot,
    texts,
    told,
    update,
)


def test_compose_r9_puts_significant_news_first_then_the_newest() -> None:
    news = [
        update(1, after(days=-1)),
        update(2, after(days=-3), is_significant=True),
        update(3, after(days=-2)),
        update(4, after(days=-5), is_significant=True),
    ]

    found = lines(*news)

    assert found == [f"updates update:{number} new" for number in (2, 4, 1, 3)]


def test_compose_r9_gives_a_project_two_at_most_and_leaves_the_rest_as_overflow() -> None:
    mine = [update(number, after(hours=-number), project_id=1) for number in (1, 2, 3)]
    others = [update(4, after(hours=-4), project_id=2)]
    of_none = [update(number, after(hours=-number)) for number in (5, 6)]

    digest = compose(
        reader(), Run(NOW, after(days=7), update_limit=9), snapshot(*mine, *others, *of_none)
    )

    assert outline(digest) == [f"updates update:{number} new" for number in (1, 2, 4, 5, 6)]
    assert digest is not None
    assert digest.sections[0].overflow == 1


def test_compose_r9_fills_the_limit_with_other_projects() -> None:
    mine = [update(number, after(hours=-number), project_id=1) for number in (1, 2, 3)]
    other = update(4, after(hours=-4), project_id=2)

    digest = compose(reader(), Run(NOW, after(days=7), update_limit=3), snapshot(*mine, other))

    assert outline(digest) == [f"updates update:{number} new" for number in (1, 2, 4)]


def test_compose_r9_counts_the_end_of_a_project_as_one_of_its_two() -> None:
    news = [update(number, after(hours=-number), project_id=1) for number in (1, 2)]

    found = lines(*news, project(1, JANUARY_TO_APRIL))

    assert found == ["updates project:1 new", "updates update:1 new"]


def test_compose_r12_keeps_the_soonest_and_counts_the_rest_by_section() -> None:
    run = Run(NOW, after(days=7), event_limit=3)
    days = [moment(f"2024-05-{day:02} 18:00") for day in (3, 4, 20, 21, 22)]
    items = [event(number, when) for number, when in enumerate(days, start=1)]
    vague = event(6, When.month(2024, 5))

    digest = compose(reader(), run, snapshot(vague, *items))

    assert digest is not None
    assert outline(digest) == [
        "this_week event:1 new",
        "this_week event:2 new",
        "announced event:3 new",
    ]
    assert [(section.kind, section.overflow) for section in digest.sections] == [
        (SectionKind.THIS_WEEK, 0),
        (SectionKind.ANNOUNCED, 2),
        (SectionKind.SAVE_THE_DATE, 1),
    ]


def test_compose_r12_rolls_over_what_it_cut() -> None:
    run = Run(NOW, after(days=7), event_limit=2)
    items = snapshot(*(event(number, moment(f"2024-05-2{number} 18:00")) for number in range(5)))
    ledger: dict[object, frozenset[Role]] = {}
    story = []

    for _ in range(4):
        digest = compose(reader(told=dict(ledger)), run, items)
        story.append(outline(digest))
        for entry in ledger_entries(digest) if digest else ():
            ledger[entry.key] = frozenset({entry.role})

    assert story == [
        ["announced event:0 new", "announced event:1 new"],
        ["announced event:2 new", "announced event:3 new"],
        ["announced event:4 new"],
        [],
    ]


def test_compose_r12_does_not_count_or_cut_reminders() -> None:
    run = Run(NOW, after(days=7), event_limit=1)
    items = [event(number, moment(f"2024-05-0{number} 18:00")) for number in (3, 4, 5, 6)]
    ledger = told("event:3", Role.NEW) | told("event:6", Role.NEW)

    digest = compose(reader(told=ledger), run, snapshot(*items))

    assert digest is not None
    assert outline(digest) == [
        "this_week event:3 reminder",
        "this_week event:4 new",
        "this_week event:6 reminder",
    ]
    assert digest.sections[0].overflow == 1


def test_compose_r12_limits_updates_to_five() -> None:
    news = [update(number, after(hours=-number)) for number in range(1, 8)]

    digest = compose(reader(), RUN, snapshot(*news))

    assert digest is not None
    assert outline(digest) == [f"updates update:{number} new" for number in range(1, 6)]
    assert digest.sections[0].overflow == 2


def test_compose_r15_orders_by_start_then_all_day_then_title_then_id() -> None:
    midnight, noon = moment("2024-05-06 00:00"), moment("2024-05-06 12:00")
    items = [
        event(1, noon, title=texts("B")),
        event(5, noon, title=texts("A")),
        event(4, noon, title=texts("A")),
        event(2, midnight, title=texts("A")),
        event(6, When.on(date(2024, 5, 6)), title=texts("Z")),
        event(3, moment("2024-05-05 23:00"), title=texts("Z")),
    ]

    found = lines(*items)

    assert found == [f"this_week event:{number} new" for number in (3, 6, 2, 4, 5, 1)]


def test_compose_r15_orders_deadlines_by_the_moment_they_pass() -> None:
    items = [
        deadline(5, When.on(date(2024, 5, 9)), title=texts("Z")),
        deadline(2, moment("2024-05-10 00:00"), title=texts("A")),
        deadline(4, moment("2024-05-09 12:00"), title=texts("B")),
        deadline(3, moment("2024-05-09 12:00"), title=texts("A")),
    ]

    found = lines(*items)

    assert found == [f"act_by deadline:{number} new" for number in (3, 4, 5, 2)]


def test_compose_r15_orders_equal_news_by_title_then_kind_then_id() -> None:
    ended_at = after(days=-1, hours=-9)
    items: list[Item] = [
        update(2, ended_at, title=texts("B"), is_significant=True),
        update(4, ended_at, title=texts("A"), is_significant=True),
        update(3, ended_at, title=texts("A"), is_significant=True),
        project(1, JANUARY_TO_APRIL, title=texts("A")),
    ]

    found = lines(*items)

    expected = ["project:1", "update:3", "update:4", "update:2"]
    assert found == [f"updates {name} new" for name in expected]
