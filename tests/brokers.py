"""Brokers of the tests' own, RabbitMQ and Redis: loopback ports of their own, data in a temporary
folder, ended by the number they were given.

They know nothing of a RabbitMQ or a Redis that this machine runs as a service.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts import RABBITMQ, find_redis
from tests.service import wait_until
from tests.sinks import Certificate, free_port

START_SECONDS = 60


@dataclass
class Broker:
    """A server that a test may stop and start again, with what it holds lost or not."""

    url: str
    port: int
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = process = subprocess.Popen(
                self.command, env={**os.environ, **self.environment}, stdout=log, stderr=log
            )
        wait_until(lambda: process.poll() is not None or is_open(self.port), self.said)
        assert process.poll() is None, self.said()

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(START_SECONDS)
            self.process = None

    def kill(self) -> None:
        """For the end: what it holds goes with it, and a goodbye takes RabbitMQ many seconds."""
        if self.process:
            self.process.kill()
            self.process.wait(START_SECONDS)
            self.process = None

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder / "said"


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def run_redis(certificate: Certificate | None = None) -> Iterator[Broker]:
    """A Redis that keeps nothing: what is in it when it stops is lost. With a certificate it
    speaks no plain text."""
    folder, port = Path(tempfile.mkdtemp(prefix="mailer-redis-")), free_port()
    url = f"{'rediss' if certificate else 'redis'}://localhost:{port}/0"
    options = {"bind": "127.0.0.1", "dir": str(folder), "save": "", "port": str(port)}
    if certificate:
        files = {"tls-cert-file": str(certificate.file), "tls-key-file": str(certificate.key)}
        options |= files | {"tls-auth-clients": "no", "tls-port": str(port), "port": "0"}
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    yield from _keep(Broker(url, port, [find_redis() or "redis-server", *given], {}, folder))


@contextmanager
def run_rabbitmq(certificate: Certificate | None = None) -> Iterator[Broker]:
    """A RabbitMQ without plug-ins. Its queues outlive a stop, what is in them does not. With a
    certificate it speaks no plain text."""
    folder, port = Path(tempfile.mkdtemp(prefix="mailer-rabbit-")), free_port()
    url = f"{'amqps' if certificate else 'amqp'}://guest:guest@localhost:{port}//"
    (folder / "plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text(_configure_rabbitmq(port, certificate))
    with _run_epmd() as names_port:
        environment = {
            "HOME": str(folder),  # of the secret by which Erlang's nodes know each other
            "ERL_EPMD_PORT": str(names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"mailer-test-{port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            # The server takes the place of the script that starts it, so its number is ours.
            "RABBITMQ_ALLOW_INPUT": "yes",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +S 1:1 +sbwt none",
        }
        yield from _keep(Broker(url, port, [str(RABBITMQ)], environment, folder))


def _configure_rabbitmq(port: int, certificate: Certificate | None) -> str:
    if certificate is None:
        return f"listeners.tcp.default = 127.0.0.1:{port}\n"
    return (
        "listeners.tcp = none\n"
        f"listeners.ssl.default = 127.0.0.1:{port}\n"
        f"ssl_options.certfile = {certificate.file}\n"
        f"ssl_options.keyfile = {certificate.key}\n"
        "ssl_options.verify = verify_none\n"
    )


def _keep(broker: Broker) -> Iterator[Broker]:
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(broker.folder, ignore_errors=True)


@contextmanager
def _run_epmd() -> Iterator[int]:
    """Erlang's book of names, where our node is the only entry; its port."""
    port = free_port()
    command = ["epmd", "-port", str(port), "-address", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_open(port))
        yield port
    finally:
        process.terminate()
        process.wait(START_SECONDS)


BROKERS = {"rabbitmq": run_rabbitmq, "redis": run_redis}


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Broker]:
    """One for all tests of this process: it takes two seconds to start. Do not stop it."""
    with run_rabbitmq() as broker:
        yield broker


@pytest.fixture(scope="session")
def redis() -> Iterator[Broker]:
    """One for all tests of this process. Do not stop it."""
    with run_redis() as broker:
        yield broker
