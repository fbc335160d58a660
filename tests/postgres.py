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


class Cluster:
    """A server whose data lie in `folder`; it can be stopped and started again. Unless it `is_safe`
    it forces nothing to the disk, which is faster and survives no power cut."""

    def __init__(self, folder: Path, *, is_safe: bool = False) -> None:
        self._folder, self._data, self._is_safe = folder, folder / "data", is_safe
        self._binaries = find_binaries()
        # The server refuses to run as root, so root hands it to the account Debian made for it.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self._folder}"

    def create(self) -> None:
        options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        options += [] if self._is_safe else ["--no-sync"]
        self._run("initdb", "-D", str(self._data), *options, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses=''"
        options += "" if self._is_safe else " -c fsync=off -c max_connections=60"
        self._run(*self._control, "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """As a crash would: nobody is asked to finish."""
        self._run(*self._control, "-m", "immediate", "stop")

    @property
    def _control(self) -> list[str]:
        return ["pg_ctl", "-D", str(self._data), "-w", "-s"]

    def _run(self, program: str, *arguments: str, stdout: int | None = None) -> None:
        command = [*self._as_user, str(self._binaries / program), *arguments]
        subprocess.run(command, check=True, stdout=stdout)


@contextmanager
def run_cluster(room: Path | None = None, *, is_safe: bool = False) -> Iterator[Cluster]:
    """A running server of its own in a new folder in `room`, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-pg-", dir=room))
    try:
        cluster = Cluster(folder, is_safe=is_safe)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_postgres() -> Iterator[str]:
    """The address of a running server, as `postgresql://…/postgres`; gone afterwards."""
    given = os.environ.get("MAILER_TEST_POSTGRES")
    if given:
        yield given
        return
    with run_cluster() as cluster:
        yield cluster.url
