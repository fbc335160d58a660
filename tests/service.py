"""The service as an operator runs it: processes of `mailer`, started, watched and ended by tests.

Every wait has an end; a process that outlives its block is killed by the number it was given.
"""

import importlib
import json
import multiprocessing
import multiprocessing.process
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from mailer.boot import Parts
from mailer.cli.workers import run_worker
from mailer.config import load
from mailer.worker import crash

SECRET = "a-test-key-of-more-than-32-letters"
PATIENCE = 30.0
STOPS_WITHIN = 20.0
KILLED = 137
"""The exit code of a process that ended at a crash point, as a shell would report `kill -9`."""


@dataclass(frozen=True)
class Installation:
    """A folder with a configuration. `parts` look at the same database from the test's side."""

    folder: Path
    config: Path
    parts: Parts

    @property
    def url(self) -> str:
        return self.parts.config.site.base_url

    def said(self) -> str:
        """What the processes of this installation wrote to their log."""
        log = self.folder / "service.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


@contextmanager
def install(folder: Path, **sections: Mapping[str, Any]) -> Iterator[Installation]:
    """A configuration in `folder` of these sections, as `mailer init` and an editor make it."""
    given: dict[str, dict[str, Any]] = {name: dict(values) for name, values in sections.items()}
    given["site"] = {"secret_keys": [SECRET], **given.get("site", {})}
    journal = {"journal_directory": str(folder / "journal")}
    given["engine"] = {**journal, **given.get("engine", {})}
    config = folder / "config.toml"
    config.write_text(_toml(given), encoding="utf-8")
    parts = Parts(load(config))
    yield Installation(folder, config, parts)
    parts.database.dispose()


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    # Plain strings, numbers, truth values and lists of them look the same in JSON and TOML.
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in values.items())
    return "\n".join(lines)


@contextmanager
def run_mailer(
    installation: Installation, *command: str, crash_at: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """`mailer` with that command, until the end of the block."""
    environment = {**os.environ, **({"MAILER_CRASH_AT": crash_at} if crash_at else {})}
    with (installation.folder / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mailer", "--config", str(installation.config), *command],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        stop(process)


_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["mailer.cli.workers"])


def fork_worker(
    installation: Installation, *, crash_at: str = ""
) -> multiprocessing.process.BaseProcess:
    """`mailer worker` without the second that Python takes to read it in: for tests that start
    many. Kill it, or leave it to the end of the test run."""
    log = installation.folder / "service.log"
    worker = _NURSERY.Process(target=_work, args=(installation.config, log, crash_at), daemon=True)
    worker.start()
    return worker


def _work(config: Path, log: Path, crash_at: str) -> None:
    with log.open("ab") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    if crash_at:
        os.environ["MAILER_CRASH_AT"] = crash_at
        importlib.reload(crash)  # it was read in before this process knew where to die
    run_worker(Parts(load(config)))


@contextmanager
def at_work(installation: Installation) -> Iterator[multiprocessing.process.BaseProcess]:
    """A forked worker, ended by `kill -9` at the end of the block."""
    worker = fork_worker(installation)
    try:
        yield worker
    finally:
        worker.kill()
        worker.join()


@contextmanager
def run_service(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """`mailer run`, ready to answer, until the end of the block."""
    with run_mailer(installation, "run") as process:
        wait_until(
            lambda: process.poll() is not None or _is_ready(installation),
            installation.said,
        )
        assert process.poll() is None, installation.said()
        yield process


def _is_ready(installation: Installation) -> bool:
    with requests.Session() as http:
        http.trust_env = False  # no proxy of this machine stands before the loopback
        try:
            return http.get(f"{installation.url}/readyz", timeout=2).ok
        except requests.ConnectionError:
            return False


def stop(process: subprocess.Popen[bytes]) -> int:
    """End the process as an operator would; its exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOPS_WITHIN)
        raise


def wait_until(
    condition: Callable[[], object],
    explain: Callable[[], str] = str,
    *,
    patience: float = PATIENCE,
) -> None:
    """Look 20 times a second until `condition` holds; TimeoutError with `explain()` when it does
    not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not come about in {patience} s. {explain()[-3000:]}")
        time.sleep(0.05)
