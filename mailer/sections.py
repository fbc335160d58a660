"""The sections of the configuration: what each setting is, its default, what it must look like.

`config` reads them from file and environment. What coordinators set lives in tables instead.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

SHORTEST_KEY = 32
RSA_BITS, LARGEST_RSA_BITS = 2048, 4096
"""What a key that signs mail may have: fewer are not trusted, more are not always read."""
LONGEST_WAIT = 840
"""Seconds that a provider's answer may be waited for: a mail being handed over is nobody else's
for 15 minutes (`domain.delivery.ANSWER_WAIT`), and the answer must be stored before they end."""
LONGEST_LOCAL = 64
"""Characters of an address before its @ (RFC 5321, 4.5.3.1.1)."""
SHORTEST_LEASE = 120
"""Seconds. A claim is renewed every ten (`worker.claims.RENEW_SECONDS`); a machine that stood still
for a minute must find its claims still its own."""

# What `message.headers` writes, and no dot where no mail server takes one.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_FOLDER = re.compile(r"[ -~]{1,200}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")
_LONGEST_LABEL, _LONGEST_ADDRESS = 63, 254
_BROKERS = ("amqp", "amqps", "redis", "rediss")
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
    connections: int = Field(4, ge=1, le=256)
    messages_per_connection: int = Field(100, ge=1)


class Dkim(Section):
    """What mail through SMTP is signed with. Empty: whoever carries the mail signs it."""

    selector: str = ""
    domain: str = ""
    private_key: SecretStr = SecretStr("")
    ed25519_selector: str = ""
    ed25519_private_key: SecretStr = SecretStr("")

    @field_validator("selector", "ed25519_selector")
    @classmethod
    def _is_selector(cls, value: str) -> str:
        if value and not (_HOST.fullmatch(value) and len(value) <= _LONGEST_LABEL):
            raise ValueError("expected letters, digits and hyphens such as news2027")
        return value.lower()

    @field_validator("domain")
    @classmethod
    def _is_domain(cls, value: str) -> str:
        if not value.isascii():
            raise ValueError(_NOT_ASCII)
        if value and not (_HOST.fullmatch(value) and "." in value):
            raise ValueError("expected a domain such as example.org")
        return value.lower()

    @field_validator("private_key")
    @classmethod
    def _is_rsa(cls, value: SecretStr) -> SecretStr:
        if pem := value.get_secret_value():
            read_rsa_key(pem)
        return value

    @field_validator("ed25519_private_key")
    @classmethod
    def _is_ed25519(cls, value: SecretStr) -> SecretStr:
        if pem := value.get_secret_value():
            read_ed25519_key(pem)
        return value


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
        origin = _read_origin(value)
        parts = urlsplit(origin)
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
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
        return _read_address(value) if value else value

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
    domains: dict[str, str] = {}

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
                raise ValueError(_NOT_ASCII)
            if domain != "*" and not (_HOST.fullmatch(domain) and "." in domain):
                raise ValueError(f"expected a domain such as gmail.com, or *, not “{domain}”")
            if not _RATE.fullmatch(rate):
                raise ValueError(
                    f"expected a limit such as 20/minute (second, minute, hour or day) for "
                    f"{domain}, not “{rate}”"
                )
        return {domain.lower(): rate for domain, rate in value.items()}


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


def read_rsa_key(pem: str) -> RSAPrivateKey:
    """Raises ValueError for a key that verifiers of mail need not take (RFC 8301, 3.2)."""
    key = _read_key(pem)
    if isinstance(key, RSAPrivateKey) and RSA_BITS <= key.key_size <= LARGEST_RSA_BITS:
        return key
    raise ValueError(f"expected an RSA key of {RSA_BITS} to {LARGEST_RSA_BITS} bits")


def read_ed25519_key(pem: str) -> Ed25519PrivateKey:
    """Raises ValueError for every other kind of key."""
    key = _read_key(pem)
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError("expected an Ed25519 key; this is one of another kind")


def _read_key(pem: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # A TypeError is how a password in the way is told.
        raise ValueError(
            "expected a private key in PEM without a password; `mailer dkim new` makes one"
        ) from None


def _read_address(value: str) -> str:
    local, _, domain = value.rpartition("@")
    if not domain.isascii():
        raise ValueError(_NOT_ASCII)
    is_address = _LOCAL.fullmatch(local) and _HOST.fullmatch(domain) and "." in domain
    if not is_address or len(local) > LONGEST_LOCAL or len(value) > _LONGEST_ADDRESS:
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
