"""The sections of the configuration: what each setting is, its default, what it must look like.

`config` reads them from file and environment. What coordinators set lives in tables instead.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

SHORTEST_KEY = 32
LONGEST_WAIT = 840
"""Seconds that a provider's answer may be waited for: a mail being handed over is nobody else's
for 15 minutes (`domain.delivery.ANSWER_WAIT`), and the answer must be stored before they end."""

# What `message.headers` writes, and no dot where no mail server takes one.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254
_NOT_ASCII = "expected the name in ASCII letters, as the registrar keeps it: xn--…"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Site(Section):
    """Where the public pages live and what signs their links."""

    base_url: str = "http://localhost:8000"
    secret_keys: list[SecretStr] = Field(min_length=1)
    demo: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        return _read_origin(value)

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
            kind = make_url(value).get_backend_name()
        except (ArgumentError, ValueError):
            kind = ""
        if kind not in ("sqlite", "postgresql"):
            # The value may hold a password, so it is not repeated.
            raise ValueError(
                "expected sqlite:///file or postgresql://user:password@host/name, "
                "with signs such as @ and / in the password written as %40 and %2F"
            )
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


class Mail(Section):
    """Who the mail comes from and which provider carries it."""

    from_address: str = "news@localhost.localdomain"
    reply_to: str = ""
    unsubscribe_address: str = ""
    provider: Literal["smtp", "brevo", "inbox", "memory"] = "smtp"

    @field_validator("from_address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _read_address(value)

    @field_validator("reply_to", "unsubscribe_address")
    @classmethod
    def _is_address_or_empty(cls, value: str) -> str:
        return _read_address(value) if value else value


class Smtp(Section):
    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    helo: str = ""
    connect_seconds: float = Field(30, gt=0)
    reply_seconds: float = Field(300, gt=0, le=LONGEST_WAIT)
    messages_per_connection: int = Field(100, ge=1)


class Brevo(Section):
    api_key: SecretStr = SecretStr("")
    base_url: str = "https://api.brevo.com"
    batch_size: int = Field(50, ge=1, le=1000)
    timeout_seconds: float = Field(30, gt=0, le=LONGEST_WAIT)

    @field_validator("base_url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        origin = _read_origin(value)
        parts = urlsplit(origin)
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise ValueError("expected https://…: the key and every address go there")
        return origin


class Inbox(Section):
    """The demo's own mail server: it accepts everything and delivers nowhere."""

    host: str = "127.0.0.1"
    port: int = Field(8025, ge=1, le=65535)
    directory: Path = Path("inbox")


class Engine(Section):
    kind: Literal["embedded"] = "embedded"
    claim_size: int = Field(100, ge=1, le=500)
    lease_seconds: int = Field(900, ge=60)
    poll_seconds: float = Field(1.0, gt=0)
    resend_unknown: bool = True
    grace_seconds: int = Field(600, ge=0)


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Templates(Section):
    """A folder whose files override single e-mail templates of the same name."""

    overrides: Path | None = None


def _read_address(value: str) -> str:
    local, _, domain = value.rpartition("@")
    if not domain.isascii():
        raise ValueError(_NOT_ASCII)
    is_address = _LOCAL.fullmatch(local) and _HOST.fullmatch(domain) and "." in domain
    if not is_address or len(local) > _LONGEST_LOCAL or len(value) > _LONGEST_ADDRESS:
        raise ValueError("expected a plain address such as news@example.org, without a name")
    if "=?" in value:
        raise ValueError("expected an address without “=?”, which mail programs take for a code")
    return value


def _read_origin(value: str) -> str:
    """`scheme://host[:port]`: pages and links are made for the root of a host."""
    origin = value.rstrip("/")
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if not host.isascii():
        raise ValueError(_NOT_ASCII)
    port = "" if parts.port is None else f":{parts.port}"
    written = f"[{host}]" if ":" in host else host
    is_host = _HOST.fullmatch(host) or (":" in host and _is_ip(host))
    if parts.scheme not in ("http", "https") or not is_host:
        raise ValueError("expected an address such as https://news.example.org")
    if origin.lower() != f"{parts.scheme}://{written}{port}":
        raise ValueError("expected scheme, host and port only, as in https://news.example.org")
    return origin.lower()


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)
