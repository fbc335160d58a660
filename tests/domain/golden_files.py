"""Golden files: digests written out as JSON, one file per rule, for people to read and compare.

To accept a new result run the tests with UPDATE_GOLDEN=1 and read the change before keeping it.
Empty fields are left out; a text stands as `words (language)`, with a star when the language is
not one that the reader asked for.
"""

import difflib
import json
import os
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mailer.domain.content import ItemKey
from mailer.domain.texts import Chosen
from mailer.domain.when import When

FOLDER = Path(__file__).parent / "golden"


def check_golden(name: str, value: object) -> None:
    """Fails with a diff unless `value` is what the file says; writes the file when asked to."""
    path = FOLDER / f"{name}.json"
    found = json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    if found != expected:
        pytest.fail(f"{_diff(path.name, expected, found)}\nUPDATE_GOLDEN=1 accepts this result.")


def _diff(name: str, expected: str, found: str) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(), found.splitlines(), f"golden/{name}", "found", lineterm=""
    )
    return "\n".join(lines)


def plain(value: object) -> Any:
    """A value as JSON knows them, short enough to be read."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, ItemKey | Chosen | When | datetime):
        return _words(value)
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    return _record(value) if is_dataclass(value) else value


def _words(value: ItemKey | Chosen | When | datetime) -> str:
    match value:
        case ItemKey():
            return f"{value.kind}:{value.id}"
        case Chosen():
            return f"{value.text} ({value.lang}{'*' if value.is_fallback else ''})"
        case When():
            return _moment(value)
        case _:
            return value.isoformat()


def _moment(when: When) -> str:
    end = f" to {when.ends_at.isoformat()}" if when.ends_at else ""
    return f"{when.precision} {when.edtf}{end}"


def _record(value: Any) -> dict[str, Any]:
    entries = {entry.name: getattr(value, entry.name) for entry in fields(value)}
    return {name: plain(entry) for name, entry in entries.items() if entry or entry is False}
