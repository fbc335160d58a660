import pytest

from mailer.domain.content import Status, Visibility
from mailer.domain.coverage import Cover, Coverage, CoverageRow, coverage
from mailer.domain.texts import Text, Texts, TextState
from mailer.domain.when import When
from tests.domain.samples import (
    JANUARY_TO_APRIL,
    LATER,
    RUN,
    THIS_WEEK,
    Item,
    after,
    deadline,
    event,
    moment,
    project,
    snapshot,
    texts,
    update,
)

DRAFT = Text("x", TextState.DRAFT)
MACHINE = Text("x", TextState.MACHINE)
OUTDATED = Text("x", TextState.REVIEWED, outdated=True)


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [
        pytest.param(texts("T"), texts("S"), Cover.MISSING, id="no translation"),
        pytest.param(texts("T", cs="N"), texts("S"), Cover.MISSING, id="only the title"),
        pytest.param(texts("T"), texts("S", cs="P"), Cover.MISSING, id="only the summary"),
        pytest.param(texts("T", cs="N"), texts("S", cs="P"), Cover.REVIEWED, id="both"),
        pytest.param(texts("T", cs="N"), Texts("en"), Cover.REVIEWED, id="no summary to translate"),
        pytest.param(
            texts("T", cs="N"), texts("S", cs=OUTDATED), Cover.OUTDATED, id="one outdated"
        ),
        pytest.param(texts("T", cs=MACHINE), texts("S", cs=OUTDATED), Cover.MACHINE, id="machine"),
        pytest.param(texts("T", cs=DRAFT), texts("S", cs="P"), Cover.DRAFT, id="one is a draft"),
        pytest.param(
            texts("T", cs=Text("x", TextState.DRAFT, outdated=True)),
            texts("S", cs="P"),
            Cover.DRAFT,
            id="an outdated draft is a draft",
        ),
        pytest.param(
            texts("T", cs=Text("", TextState.REVIEWED)), Texts("en"), Cover.MISSING, id="empty"
        ),
        pytest.param(
            Texts("cs", {"cs": Text("N", TextState.SOURCE)}), Texts("cs"), Cover.SOURCE, id="source"
        ),
    ],
)
def test_coverage_of_an_item_is_that_of_its_worst_text(
    title: Texts, summary: Texts, expected: Cover
) -> None:
    table = coverage(snapshot(event(1, title=title, summary=summary)), RUN, ["cs"])

    assert table.rows == (CoverageRow(event(1).key, title.source(), (expected,)),)


def test_coverage_lists_what_anybody_could_get_in_the_order_of_the_letter() -> None:
    items: list[Item] = [
        project(1, JANUARY_TO_APRIL),
        update(1, after(days=-35)),
        update(2, after(days=-1)),
        event(1, When.month(2024, 5)),
        event(2, LATER, topics=frozenset({"a topic that few chose"})),
        event(3, THIS_WEEK),
        deadline(1, moment("2024-05-20 12:00")),
        deadline(2, moment("2024-05-03 12:00")),
    ]

    table = coverage(snapshot(*items), RUN, ["en"])

    expected = [items[index].key for index in (7, 6, 5, 4, 3, 2, 1, 0)]
    assert [row.key for row in table.rows] == expected


def test_coverage_leaves_out_what_nobody_can_get() -> None:
    items: list[Item] = [
        project(1),
        update(1, after(days=-36)),
        event(1, moment("2024-05-01 18:00")),
        event(2, status=Status.CANCELLED),
        event(3, visibility=Visibility.DRAFT),
        event(4, moment("2024-09-20 18:00")),
        deadline(1, moment("2024-05-02 08:00")),
    ]

    table = coverage(snapshot(*items), RUN, ["en"])

    assert table == Coverage(("en",), ())


def test_coverage_has_a_cell_per_language_in_the_order_asked_for() -> None:
    title = texts("Meeting", cs="Setkání", uk=OUTDATED)

    table = coverage(snapshot(event(1, title=title)), RUN, ["uk", "en", "ru", "cs"])

    covers = (Cover.OUTDATED, Cover.SOURCE, Cover.MISSING, Cover.REVIEWED)
    assert table == Coverage(
        ("uk", "en", "ru", "cs"), (CoverageRow(event(1).key, "Meeting", covers),)
    )
