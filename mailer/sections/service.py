"""Settings of the service itself: its pages, its database, its worker and what it writes down."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from mailer.sections.base import Section, read_origin

SHORTEST_KEY = 32
SHORTEST_LEASE = 120
"""Seconds. A claim is renewed every ten (`worker.claims.RENEW_SECONDS`); a machine that stood still
for a minute must find its claims still its own."""

_DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}
_BROKERS = ("amqp", "amqps", "redis", "rediss")


class Site(Section):
    """Where the public pages live and what signs their links."""

    base_url: str = "http://localhost:8000"
    secret_keys: list[SecretStr] = Field(min_length=1)
    demo: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        return read_origin(value)

    @field_validator("secret_keys")
    @classmethod
    def _is_long(cls, value: list[SecretStr]) -> list[SecretStr]:
        if any(len(key.get_secret_value()) < SHORTEST_KEY for key in value):
            raise ValueError(f"expected keys of {SHORTEST_KEY} characters or more, newest last")
        return value


class Database(Section):
    url: str = "sqlite:///mailer.db"

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            kind, _, driver = make_url(value).drivername.partition("+")
        except (ArgumentError, ValueError):
            kind = driver = ""
        if kind not in _DRIVERS:
            # The value may hold a password, so it is not repeated.
            raise ValueError(
                "expected sqlite:///file or postgresql://user:password@host/name, "
                "with signs such as @ and / in the password written as %40 and %2F"
            )
        if driver not in ("", _DRIVERS[kind]):
            raise ValueError(f"expected {kind}://… without +{driver}, which is not used here")
        return value


class Web(Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    threads: int = Field(8, ge=1, le=256)
    trusted_proxies: int = Field(0, ge=0, le=9)


class Limits(Section):
    """Sign-ups taken from one network address and from everyone, per hour."""

    signups_per_hour_per_ip: int = Field(10, ge=1)
    signups_per_hour: int = Field(300, ge=1)
    storage: str = "memory://"


class Engine(Section):
    kind: Literal["embedded", "celery"] = "embedded"
    claim_size: int = Field(500, ge=1, le=500)
    lease_seconds: int = Field(900, ge=SHORTEST_LEASE)
    poll_seconds: float = Field(1.0, gt=0)
    resend_unknown: bool = True
    journal_directory: Path = Path("journal")
    grace_seconds: int = Field(600, ge=0)


class Celery(Section):
    """How batches of mail reach the workers of other machines. `waiting_batches` bounds each queue;
    `batch_seconds` is how long a worker stays with one batch, about."""

    broker_url: str = "amqp://guest:guest@localhost//"
    queue_prefix: str = Field("mailer", pattern=r"^[a-z0-9][a-z0-9.-]{0,59}$")
    waiting_batches: int = Field(32, ge=1, le=10_000)
    batch_seconds: float = Field(5, gt=0, le=60)

    @field_validator("broker_url")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_broker = parts.scheme in _BROKERS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_broker = False
        if not is_broker or ";" in value:
            # The value may hold a password, so it is not repeated.
            raise ValueError(
                "expected amqp://user:password@host//name or redis://:password@host:6379/0 "
                "(amqps, rediss: encrypted), with signs such as @ and / in the password written "
                "as %40 and %2F"
            )
        return value


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Templates(Section):
    """A folder whose files override single e-mail templates of the same name."""

    overrides: Path | None = None
