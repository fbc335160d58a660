"""What this machine remembers of the databases it has worked on: how far each of them had come.

Outside of them on purpose, and forced to the disk: a database that is put back to last night's
backup does not take this along. What follows from that is for `restores` to say.
"""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from mailer.clock import Clock
from mailer.storage.db import Sessions
from mailer.storage.lineage import find_mark
from mailer.usecases import restores

SUFFIX = ".mark"

log = structlog.get_logger()


class Watermark:
    """An empty file per lineage in `folder`, which is made with the first one. The number is in
    its name, so that no crash leaves a half-written one. This process also keeps in mind what it
    saw itself, for a machine on which no file can be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, int] = {}

    def follow(self, sessions: Sessions, clock: Clock, reading: Sessions | None = None) -> None:
        """Notice a database that was put back to a backup; of any other, remember how far it is.

        What is remembered is read first: another worker may raise the mark at any moment.
        """
        with (reading or sessions)() as session:
            last = find_mark(session)
        seen = replace(last, number=self.read(last.lineage)) if last else None
        with sessions() as session:
            mark = restores.go_on(session, seen, clock())
        if mark is None:
            return
        try:
            self.note(mark.lineage, mark.number)
        except OSError as error:
            # Somebody waits for their mail all the same.
            log.warning("a restored backup would not be noticed", error=str(error))

    def read(self, lineage: str) -> int:
        """The highest mark that was noted; 0 for a database that was never seen here."""
        return max(self._seen.get(lineage, 0), *self._list_files(lineage), 0)

    def note(self, lineage: str, number: int) -> None:
        """Remember it, also over a power cut, unless a higher one is known. Raises OSError when
        that cannot be done; this process remembers it even so."""
        self._seen[lineage] = max(number, self._seen.get(lineage, 0))
        if number <= max(self._list_files(lineage), default=0):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{lineage}-{number}{SUFFIX}").touch()
        _force(self._folder)
        for lower, path in self._list_files(lineage).items():
            if lower < number:
                path.unlink(missing_ok=True)

    def _list_files(self, lineage: str) -> dict[int, Path]:
        found = {}
        for path in self._folder.glob(f"{lineage}-*{SUFFIX}"):
            with suppress(ValueError):  # a name that is none of ours
                found[int(path.stem.rpartition("-")[2])] = path
        return found


def _force(folder: Path) -> None:
    """A new name is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
