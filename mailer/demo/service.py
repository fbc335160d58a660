"""Starts the service as a process of its own, as an operator would, and waits until it is ready."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from mailer.demo.stage import Stage

STARTS_WITHIN = 60.0
STOPS_WITHIN = 40.0


@contextmanager
def run_service(stage: Stage) -> Iterator[None]:
    """`mailer run` on the stage, until the end of the block. What it says goes to service.log."""
    with (stage.folder / "service.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "mailer", "--config", str(stage.config), "run"],
            stdout=log,
            stderr=log,
        )
        try:
            _wait(stage, process)
            yield
        finally:
            process.terminate()
            process.wait(STOPS_WITHIN)


def _wait(stage: Stage, process: subprocess.Popen[bytes]) -> None:
    url = f"{stage.parts.config.site.base_url}/readyz"
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    said = (stage.folder / "service.log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"The service did not start. It said:\n{said[-2000:]}")
