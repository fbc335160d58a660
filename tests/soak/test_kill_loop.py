"""F6, the long way: two hundred `kill -9` in one newsletter, run by `make soak`, with its toll;
`make test` has the short way in `tests/faults`."""

from pathlib import Path

import pytest

from tests.faults.kills import Terms, run_kill_loop

pytestmark = pytest.mark.soak

KILLS = 200


@pytest.mark.parametrize(("connections", "readers"), [(1, 3000), (4, 8000), (16, 25000)])
def test_worker_killed_two_hundred_times_loses_nobody(
    sqlite_url: str, tmp_path: Path, connections: int, readers: int
) -> None:
    """F6 on SQLite."""
    toll = run_kill_loop(tmp_path, Terms(sqlite_url, KILLS, connections, readers))

    print(f"\n{connections} connections: {toll}")


def test_workers_side_by_side_killed_two_hundred_times_lose_nobody(
    postgres_url: str, tmp_path: Path
) -> None:
    """F6 on PostgreSQL, two workers at once."""
    toll = run_kill_loop(tmp_path, Terms(postgres_url, KILLS, 4, 20000, workers=2))

    print(f"\ntwo workers with 4 connections each: {toll}")
