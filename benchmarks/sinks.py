"""Mail servers that swallow everything, and Postfix's own load generator to feed them."""

import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.machine import find_program
from benchmarks.rounds import Watch, Work
from tests.sinks import free_port

START_SECONDS = 10.0
BACKLOG = "64"
SOURCE_HOST = "bench.example"
SOURCE_HEADERS = 143
"""Bytes of the headers that smtp-source writes above its payload, with this host's name."""


@contextmanager
def run_sink() -> Iterator[int]:
    """Postfix's smtp-sink, which keeps nothing; its port."""
    port = free_port()
    # With super-user rights it insists on being told whose to take.
    user = ["-u", pwd.getpwuid(os.geteuid()).pw_name] if os.geteuid() == 0 else []
    with _run([find_program("smtp-sink"), *user, f"127.0.0.1:{port}", BACKLOG], port):
        yield port


@contextmanager
def run_distant_sink() -> Iterator[int]:
    """A server whose every answer takes 10 ms; its port. See `distant_sink`."""
    port = free_port()
    with _run([sys.executable, "-m", "benchmarks.distant_sink", str(port)], port):
        yield port


@contextmanager
def _run(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_until_open(port)
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


def send_by_postfix(port: int, size: int, number: int, connections: int) -> Work:
    """`smtp-source -d`: messages of `size` bytes, all the same, over connections that are kept.
    It knows no recipients and keeps no ledger."""
    command = [find_program("smtp-source"), "-d", "-M", SOURCE_HOST]
    command += ["-s", str(connections), "-m", str(number), "-l", str(size - SOURCE_HEADERS)]

    def work(watch: Watch) -> int:
        with watch.running():
            subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
        return number

    return work
