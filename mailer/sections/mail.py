"""Settings of mail: who it comes from, who carries it and how fast, and where it comes back to."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from mailer.sections.base import (
    NOT_ASCII,
    Section,
    is_domain,
    is_loopback,
    read_address,
    read_origin,
)

LONGEST_WAIT = 840
"""Seconds that a provider's answer may be waited for: a mail being handed over is nobody else's
for 15 minutes (`domain.delivery.ANSWER_WAIT`), and the answer must be stored before they end."""

_FOLDER = re.compile(r"[ -~]{1,200}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")


class Mail(Section):
    """Who the mail comes from and which provider carries it."""

    from_address: str = "news@localhost.localdomain"
    reply_to: str = ""
    unsubscribe_address: str = ""
    provider: Literal["smtp", "brevo", "inbox", "memory"] = "smtp"

    @field_validator("from_address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return read_address(value)

    @field_validator("reply_to", "unsubscribe_address")
    @classmethod
    def _is_address_or_empty(cls, value: str) -> str:
        return read_address(value) if value else value


class Smtp(Section):
    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    helo: str = ""
    connect_seconds: float = Field(30, gt=0)
    reply_seconds: float = Field(300, gt=0, le=LONGEST_WAIT)
    connections: int = Field(4, ge=1, le=256)
    messages_per_connection: int = Field(100, ge=1)


class Brevo(Section):
    api_key: SecretStr = SecretStr("")
    base_url: str = "https://api.brevo.com"
    batch_size: int = Field(50, ge=1, le=1000)
    timeout_seconds: float = Field(30, gt=0, le=LONGEST_WAIT)
    webhook_secret: SecretStr = SecretStr("")

    @field_validator("webhook_secret")
    @classmethod
    def _is_part_of_an_address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("expected 32 to 128 letters, digits, hyphens or underscores")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        origin = read_origin(value)
        parts = urlsplit(origin)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError("expected https://…: the key and every address go there")
        return origin


class Bounces(Section):
    """Where undeliverable mail goes back to, and the box in which it is read (IMAP)."""

    address: str = ""
    verp: bool = False
    imap_host: str = ""
    imap_port: int = Field(993, ge=1, le=65535)
    imap_security: Literal["tls", "starttls", "none"] = "tls"
    username: str = ""
    password: SecretStr = SecretStr("")
    folder: str = "INBOX"

    @field_validator("address")
    @classmethod
    def _is_address_or_empty(cls, value: str) -> str:
        return read_address(value) if value else value

    @field_validator("folder")
    @classmethod
    def _is_folder(cls, value: str) -> str:
        if not _FOLDER.fullmatch(value):
            raise ValueError("expected a folder such as INBOX, in ASCII, as the server spells it")
        return value


class Inbox(Section):
    """The demo's own mail server: it accepts everything and delivers nowhere."""

    host: str = "127.0.0.1"
    port: int = Field(8025, ge=1, le=65535)
    directory: Path = Path("inbox")


class Throttle(Section):
    """How many mails may leave: through the provider in any second, minute, hour and day (0: no
    limit), on each day of its warm-up, and to the domains of the recipients."""

    per_second: int = Field(0, ge=0)
    per_minute: int = Field(0, ge=0)
    per_hour: int = Field(0, ge=0)
    per_day: int = Field(0, ge=0)
    warm_up: tuple[int, ...] = ()
    domains: dict[str, str] = Field(default_factory=dict)

    @field_validator("warm_up", mode="before")
    @classmethod
    def _is_listed(cls, value: object) -> object:
        """In the environment the days stand in one line: `50, 100, 500`."""
        return value.strip("[]").replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("warm_up")
    @classmethod
    def _is_plan(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(number < 1 for number in value):
            raise ValueError("expected mails per day such as [50, 100, 500], 1 or more each")
        return value

    @field_validator("domains", mode="before")
    @classmethod
    def _is_table(cls, value: object) -> object:
        """In the environment the domains stand in one line: `gmail.com=20/minute, *=100/minute`."""
        if not isinstance(value, str):
            return value
        pairs = (pair.partition("=") for pair in value.split(",") if pair.strip())
        return {domain.strip(): rate.strip() for domain, _, rate in pairs}

    @field_validator("domains")
    @classmethod
    def _is_limit(cls, value: dict[str, str]) -> dict[str, str]:
        for domain, rate in value.items():
            if not domain.isascii():
                raise ValueError(NOT_ASCII)
            if domain != "*" and not is_domain(domain):
                raise ValueError(f"expected a domain such as gmail.com, or *, not “{domain}”")
            if not _RATE.fullmatch(rate):
                raise ValueError(
                    f"expected a limit such as 20/minute (second, minute, hour or day) for "
                    f"{domain}, not “{rate}”"
                )
        return {domain.lower(): rate for domain, rate in value.items()}
