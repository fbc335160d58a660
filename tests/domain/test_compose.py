import pytest

from mailer.domain.compose import LedgerEntry, Subject, compose, ledger_entries, propose_subject
from mailer.domain.content import Deadline, Event, Update, Visibility
from mailer.domain.digest import Acknowledgement, Role, Run, SectionKind
from mailer.domain.texts import Chosen
from mailer.domain.when import When
from tests.domain.samples import (
    LATER,
    NOW,
    RUN,
    THIS_WEEK,
    Item,
    Told,
    after,
    deadline,
    event,
    moment,
    outline,
    project,
    reader,
    snapshot,
    texts,
    told,
    update,
)

FUNDED = project(1, funder_ack=texts("Funded by the city."))


@pytest.mark.parametrize(
    ("item", "ledger", "is_sent"),
    [
        pytest.param(deadline(1), {}, True, id="a deadline"),
        pytest.param(event(1, THIS_WEEK), {}, True, id="an event this week"),
        pytest.param(event(1, THIS_WEEK), told("event:1", Role.NEW), True, id="a mere reminder"),
        pytest.param(event(1, LATER), {}, True, id="an event later"),
        pytest.param(update(1), {}, True, id="an update"),
        pytest.param(event(1, When.month(2024, 6), project_ids=(1,)), {}, False, id="date to save"),
        pytest.param(FUNDED, {}, False, id="nothing at all"),
    ],
)
def test_compose_r13_writes_only_with_a_reason(item: Item, ledger: Told, is_sent: bool) -> None:
    digest = compose(reader(told=ledger), RUN, snapshot(item, FUNDED))

    assert (digest is not None) is is_sent


def test_compose_r15_keeps_the_order_of_the_letter() -> None:
    items: list[Item] = [
        event(1, When.month(2024, 6), project_ids=(1,)),
        update(1),
        event(2, LATER),
        event(3, THIS_WEEK),
        deadline(1),
    ]

    digest = compose(reader(), RUN, snapshot(*items, FUNDED))

    assert digest is not None
    assert [section.kind for section in digest.sections] == list(SectionKind)[1:]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        pytest.param("2024-06-08 09:00", ["this_week event:1 new"], id="next issue plus two days"),
        pytest.param("2024-06-08 09:01", ["announced event:1 new"], id="a minute later"),
    ],
)
def test_compose_r16_looks_a_month_ahead_for_monthly_readers(
    when: str, expected: list[str]
) -> None:
    monthly = Run(NOW, next_at=after(days=35))

    digest = compose(reader(cadence="monthly"), monthly, snapshot(event(1, moment(when))))

    assert outline(digest) == expected


def test_compose_acknowledges_every_funder_behind_a_card_once_in_order_of_mention() -> None:
    items: list[Item] = [
        deadline(1, project_id=3),
        event(1, project_ids=(2, 1)),
        event(2, When.month(2024, 6), project_ids=(6,)),
        update(1, project_id=3),
        update(2, project_id=7),
    ]
    projects = [
        *(project(number, funder_ack=texts(f"Funder {number}")) for number in (1, 2, 3, 4, 6)),
        project(5),
        project(7, funder_ack=texts("Secret"), visibility=Visibility.WITHDRAWN),
    ]

    digest = compose(reader(), RUN, snapshot(*items, *projects))

    assert digest is not None
    assert digest.sections[-1].acknowledgements == tuple(
        Acknowledgement(Chosen(f"Project {number}", "en"), Chosen(f"Funder {number}", "en"))
        for number in (3, 2, 1, 6)
    )


def test_ledger_entries_hold_item_revision_and_role_of_every_card() -> None:
    ledger = told("event:1", Role.NEW)
    items: list[Item] = [
        deadline(1, revision=2),
        event(1, revision=3),
        event(2, When.month(2024, 6)),
        update(1),
    ]
    digest = compose(reader(told=ledger), RUN, snapshot(*items))
    assert digest is not None

    entries = ledger_entries(digest)

    assert entries == (
        LedgerEntry(deadline(1).key, 2, Role.NEW),
        LedgerEntry(event(1).key, 3, Role.REMINDER),
        LedgerEntry(update(1).key, 1, Role.NEW),
        LedgerEntry(event(2).key, 1, Role.SAVE_THE_DATE),
    )


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([event(1)], (["Event 1"], 0), id="one"),
        pytest.param([event(1), deadline(1)], (["Vote 1", "Event 1"], 0), id="two"),
        pytest.param(
            [event(1), deadline(1), update(1), update(2)], (["Vote 1", "Event 1"], 2), id="four"
        ),
        pytest.param(
            [event(7), event(8), update(1)], (["Event 8", "News 1"], 1), id="reminders come after"
        ),
        pytest.param([event(7)], (["Event 7"], 0), id="only a reminder"),
        pytest.param(
            [event(1, When.month(2024, 6)), update(1), event(7)],
            (["News 1", "Event 7"], 1),
            id="dates to save come after",
        ),
        pytest.param(
            [deadline(1, title=texts("")), event(1)], (["Event 1"], 1), id="no title to name"
        ),
    ],
)
def test_propose_subject_names_two_new_things_and_counts_the_rest(
    items: list[Event | Deadline | Update], expected: tuple[list[str], int]
) -> None:
    digest = compose(reader(told=told("event:7", Role.NEW)), RUN, snapshot(*items))
    assert digest is not None

    subject = propose_subject(digest)

    titles, more = expected
    assert subject == Subject(tuple(Chosen(title, "en") for title in titles), more)
