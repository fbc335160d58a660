"""What tests need of the machine beside Python, and which tests those are.

A test whose part is missing is left out of the run, and the run says so at its end. Where `CI` is
set nothing is left out: what is missing fails there.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FunctionType

import pytest

from tests.postgres import find_binaries

SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
ADVICE = {
    "Chromium": "apt-get install chromium",
    "Dovecot": "apt-get install dovecot-imapd, 2.3",
    "smtp-sink": "apt-get install postfix",
    "PostgreSQL": "apt-get install postgresql, or set MAILER_TEST_POSTGRES",
    "RabbitMQ": "apt-get install rabbitmq-server",
    "Redis": "apt-get install redis-server",
}


RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The server itself: the one on the PATH insists on Debian's account for it."""


def find_rabbitmq() -> str | None:
    return str(RABBITMQ) if RABBITMQ.exists() and shutil.which("epmd") else None


def find_redis() -> str | None:
    return shutil.which("redis-server", path=SYSTEM_PATH)


def find_dovecot() -> str | None:
    """Dovecot 2.3: the next one is configured in other words."""
    path = shutil.which("dovecot", path=SYSTEM_PATH)
    if not path or not Path("/usr/lib/dovecot/imap").exists():
        return None
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return path if told.startswith("2.3.") else None


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def list_missing() -> frozenset[str]:
    """The parts that this machine lacks."""
    found = {
        "Chromium": find_chromium(),
        "Dovecot": find_dovecot(),
        "smtp-sink": shutil.which("smtp-sink", path=SYSTEM_PATH),
        "PostgreSQL": os.environ.get("MAILER_TEST_POSTGRES") or _has_postgres(),
        "RabbitMQ": find_rabbitmq(),
        "Redis": find_redis(),
    }
    return frozenset(name for name, where in found.items() if not where)


def _has_postgres() -> bool:
    try:
        return find_binaries().is_dir()
    except RuntimeError:
        return False


def list_needs(item: pytest.Item) -> frozenset[str]:
    """The parts without which the test cannot run, by its fixtures and by what it calls."""
    fixtures = frozenset(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    variants = list(callspec.params.values()) if callspec else []
    needs = {
        "Chromium": "chromium" in fixtures,
        "Dovecot": "dovecot" in fixtures,
        "PostgreSQL": bool(fixtures & {"cluster", "postgres_url"}) or "postgresql" in variants,
        "RabbitMQ": "rabbitmq" in fixtures or "rabbitmq" in variants,
        "Redis": "redis" in fixtures or "redis" in variants,
        "smtp-sink": any("smtp_sink" in code.__code__.co_names for code in _functions(item)),
    }
    return frozenset(name for name, is_needed in needs.items() if is_needed)


def _functions(item: pytest.Item) -> list[FunctionType]:
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.values() if info else ()
    fixtures = [definition.func for each in definitions for definition in each]
    test = getattr(item, "function", None)
    return [each for each in (test, *fixtures) if isinstance(each, FunctionType)]


def say_left_out(tests: Mapping[str, Iterable[str]]) -> list[str]:
    """A line per missing part. `tests` names, for each part, the files of its tests, one by one."""
    lines = []
    for part, files in sorted(tests.items()):
        counted = ", ".join(f"{number} in {file}" for file, number in Counter(files).items())
        lines.append(f"LEFT OUT for want of {part} ({ADVICE[part]}): {counted}")
    return lines
