"""Portions grow and shrink with the time they take."""

import pytest

from mailer.domain.portion import Portion


@pytest.mark.parametrize(
    ("took", "size"),
    [
        (0.1, 1000),  # as long as it should
        (0.2, 500),
        (0.08, 1250),
        (0.01, 2000),  # quick: at most twice as much
        (0.0, 2000),
        (10.0, 100),  # slow: never less than the smallest
    ],
)
def test_portion_follows_the_time_it_took(took: float, size: int) -> None:
    portion = Portion(1000, smallest=100, largest=4000)

    assert portion.adapt(took, aim=0.1) == Portion(size, smallest=100, largest=4000)


def test_portion_stays_below_its_largest() -> None:
    portion = Portion(3000, smallest=100, largest=4000)

    assert portion.adapt(0.0, aim=0.1).size == 4000
