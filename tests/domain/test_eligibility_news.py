"""Which deadlines and news a digest carries. `lines` reads `section kind:id role`."""

from datetime import date, timedelta
from typing import Any

import pytest

from mailer.domain.content import (
    ProjectStatus,
    Visibility,
)
from mailer.domain.digest import Role
from mailer.domain.when import When
from tests.domain.samples import (
    JANUARY_TO_APRIL,
    NOW,
    Told,
    deadline,
    doubtful,
    lines,
    moment,
    project,
    told,
    update,
)

LAST_CALL = ["act_by deadline:1 deadline"]


@pytest.mark.parametrize(
    ("closes", "roles", "expected"),
    [
        pytest.param("2024-05-05 09:01", [], ["act_by deadline:1 new"], id="new, over three days"),
        pytest.param("2024-05-05 09:00", [], LAST_CALL, id="new, but only three days are left"),
        pytest.param("2024-05-05 09:00", [Role.NEW], LAST_CALL, id="told, last call"),
        pytest.param("2024-05-05 09:01", [Role.NEW], [], id="told, not yet the last days"),
        pytest.param("2024-05-02 12:00", [Role.NEW, Role.DEADLINE], [], id="told twice"),
        pytest.param("2024-05-02 12:00", [Role.DEADLINE], [], id="told as a last call only"),
        pytest.param("2024-06-02 12:00", [Role.DEADLINE], [], id="extended after a last call"),
        pytest.param("2024-05-02 09:01", [], LAST_CALL, id="a minute is left"),
        pytest.param("2024-05-02 09:00", [], [], id="passed this moment"),
        pytest.param("2024-05-02 08:00", [], [], id="passed an hour ago: no three hours of grace"),
        pytest.param("2024-11-30 12:00", [], ["act_by deadline:1 new"], id="far off is new too"),
        pytest.param("2024-03-20 09:00/2024-05-02 12:00", [], LAST_CALL, id="the end of a span"),
    ],
)
def test_compose_r7_tells_of_a_deadline_when_new_and_in_its_last_days(
    closes: str, roles: list[Role], expected: list[str]
) -> None:
    ledger = told("deadline:1", *roles) if roles else {}

    found = lines(deadline(1, moment(closes)), told=ledger)

    assert found == expected


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        pytest.param(When.on(date(2024, 5, 2)), LAST_CALL, id="today counts to its end"),
        pytest.param(When.on(date(2024, 5, 1)), [], id="yesterday"),
        pytest.param(When.month(2024, 5), [], id="some time in May"),
        pytest.param(doubtful(moment("2024-05-09 12:00")), [], id="doubtful"),
        pytest.param(When.unknown(), [], id="unknown"),
    ],
)
def test_compose_r7_needs_a_day_to_act_by(closes: When, expected: list[str]) -> None:
    found = lines(deadline(1, closes))

    assert found == expected


SOMEBODY = told("event:77", Role.NEW)


@pytest.mark.parametrize(
    ("age", "ledger", "expected"),
    [
        pytest.param(timedelta(days=35), SOMEBODY, ["updates update:1 new"], id="35 days"),
        pytest.param(timedelta(days=35, seconds=1), SOMEBODY, [], id="older than 35 days"),
        pytest.param(timedelta(days=14), {}, ["updates update:1 new"], id="newcomer, 14 days"),
        pytest.param(timedelta(days=14, seconds=1), {}, [], id="newcomer, older than 14 days"),
        pytest.param(timedelta(0), {}, ["updates update:1 new"], id="this moment"),
        pytest.param(timedelta(seconds=-1), {}, [], id="published in the future"),
        pytest.param(timedelta(days=1), told("update:1", Role.NEW), [], id="told already"),
    ],
)
def test_compose_r9_tells_only_fresh_news(
    age: timedelta, ledger: Told, expected: list[str]
) -> None:
    found = lines(update(1, NOW - age), told=ledger)

    assert found == expected


FINISHED = ["updates project:1 new"]


@pytest.mark.parametrize(
    ("changes", "ledger", "expected"),
    [
        pytest.param({"period": JANUARY_TO_APRIL}, {}, FINISHED, id="ended two days ago"),
        pytest.param(
            {"period": JANUARY_TO_APRIL}, told("project:1", Role.NEW), [], id="told already"
        ),
        pytest.param(
            {"period": When.on(date(2024, 1, 1), date(2024, 5, 2))}, {}, [], id="ends today"
        ),
        pytest.param(
            {"period": When.on(date(2024, 1, 1), date(2024, 3, 28))},
            SOMEBODY,
            FINISHED,
            id="ended within 35 days",
        ),
        pytest.param(
            {"period": When.on(date(2024, 1, 1), date(2024, 3, 27))},
            SOMEBODY,
            [],
            id="ended before that",
        ),
        pytest.param(
            {"period": moment("2024-01-01 09:00/2024-03-28 08:00")},
            SOMEBODY,
            FINISHED,
            id="ended 35 days ago to the minute",
        ),
        pytest.param(
            {"period": When.on(date(2024, 1, 1), date(2024, 4, 17))},
            {},
            [],
            id="newcomer, ended before 14 days",
        ),
        pytest.param({"period": doubtful(JANUARY_TO_APRIL)}, {}, [], id="doubtful period"),
        pytest.param({"period": When.unknown()}, {}, [], id="unknown period"),
        pytest.param(
            {"period": When.months((2024, 1), (2024, 4))}, {}, FINISHED, id="period of months"
        ),
        pytest.param(
            {"period": JANUARY_TO_APRIL, "status_override": ProjectStatus.PAUSED},
            {},
            [],
            id="only paused",
        ),
        pytest.param(
            {
                "period": When.on(date(2024, 1, 1), date(2024, 6, 30)),
                "status_override": ProjectStatus.FINISHED,
            },
            {},
            [],
            id="called finished, but its end is to come",
        ),
        pytest.param(
            {"period": JANUARY_TO_APRIL, "visibility": Visibility.WITHDRAWN}, {}, [], id="withdrawn"
        ),
        pytest.param(
            {"period": JANUARY_TO_APRIL, "topics": frozenset({"other"})}, {}, [], id="other topic"
        ),
    ],
)
def test_compose_r9_announces_the_end_of_a_project_once(
    changes: dict[str, Any], ledger: Told, expected: list[str]
) -> None:
    found = lines(project(1, **changes), told=ledger)

    assert found == expected
