"""A copy of a database that is in use, as a file. SQLite only: PostgreSQL brings its own tool."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from mailer.domain.errors import Refused
from mailer.storage.db import open_engine, open_sessions


def copy_file(engine: Engine, path: Path, stamp: Callable[[Session], None]) -> None:
    """Write everything that is committed by now into a new file that only its owner may read, and
    let `stamp` change the copy before it has its name: there is none without.

    Nobody is kept from writing meanwhile. Raises Refused where that is not the way, when there is
    such a file, or when it cannot be written.
    """
    if engine.dialect.name != "sqlite":
        raise Refused(
            "PostgreSQL is backed up with pg_dump. After you have restored it, and before you "
            "start the service, run `mailer restored --hold`."
        )
    if path.exists():
        raise Refused(f"{path} is there already. Name a file that is not.")
    part = path.with_name(f"{path.name}.part")
    try:
        _copy(engine, part)
        _change(part, stamp)
        part.rename(path)
    except (OSError, sqlite3.Error) as error:
        raise Refused(f"{path} cannot be written: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _copy(engine: Engine, part: Path) -> None:
    part.unlink(missing_ok=True)  # of a copy that broke off
    part.touch(mode=0o600)
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("VACUUM INTO ?", (str(part),))


def _change(part: Path, stamp: Callable[[Session], None]) -> None:
    copy = open_engine(f"sqlite:///{part}")
    try:
        with open_sessions(copy)() as session:
            stamp(session)
    finally:
        copy.dispose()
