"""F44 and F50, the long way: two thousand histories that nobody has tried before."""

from pathlib import Path

import pytest

from tests.faults.test_random_lives import run_histories

pytestmark = pytest.mark.soak


def test_no_history_breaks_the_promise(sqlite_url: str) -> None:
    """F44, F50."""
    run_histories(Path(sqlite_url.removeprefix("sqlite:///")), 2000, same_each_time=False)
