"""A PostgreSQL server of the tests' own: a fresh cluster on a socket in a temporary folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MISSING = (
    "PostgreSQL's server is not installed. `make test` installs it where it may; otherwise: "
    "apt-get install postgresql, or set MAILER_TEST_POSTGRES to the address of a server in which "
    "databases may be created."
)


def find_binaries() -> Path:
    """The folder with `initdb`: Debian keeps it off the PATH, by version."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not versions:
        raise RuntimeError(MISSING)
    return versions[-1].parent


@contextmanager
def run_postgres() -> Iterator[str]:
    """The address of a running server, as `postgresql://…/postgres`; gone afterwards."""
    given = os.environ.get("MAILER_TEST_POSTGRES")
    if given:
        yield given
        return
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="mailer-pg-"))
    # The server refuses to run as root, so root hands it to the account Debian made for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    pg_ctl = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-w", "-s"]
    try:
        subprocess.run(
            [
                *as_user,
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-A",
                "trust",
                "-U",
                "postgres",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
        subprocess.run([*pg_ctl, "-o", options, "-l", str(folder / "log"), "start"], check=True)
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        subprocess.run([*pg_ctl, "-m", "immediate", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)
