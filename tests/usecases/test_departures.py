"""A time as it is typed, on a clock that jumps twice a year."""

from datetime import UTC, datetime

import pytest

from mailer.domain.errors import Invalid
from mailer.usecases.departures import HAS_PASSED, NO_SUCH_HOUR, TOO_FAR, read_departure

PRAGUE = "Europe/Prague"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        pytest.param("2026-03-05T09:00", "2026-03-05T08:00", id="winter"),
        pytest.param("2026-04-02T09:00", "2026-04-02T07:00", id="summer"),
        pytest.param("2026-03-29T03:00", "2026-03-29T01:00", id="right after the jump"),
    ],
)
def test_a_time_is_meant_on_the_clock_of_prague(typed: str, moment: str) -> None:
    wall = datetime.fromisoformat(typed)

    assert read_departure(wall, PRAGUE, NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_an_hour_that_comes_twice_is_the_first() -> None:
    now = datetime(2026, 10, 20, tzinfo=UTC)

    moment = read_departure(datetime(2026, 10, 25, 2, 30), PRAGUE, now)

    assert moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        pytest.param("2026-03-29T02:30", NO_SUCH_HOUR, id="skipped by the clock change"),
        pytest.param("2026-03-01T13:00", HAS_PASSED, id="this very moment"),
        pytest.param("2025-03-05T09:00", HAS_PASSED, id="last year"),
        pytest.param("2026-05-01T09:00", TOO_FAR, id="in two months"),
    ],
)
def test_what_cannot_be_is_refused_in_words(typed: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_departure(datetime.fromisoformat(typed), PRAGUE, NOW)

    assert (refusal.value.field, str(refusal.value)) == ("send_at", sentence)
