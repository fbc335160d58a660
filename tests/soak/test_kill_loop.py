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


@pytest.mark.parametrize(("connections", "readers"), [(1, 6000), (4, 20000), (16, 60000)])
def test_workers_side_by_side_killed_two_hundred_times_lose_nobody(
    postgres_url: str, tmp_path: Path, connections: int, readers: int
) -> None:
    """F6 on PostgreSQL, two workers at once."""
    toll = run_kill_loop(tmp_path, Terms(postgres_url, KILLS, connections, readers, workers=2))

    print(f"\ntwo workers with {connections} connections each: {toll}")


@pytest.mark.parametrize(("connections", "dot_seconds"), [(1, 0.05), (4, 0.1), (16, 0.4)])
@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
def test_celery_killed_two_hundred_times_loses_nobody(
    request: pytest.FixtureRequest,
    postgres_url: str,
    tmp_path: Path,
    broker: str,
    connections: int,
    dot_seconds: float,
) -> None:
    """F6 with two of Celery's workers, through both brokers."""
    url = request.getfixturevalue(broker).url
    terms = Terms(postgres_url, KILLS, connections, 40000, broker=url, dot_seconds=dot_seconds)

    toll = run_kill_loop(tmp_path, terms)

    print(f"\nCelery through {broker}, {connections} connections for each process: {toll}")
