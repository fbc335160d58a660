"""One sending process per SQLite database, held by a file lock beside it.

Holding it proves that every earlier sender is dead, because the kernel lets go of a dead
process's lock: recovery may begin at once instead of waiting for leases to run out.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from mailer.domain.errors import Refused


@contextmanager
def hold_sender_lock(engine: Engine) -> Iterator[bool]:
    """Yields True while this process is known to be the only sender, False where the database
    lets several send side by side (PostgreSQL). Raises Refused when another one holds the lock."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:":
        yield engine.dialect.name == "sqlite"
        return
    lock = Path(f"{path}.sender")
    with lock.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            raise Refused(
                f"Another sender (process {stream.read().strip() or 'unknown'}) works on this "
                "database. Stop it first, or use PostgreSQL to run several."
            ) from None
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield True
