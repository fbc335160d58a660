"""Operator settings, read once into frozen objects. What coordinators set lives in tables instead.

Precedence: environment `MAILER_<SECTION>__<KEY>`, then the TOML file, then the defaults below.
A secret may come from a file: `MAILER_<SECTION>__<KEY>_FILE` names it.
All mistakes are reported together, each with its key and what was expected.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "MAILER_"
SHORTEST_KEY = 32
EXAMPLE_KEY = "change-me: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


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
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as https://news.example.org")
        return value.rstrip("/")

    @field_validator("secret_keys")
    @classmethod
    def _is_long(cls, value: list[SecretStr]) -> list[SecretStr]:
        if any(len(key.get_secret_value()) < SHORTEST_KEY for key in value):
            raise ValueError(f"expected keys of {SHORTEST_KEY} characters or more, newest last")
        return value


class Database(Section):
    url: str = "sqlite:///mailer.db"


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
    def _has_domain(cls, value: str) -> str:
        local, at, domain = value.rpartition("@")
        if not (local and at and "." in domain and value.isascii() and " " not in value):
            raise ValueError("expected an address such as news@example.org")
        return value


class Smtp(Section):
    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    helo: str = ""
    connect_seconds: float = Field(30, gt=0)
    reply_seconds: float = Field(300, gt=0)
    messages_per_connection: int = Field(100, ge=1)


class Brevo(Section):
    api_key: SecretStr = SecretStr("")
    base_url: str = "https://api.brevo.com"
    batch_size: int = Field(50, ge=1, le=1000)
    timeout_seconds: float = Field(30, gt=0)


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


class Config(BaseSettings):
    """Everything an operator sets. `load` is the way in."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - ours reads more
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` hands over the TOML as keyword arguments: the environment must outrank it.
        return _Environment(settings_cls), init_settings


class _Environment(EnvSettingsSource):
    """The environment, where `<KEY>_FILE` stands for a key whose value is the text of a file."""

    def __call__(self) -> dict[str, Any]:
        settings = super().__call__()
        for section, values in settings.items():
            if isinstance(values, dict):
                settings[section] = dict(_read_secret(key, value) for key, value in values.items())
        return settings


def _read_secret(key: str, value: Any) -> tuple[str, Any]:
    if not key.endswith("_file"):
        return key, value
    text = Path(value).read_text(encoding="utf-8").strip()
    key = key.removesuffix("_file")
    return key, text.splitlines() if key == "secret_keys" else text


def load(path: Path | None = None, **overrides: Mapping[str, Any]) -> Config:
    """Read the settings from `path`, or the file `MAILER_CONFIG` names, or the environment alone.

    `overrides` (a mapping per section) outrank the file but not the environment: the demo uses
    them. Raises Misconfigured with every mistake at once.
    """
    path = path or (Path(os.environ["MAILER_CONFIG"]) if "MAILER_CONFIG" in os.environ else None)
    settings = _read_toml(path) if path else {}
    for section, values in overrides.items():
        settings[section] = {**settings.get(section, {}), **values}
    try:
        config = Config(**settings)
    except ValidationError as error:
        raise Misconfigured([_sentence(dict(mistake)) for mistake in error.errors()]) from None
    except OSError as error:
        raise Misconfigured([f"{error.filename}: this secret file cannot be read"]) from None
    _refuse_example_secret(config)
    return config


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(
            [f"{path}: {error.strerror}. Run `mailer init` to make a new one."]
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured([f"{path}: not valid TOML: {error}"]) from None


def _sentence(mistake: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in mistake["loc"]) or "settings"
    if mistake["type"] == "extra_forbidden":
        return f"{key}: no such setting; config.example.toml lists them all"
    if mistake["type"] == "missing":
        return f"{key}: missing, and there is no default; see config.example.toml"
    said = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{key}: {said[:1].lower()}{said[1:]}"


def _refuse_example_secret(config: Config) -> None:
    if config.site.demo:
        return
    if any(key.get_secret_value() == EXAMPLE_KEY for key in config.site.secret_keys):
        raise Misconfigured(
            ["site.secret_keys: this is the key of config.example.toml; `mailer init` makes one"]
        )
