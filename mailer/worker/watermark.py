"""What this machine remembers of the databases it has worked on: how far each of them had come.

Outside of them on purpose, and forced to the disk: a database that is put back to last night's
backup does not take this along.
"""

import os
from pathlib import Path

SUFFIX = ".mark"


class Watermark:
    """A file per lineage in `folder`, which is made with the first one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, lineage: str) -> int:
        """The highest mark that was noted; 0 for a database that was never seen here. Raises
        OSError or ValueError for a file that cannot be read."""
        try:
            return int(self._path(lineage).read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0

    def note(self, lineage: str, number: int) -> None:
        """Remember it, also over a power cut. Raises OSError when that cannot be done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(lineage)
        new = path.with_suffix(".new")
        with new.open("w", encoding="ascii") as stream:
            stream.write(str(number))
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)

    def _path(self, lineage: str) -> Path:
        return self._folder / f"{lineage}{SUFFIX}"
