from datetime import datetime, timedelta

import pytest

from mailer.domain.compose import compose
from mailer.domain.content import UpdateKind, Visibility
from mailer.domain.digest import DeadlineCard, EventCard, Role, UpdateCard
from mailer.domain.texts import Chosen, Text, TextState
from mailer.domain.when import When
from tests.domain.samples import (
    JANUARY_TO_APRIL,
    RUN,
    Item,
    after,
    deadline,
    event,
    project,
    reader,
    snapshot,
    texts,
)


def test_compose_r9_shows_a_finished_project_as_a_result_with_its_own_title() -> None:
    summary = texts("A year of meetings.")

    digest = compose(reader(), RUN, snapshot(project(1, JANUARY_TO_APRIL, summary=summary)))

    assert digest is not None
    assert digest.cards() == (
        UpdateCard(
            key=project(1).key,
            revision=1,
            role=Role.NEW,
            kind=UpdateKind.RESULT,
            title=Chosen("Project 1", "en"),
            teaser=Chosen("A year of meetings.", "en"),
            url="",
            published_at=after(days=-1, hours=-9),
        ),
    )


@pytest.mark.parametrize(("evenings", "shown", "more"), [(5, 5, 0), (6, 6, 0), (52, 6, 46)])
def test_compose_shows_the_next_six_dates_of_a_course(evenings: int, shown: int, more: int) -> None:
    start = datetime(2024, 4, 25, 18)  # the first is over
    whens = [When.at(start + timedelta(weeks=week)) for week in range(evenings + 1)]

    digest = compose(reader(), RUN, snapshot(event(1, *reversed(whens))))

    assert digest is not None
    (card,) = digest.cards()
    assert isinstance(card, EventCard)
    assert [sitting.when for sitting in card.sittings] == whens[1 : shown + 1]
    assert card.more_sittings == more


def test_compose_r10_chooses_a_language_for_each_text_by_itself() -> None:
    item = event(
        1,
        title=texts("Meeting", cs="Setkání", uk="Зустріч"),
        summary=texts("Come along.", cs="Přijďte."),
        project_ids=(5,),
    )
    ukrainian = reader(language="uk", content_languages=("uk", "cs"))

    digest = compose(ukrainian, RUN, snapshot(item, project(5)))

    assert digest is not None
    (card,) = digest.cards()
    assert isinstance(card, EventCard)
    assert (digest.language, card.title, card.summary, card.project) == (
        "uk",
        Chosen("Зустріч", "uk"),
        Chosen("Přijďte.", "cs"),
        Chosen("Project 5", "en", is_fallback=True),
    )


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        pytest.param(1, Chosen("Přijďte v 17.", "cs"), id="only the wording has changed"),
        pytest.param(2, Chosen("Come at 18.", "en", True), id="time or place has moved"),
    ],
)
def test_compose_r10_drops_an_outdated_note_once_the_facts_have_moved(
    revision: int, expected: Chosen
) -> None:
    stale = Text("Přijďte v 17.", TextState.REVIEWED, outdated=True)
    note = texts("Come at 18.", cs=stale)
    items: list[Item] = [
        event(1, summary=note, revision=revision),
        deadline(1, summary=note, revision=revision),
    ]

    digest = compose(reader(content_languages=("cs",)), RUN, snapshot(*items))

    assert digest is not None
    cards = digest.cards()
    assert [card.summary for card in cards if isinstance(card, EventCard | DeadlineCard)] == [
        expected,
        expected,
    ]


@pytest.mark.parametrize(
    ("project_ids", "expected"),
    [
        pytest.param((), None, id="none"),
        pytest.param((1, 2), Chosen("Project 1", "en"), id="the first"),
        pytest.param((9, 2), Chosen("Project 2", "en"), id="the first that exists"),
        pytest.param((3, 2), Chosen("Project 2", "en"), id="the first that is public"),
        pytest.param((3,), None, id="none that is public"),
    ],
)
def test_compose_names_only_projects_that_readers_may_hear_of(
    project_ids: tuple[int, ...], expected: Chosen | None
) -> None:
    hidden = project(3, visibility=Visibility.DRAFT)

    digest = compose(
        reader(), RUN, snapshot(event(1, project_ids=project_ids), project(1), project(2), hidden)
    )

    assert digest is not None
    assert [card.project for card in digest.cards()] == [expected]
