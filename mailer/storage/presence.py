"""Which sending processes are alive, where there can be several (PostgreSQL).

Each holds an advisory lock on a connection of its own. The database lets go of it when the
process dies, so whoever gets the lock has proof of death and need not wait for leases to run out.
A process that only lost its connection may be taken for dead: the generations of its claims keep
that harmless.
"""

from collections.abc import Iterable
from hashlib import sha256

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer.storage.db import is_postgresql


class Presence:
    """Of one process. On SQLite nothing happens: there a file lock does this (`worker/lock`)."""

    def __init__(self, database: Engine, owner: str) -> None:
        self._database, self._owner = database, owner
        self._connection: Connection | None = None

    def announce(self) -> None:
        """Be known to be alive. Repeated now and then, it makes good for a lost connection."""
        if self._database.dialect.name != "postgresql" or self._is_known():
            return
        self.leave()
        connection = self._database.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # back in the pool the lock would outlive us
        # Never waiting: should the database still hold it for a connection of ours that broke, that
        # proves us alive as well, and the next announcement tries again.
        is_ours = connection.scalar(select(func.pg_try_advisory_lock(_key(self._owner))))
        if is_ours:
            self._connection = connection
        else:
            connection.close()

    def leave(self) -> None:
        """Be dead, as far as others can tell."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _is_known(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(select(1))
        except SQLAlchemyError:
            return False
        return True


def list_dead(session: Session, owners: Iterable[str]) -> list[str]:
    """Those of these processes that are known to be dead; on SQLite nobody can tell."""
    if not is_postgresql(session):
        return []
    return [
        owner
        for owner in owners
        if session.scalar(select(func.pg_try_advisory_xact_lock(_key(owner))))
    ]


def _key(owner: str) -> int:
    return int.from_bytes(sha256(f"mailer:{owner}".encode()).digest()[:8], "big", signed=True)
