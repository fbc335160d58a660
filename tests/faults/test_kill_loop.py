"""F6, the short way: a few `kill -9` at random moments of a newsletter, over 1, 4 and 16
connections; `make soak` does it two hundred times each."""

from pathlib import Path

import pytest

from tests.faults.kills import Terms, run_kill_loop
from tests.fleet import CONNECTIONS

KILLS = 8


@pytest.mark.parametrize(("connections", "readers"), [(1, 200), (4, 700), (16, 2000)])
def test_worker_killed_again_and_again_loses_nobody(
    sqlite_url: str, tmp_path: Path, connections: int, readers: int
) -> None:
    """F6: lost = 0, repeats ≤ kills × connections, copies ≤ 2 with one Message-ID, and nothing
    for those who left."""
    toll = run_kill_loop(tmp_path, Terms(sqlite_url, KILLS, connections, readers))

    print(toll)


def test_workers_side_by_side_killed_again_and_again_lose_nobody(
    postgres_url: str, tmp_path: Path
) -> None:
    """F6 with two workers at once on PostgreSQL; what one leaves, the other takes over."""
    toll = run_kill_loop(tmp_path, Terms(postgres_url, KILLS, 4, 1200, workers=2))

    print(toll)


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
def test_celery_killed_again_and_again_loses_nobody(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path, broker: str
) -> None:
    """F6 with two of Celery's workers, through both brokers."""
    url = request.getfixturevalue(broker).url

    toll = run_kill_loop(tmp_path, Terms(postgres_url, KILLS, CONNECTIONS, 3000, broker=url))

    print(toll)
