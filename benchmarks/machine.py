"""What machine this is: figures without it say nothing. Also the folder that databases are made
in, since how fast a disk forgets nothing decides how fast mail can leave."""

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.postgres import find_binaries

ROOM = Path("/var/tmp")  # noqa: S108  unlike /tmp it is never in memory, where nothing is forced to a disk
FORCED_WRITES = 200


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on a disk, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mailer-bench-", dir=ROOM) as folder:
        yield Path(folder)


def describe() -> dict[str, str]:
    """Everything that a figure depends on, in words."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _read_model(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "disk": _read_file_system(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _ask(str(find_binaries() / "postgres"), "--version"),
        "Postfix": _ask(find_program("postconf"), "-h", "mail_version"),
    }


def measure_disk() -> float:
    """Microseconds that the disk takes to promise 4 KiB, in the median."""
    seconds = []
    with scratch() as folder, (folder / "file").open("wb", buffering=0) as stream:
        for _ in range(FORCED_WRITES):
            started = time.perf_counter()
            stream.write(b"x" * 4096)
            os.fsync(stream.fileno())
            seconds.append(time.perf_counter() - started)
    return median(seconds) * 1e6


def find_program(name: str) -> str:
    """Postfix's programs stand in /usr/sbin, which is not on everybody's PATH."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        raise SystemExit(f"{name} is missing: install Postfix (apt-get install postfix).")
    return path


def _read_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _read_file_system() -> str:
    mounts = [
        line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    ]
    above = [mount for mount in mounts if ROOM.is_relative_to(mount[0])]
    return max(above, key=lambda mount: len(mount[0]))[1]


def _ask(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.strip().removeprefix("postgres (PostgreSQL) ")
