"""A PostgreSQL server of the benchmarks' own, as `initdb` makes it: it forces every commit to the
disk. The tests' server does not, and would flatter us."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from benchmarks.machine import ROOM
from tests.postgres import find_binaries


@contextmanager
def run_postgres() -> Iterator[str]:
    """The address of a running server, as `postgresql://…/postgres`; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-bench-pg-", dir=ROOM))
    # The server refuses to run as root, so root hands it to the account Debian made for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, log = str(folder / "data"), str(folder / "log")
    pg_ctl = [*as_user, str(find_binaries() / "pg_ctl"), "-D", data, "-w", "-s"]
    like = "-A trust -U postgres -E UTF8 --locale=C.UTF-8"
    try:
        subprocess.run([*pg_ctl, "-o", like, "initdb"], check=True, stdout=subprocess.DEVNULL)
        options = f"-k {folder} -c listen_addresses=''"
        subprocess.run([*pg_ctl, "-o", options, "-l", log, "start"], check=True)
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        subprocess.run([*pg_ctl, "-m", "immediate", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def make_database(server: str) -> str:
    """The address of a new, empty database on that server."""
    name = f"bench_{uuid4().hex}"
    driver = server.replace("postgresql://", "postgresql+psycopg://")
    admin = create_engine(driver, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
