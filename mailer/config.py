"""Operator settings, read once into frozen objects. What coordinators set lives in tables instead.

Precedence: environment `MAILER_<SECTION>__<KEY>`, then the TOML file, then what `sections` says.
A secret may come from a file: `MAILER_<SECTION>__<KEY>_FILE` names it, or `<key>_file` in TOML.
All mistakes are reported together, each with its key and what was expected.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mailer.sections.base import LONGEST_LOCAL, Section
from mailer.sections.dkim import Dkim
from mailer.sections.mail import Bounces, Brevo, Inbox, Mail, Smtp, Throttle
from mailer.sections.service import Celery, Database, Engine, Limits, Log, Site, Templates, Web

PREFIX = "MAILER_"
MARK_LENGTH = 50
"""Characters that `bounces.verp` adds: a plus and the mark of a Message-ID."""
EXAMPLE_KEY = "change-me: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


NO_FILE = (
    "there is no config.toml here: go to its folder, or name it with --config or in MAILER_CONFIG; "
    "`mailer init` makes a new installation"
)


class Misconfigured(Exception):
    """The settings cannot work; `mistakes` lists every one of them, a line each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(f"The configuration cannot be used:\n{listed}")


class Config(Section):
    """Everything an operator sets. `load` is the way in."""

    site: Site
    database: Database = Database()
    web: Web = Web()
    limits: Limits = Limits()
    mail: Mail = Mail()
    smtp: Smtp = Smtp()
    dkim: Dkim = Dkim()
    brevo: Brevo = Brevo()
    bounces: Bounces = Bounces()
    inbox: Inbox = Inbox()
    throttle: Throttle = Throttle()
    engine: Engine = Engine()
    celery: Celery = Celery()
    log: Log = Log()
    templates: Templates = Templates()


def load(path: Path | None = None, **overrides: Mapping[str, Any]) -> Config:
    """Read the settings from `path`, or the file `MAILER_CONFIG` names, or the environment alone.

    `overrides` (a mapping per section) outrank the file but not the environment: the demo uses
    them. Raises Misconfigured with every mistake at once.
    """
    path = path or (Path(os.environ["MAILER_CONFIG"]) if "MAILER_CONFIG" in os.environ else None)
    if not (path or overrides or _list_variables()):
        raise Misconfigured([NO_FILE])
    return read(_read_toml(path) if path else {}, overrides)


def read(settings: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """The settings, a mapping per section, with `overrides` and then the environment on top.

    Raises Misconfigured with every mistake at once.
    """
    merged: dict[str, Any] = {"site": {}, **settings}
    for section, values in overrides.items():
        merged[section] = {**merged.get(section, {}), **values}
    # What was meant for a setting that could not be read says more than that it is missing.
    mistakes = dict([*_add_files(merged), *_add_environment(merged)])
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        said = dict(_say(dict(mistake)) for mistake in error.errors())
        raise _misconfigured(said | mistakes) from None
    mistakes = _find_contradictions(config) | mistakes
    if mistakes:
        raise _misconfigured(mistakes)
    return config


def _add_files(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Put what the file named by `<key>_file` says in the place of `<key>`; yields key and
    sentence of each mistake."""
    for section, values in settings.items():
        if not isinstance(values, dict):
            continue  # reported with the other mistakes of the file
        settings[section] = kept = {k: v for k, v in values.items() if not k.endswith("_file")}
        for name in sorted(values.keys() - kept.keys()):
            key = name.removesuffix("_file")
            if kept.get(key):
                yield f"{section}.{key}", f"{key} and {name} are both set; keep one of them"
                continue
            try:
                kept[key] = _read_file(values[name], key)
            except (OSError, ValueError, TypeError):
                yield f"{section}.{key}", f"{name} names a file that cannot be read"


def _add_environment(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Write what the environment says into `settings`; yields key and sentence of each mistake."""
    for name in _list_variables():
        section, separator, key = name.removeprefix(PREFIX).lower().partition("__")
        if section not in Config.model_fields or not (separator and key):
            yield name, f"no such setting; write {PREFIX}<SECTION>__<KEY> as in config.example.toml"
            continue
        key = key.removesuffix("_file")
        if rival := _find_rival(name):
            yield f"{section}.{key}", f"{rival} and {name} are both set; keep one of them"
            continue
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


def _list_variables() -> list[str]:
    """Names in the environment that mean a setting, or try to. Those without `__` are not ours to
    judge: containers set MAILER_PORT for a service called so."""
    ours = sorted(name for name in os.environ if name.startswith(PREFIX))
    parts = [(name, *name.removeprefix(PREFIX).lower().partition("__")) for name in ours]
    return [name for name, section, mark, _ in parts if mark or section in Config.model_fields]


def _find_rival(name: str) -> str:
    """For a variable that names a file: the one that says the value itself, if that is set, too."""
    rival = name[: -len("_file")]
    return rival if _names_file(name) and os.environ.get(rival) else ""


def _read_variable(name: str, key: str) -> Any:
    value = os.environ[name]
    return _read_file(value, key) if _names_file(name) else _read_value(value, key)


def _names_file(name: str) -> bool:
    return name.lower().endswith("_file")


def _read_file(path: str, key: str) -> Any:
    return _read_value(Path(path).read_text(encoding="utf-8").strip(), key)


def _read_value(text: str, key: str) -> Any:
    if key != "secret_keys":
        return text
    return json.loads(text) if text.startswith("[") else text.splitlines()


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
    found = dict([*_find_unpaired(config.dkim), *_find_bounce_mistakes(config)])
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
    if config.engine.kind == "celery" and config.database.url.startswith("sqlite"):
        found["engine.kind"] = (
            "“celery” sends from several processes, which needs PostgreSQL: set database.url to "
            "postgresql://user:password@host/name"
        )
    return found


def _find_bounce_mistakes(config: Config) -> Iterator[tuple[str, str]]:
    """What the way back of bounces lacks."""
    bounces = config.bounces
    local = (bounces.address or config.mail.from_address).partition("@")[0]
    room = LONGEST_LOCAL - MARK_LENGTH
    if bounces.verp and len(local) > room:
        yield "bounces.address", f"expected at most {room} characters before the @ with verp"
    if bounces.imap_host and not bounces.username:
        yield "bounces.username", "missing, but bounces.imap_host is set"


def _find_unpaired(dkim: Dkim) -> Iterator[tuple[str, str]]:
    """What signing lacks: a selector its key, a key its selector, a second signature its first."""
    pairs = (
        ("", dkim.selector, dkim.private_key),
        ("ed25519_", dkim.ed25519_selector, dkim.ed25519_private_key),
    )
    for kind, selector, key in pairs:
        if selector and not key:
            yield (
                f"dkim.{kind}private_key",
                f"missing, but dkim.{kind}selector is set; `mailer dkim new` makes a key",
            )
        if key and not selector:
            yield f"dkim.{kind}selector", f"missing, but dkim.{kind}private_key is set"
    if dkim.ed25519_selector and not dkim.selector:
        yield "dkim.selector", "expected an RSA key as well: few verifiers know Ed25519"
    elif dkim.ed25519_selector and dkim.ed25519_selector == dkim.selector:
        yield "dkim.ed25519_selector", "expected another one than dkim.selector: a record each"
