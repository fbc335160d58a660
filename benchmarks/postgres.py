"""A PostgreSQL server of the benchmarks' own: it forces every commit to the disk. The tests' server
does not, and would flatter us."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from benchmarks.machine import ROOM
from tests.postgres import run_cluster


@contextmanager
def run_postgres() -> Iterator[str]:
    """The address of a running server, as `postgresql://…/postgres`; gone afterwards."""
    with run_cluster(ROOM, is_safe=True) as cluster:
        yield cluster.url


def make_database(server: str) -> str:
    """The address of a new, empty database on that server."""
    name = f"bench_{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
