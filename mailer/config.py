"""Operator settings, read once into frozen objects. What coordinators set lives in tables instead.

Precedence: environment `MAILER_<SECTION>__<KEY>`, then the TOML file, then the defaults below.
A secret may come from a file: `MAILER_<SECTION>__<KEY>_FILE` names it.
All mistakes are reported together, each with its key and what was expected.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "MAILER_"
SHORTEST_KEY = 32
LONGEST_WAIT = 840
"""Seconds that a provider's answer may be waited for: a mail being handed over is nobody else's
for 15 minutes (`domain.delivery.ANSWER_WAIT`), and the answer must be stored before they end."""
EXAMPLE_KEY = "change-me: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


# What `message.headers` writes, and no dot where no mail server takes one.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254
_NOT_ASCII = "expected the name in ASCII letters, as the registrar keeps it: xn--…"


class Misconfigured(Exception):
    """The settings cannot work; `mistakes` lists every one of them, a line each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(f"The configuration cannot be used:\n{listed}")


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


class Config(Section):
    """Everything an operator sets. `load` is the way in."""

    site: Site
    database: Database = Database()
    web: Web = Web()
    limits: Limits = Limits()
    mail: Mail = Mail()
    smtp: Smtp = Smtp()
    brevo: Brevo = Brevo()
    inbox: Inbox = Inbox()
    engine: Engine = Engine()
    log: Log = Log()
    templates: Templates = Templates()


def load(path: Path | None = None, **overrides: Mapping[str, Any]) -> Config:
    """Read the settings from `path`, or the file `MAILER_CONFIG` names, or the environment alone.

    `overrides` (a mapping per section) outrank the file but not the environment: the demo uses
    them. Raises Misconfigured with every mistake at once.
    """
    path = path or (Path(os.environ["MAILER_CONFIG"]) if "MAILER_CONFIG" in os.environ else None)
    return read(_read_toml(path) if path else {}, overrides)


def read(settings: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """The settings, a mapping per section, with `overrides` and then the environment on top.

    Raises Misconfigured with every mistake at once.
    """
    merged: dict[str, Any] = {"site": {}, **settings}
    for section, values in overrides.items():
        merged[section] = {**merged.get(section, {}), **values}
    # What was meant for a setting that could not be read says more than that it is missing.
    mistakes = dict(_add_environment(merged))
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        said = dict(_say(dict(mistake)) for mistake in error.errors())
        raise _misconfigured(said | mistakes) from None
    mistakes |= _find_contradictions(config)
    if mistakes:
        raise _misconfigured(mistakes)
    return config


def _add_environment(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Write what the environment says into `settings`; yields key and sentence of each mistake.

    Names without `__` are not ours to judge: containers set MAILER_PORT for a service called so.
    """
    for name in sorted(os.environ):
        section, separator, key = name.removeprefix(PREFIX).lower().partition("__")
        if not name.startswith(PREFIX):
            continue
        if section in Config.model_fields and separator and key:
            key = key.removesuffix("_file")
            values = settings.get(section, {})
            try:
                value = _read_variable(name, key)
            except (OSError, UnicodeDecodeError):
                yield f"{section}.{key}", f"{name} names a file that cannot be read"
            except json.JSONDecodeError:
                yield f"{section}.{key}", f'{name} is no list such as ["first key", "second key"]'
            else:
                # A section that is no mapping is reported with the other mistakes of the file.
                settings[section] = {**values, key: value} if isinstance(values, dict) else values
        elif section in Config.model_fields or separator:
            yield name, f"no such setting; write {PREFIX}<SECTION>__<KEY> as in config.example.toml"


def _read_variable(name: str, key: str) -> Any:
    value = os.environ[name]
    if name.lower().endswith("_file"):
        value = Path(value).read_text(encoding="utf-8").strip()
    if key != "secret_keys":
        return value
    return json.loads(value) if value.startswith("[") else value.splitlines()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(
            [f"{path}: {error.strerror}. Run `mailer init` to make a new one."]
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured([f"{path}: not valid TOML: {error}"]) from None


def _misconfigured(mistakes: Mapping[str, str]) -> Misconfigured:
    return Misconfigured([f"{key}: {sentence}" for key, sentence in mistakes.items()])


def _say(mistake: dict[str, Any]) -> tuple[str, str]:
    """Key and sentence of what pydantic found."""
    key = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return key, "no such setting; config.example.toml lists them all"
    if mistake["type"] == "missing":
        return key, "missing, and there is no default; `mailer init` makes a configuration"
    if mistake["type"] == "model_type":
        return key, f"expected a section, [{key}], with settings below it"
    said = str(mistake["msg"]).removeprefix("Value error, ")
    return key, f"{said[:1].lower()}{said[1:]}"


def _find_contradictions(config: Config) -> dict[str, str]:
    """Settings that are well-formed and still cannot work: key and sentence."""
    found = {}
    keys = [key.get_secret_value() for key in config.site.secret_keys]
    if EXAMPLE_KEY in keys and not config.site.demo:
        found["site.secret_keys"] = (
            "this is the key of config.example.toml; `mailer init` makes one"
        )
    if config.engine.lease_seconds < config.smtp.connect_seconds + config.smtp.reply_seconds:
        found["engine.lease_seconds"] = (
            "expected as much as smtp.connect_seconds and smtp.reply_seconds together, or more: "
            "a claim must outlive a slow mail server"
        )
    return found


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
