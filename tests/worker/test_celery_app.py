"""How the app treats a broker: what is encrypted is also verified, and nothing is named aloud."""

from pathlib import Path

import pytest

from mailer.config import Misconfigured, read
from mailer.sections.service import Celery
from mailer.worker.celery_app import make_app, name_broker
from tests.brokers import BROKERS
from tests.sinks import make_certificate


def connect(url: str) -> None:
    with make_app(Celery(broker_url=url)).connection_for_write() as connection:
        connection.connect()
        # Redis lets one connect before it is asked for anything.
        connection.default_channel.queue_declare("probe")


@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_encryption_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    certificate = make_certificate(tmp_path)
    with BROKERS[kind](certificate) as broker:
        with pytest.raises(Exception, match="self-signed certificate"):
            connect(broker.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
        connect(broker.url)
        with pytest.raises(Exception, match=r"not valid for '127\.0\.0\.1'"):
            connect(broker.url.replace("localhost", "127.0.0.1"))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("amqp://guest:guest@localhost//", "localhost"),
        ("redis://:a%40b@cache.example.org:6380/1", "cache.example.org:6380"),
        ("redis://cache.example.org/0", "cache.example.org"),
    ],
)
def test_broker_is_named_without_its_password(url: str, name: str) -> None:
    assert name_broker(Celery(broker_url=url)) == name


@pytest.mark.parametrize(
    "url",
    [
        "http://user:geheim@localhost/",
        "amqp://",
        "redis://user:geheim@localhost:99999/0",
        "amqp://user:geheim@one//;amqp://user:geheim@two//",
    ],
)
def test_address_that_is_no_brokers_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read({"site": {"secret_keys": ["k" * 40]}, "celery": {"broker_url": url}}, {})

    said = str(caught.value)
    assert "celery.broker_url: expected amqp://user:password@host//name or redis://" in said
    assert "geheim" not in said
