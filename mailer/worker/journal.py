"""Where outcomes wait while the database is out of reach: a local file, forced to the disk.

A mail that was accepted and not written down is sent again, so what is known must outlive this
process. One file per process, locked as long as it lives; whoever starts next, and holds no such
process alive, carries its lines over.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import structlog
from sqlalchemy.orm import Session

from mailer.clock import Clock
from mailer.providers.base import Fate, Outcome
from mailer.storage import claiming
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim
from mailer.worker.settling import Settler

SUFFIX = ".outcomes"

log = structlog.get_logger()


class Journal:
    """The journal of one process in `folder`, which is made with the first line. `owner` names
    the process."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder, self._name = folder, owner.replace(":", "-").replace("/", "-")
        self._stream: IO[str] | None = None
        self._path: Path | None = None

    def keep(self, settled: Sequence[tuple[Claim, Outcome]], provider: str) -> None:
        """Write these down and force them to the disk. Raises OSError when that cannot be done."""
        stream = self._open()
        try:
            stream.writelines(_write(claim, outcome, provider) for claim, outcome in settled)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            # Its buffer keeps what the disk did not take: the next line begins a file of its own.
            self._let_go()
            raise

    def replay(self, sessions: Sessions, clock: Clock, *, resends_unknown: bool) -> None:
        """Carry every line that no living process holds, and our own, over into the ledger.
        What was carried over before changes nothing."""
        replayed = 0
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                stream = path.open("r+", encoding="utf-8")
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    log.warning("a journal cannot be read", file=path.name, error=str(error))
                continue
            with stream:
                is_free = path == self._path or _lock(stream)
                if not (is_free and _is_there(stream)):
                    continue
                entries = list(_read(stream))
                _carry_over(sessions, entries, clock, resends_unknown=resends_unknown)
                path.unlink()
                if path == self._path:
                    self._let_go()
                replayed += len(entries)
        if replayed:
            log.info("outcomes carried over from the journal", number=replayed)

    def _open(self) -> IO[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        while self._stream is None:
            # A new name each time: nobody who still reads the last file can remove this one.
            path = self._folder / f"{self._name}-{uuid4().hex[:8]}{SUFFIX}"
            stream = path.open("x", encoding="utf-8")
            # It names nobody, but the servers' words may.
            path.chmod(0o600)
            if _lock(stream) and _is_there(stream):
                self._stream, self._path = stream, path
            else:
                stream.close()  # somebody took it for a dead process's before it was locked
        return self._stream

    def _let_go(self) -> None:
        stream, self._stream, self._path = self._stream, None, None
        # Where the disk is full, closing fails as well, and closes all the same.
        with suppress(OSError):
            if stream:
                stream.close()


def is_about(there: Claim | None, claim: Claim) -> bool:
    """Whether `claim` is the mail that the ledger has under its number now. A database that was put
    back to a backup gives the numbers out again."""
    return there is not None and there.created_at == claim.created_at


def _lock(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(stream: IO[str]) -> bool:
    """Whether the file still has a name: a lock on one that was removed is worth nothing."""
    return os.fstat(stream.fileno()).st_nlink > 0


def _write(claim: Claim, outcome: Outcome, provider: str) -> str:
    line = {
        "delivery": claim.id,
        "generation": claim.generation,
        "created_at": claim.created_at.isoformat(),
        "provider": provider,
        "fate": outcome.fate,
        "phase": outcome.phase,
        "code": outcome.code,
        "text": outcome.text,
        "provider_message_id": outcome.provider_message_id,
    }
    return json.dumps(line) + "\n"


def _read(stream: IO[str]) -> Iterator[dict[str, Any]]:
    for line in stream:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            # The process died in the middle of the last line, before it counted on it.
            log.warning("a broken line in the journal", line=line[:200])


def _carry_over(
    sessions: Sessions, entries: list[dict[str, Any]], clock: Clock, *, resends_unknown: bool
) -> None:
    """All of a provider at once, each provider in a transaction of its own: people are held before
    any mail is."""
    for provider in sorted({entry["provider"] for entry in entries}):
        theirs = [entry for entry in entries if entry["provider"] == provider]
        with sessions() as session:
            settled = list(_find_settled(session, theirs))
            Settler(provider, resends_unknown).settle(session, settled, clock())


def _find_settled(
    session: Session, entries: Sequence[dict[str, Any]]
) -> Iterator[tuple[Claim, Outcome]]:
    """Those of which the ledger does not know yet."""
    for entry in entries:
        claim = claiming.find_claim(session, entry["delivery"], entry["generation"])
        if claim is None:
            continue
        if claim.created_at.isoformat() != entry.get("created_at"):
            # Kept for a database that is lost: the one that was put back gave the number again.
            log.error("an outcome of another mail is not carried over", delivery=claim.id)
            continue
        yield (
            claim,
            Outcome(
                claim.id,
                Fate(entry["fate"]),
                entry["phase"],
                entry["code"],
                entry["text"],
                entry["provider_message_id"],
            ),
        )
