"""Templates that an operator wrote: what takes too much is stopped, and nothing else is."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mailer.domain.errors import NotNow, Refused
from mailer.message import press
from mailer.message.press import Press
from mailer.message.render import Renderer
from tests.message.samples import BASE_URL, frame

GOOD, NAMES = "Hello {{ name }}", {"name": "Ana", "chrome": {"lang": "cs", "dir": "ltr"}}
COMPUTING = 1.0


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "SECONDS", COMPUTING)


def write(folder: Path, **templates: str) -> Press:
    for name, source in templates.items():
        (folder / f"{name}.txt").write_text(source, encoding="utf-8")
    return Press(folder)


def loop(depth: int) -> str:
    """As deep, each level a thousand times: no `range` is needed for that."""
    begin = "{% for _x in 'a' * 1000 %}"
    return begin * depth + "{% endfor %}" * depth


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(loop(4), id="nested loops"),
        pytest.param("{% set n = 3 ** (10 ** 9) %}", id="a long sum"),
        pytest.param("{% set n = name * 10 ** 10 %}", id="30 GB"),
        pytest.param("{{ ('%%0%dd' % 10 ** 9) % 1 }}", id="a format"),
        pytest.param("{{ name.ljust(10 ** 10) }}", id="a method"),
        pytest.param("{{ (name * 10 ** 8) | list | length }}", id="a filter"),
    ],
)
def test_bomb_is_stopped_and_the_next_template_is_written(tmp_path: Path, bomb: str) -> None:
    ours = write(tmp_path, bomb=bomb, good=GOOD)
    ours.render("good.txt", NAMES)
    began_at = time.monotonic()

    with pytest.raises(Refused, match=r"bomb\.txt was stopped: it takes more than"):
        ours.render("bomb.txt", NAMES)
    took = time.monotonic() - began_at

    assert took < press.PATIENCE
    assert ours.render("good.txt", NAMES) == "Hello Ana"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for _x in 'a' * 1000 %}{{ 'b' * 1001 }}{% endfor %}", "writes more than 1,000,000"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "maximum recursion depth"),
        ("{% if %}", "Expected an expression"),
        ("{{ nobody }}", "'nobody' is undefined"),
    ],
)
def test_template_that_cannot_be_used_says_why(tmp_path: Path, source: str, said: str) -> None:
    ours = write(tmp_path, bad=source)

    with pytest.raises(Refused, match=said):
        ours.render("bad.txt", NAMES)


def test_press_writes_what_the_catalogue_says(tmp_path: Path) -> None:
    ours = write(tmp_path, good="{{ _('Unsubscribe') }}")

    assert ours.render("good.txt", NAMES) == "Odhlásit se"


def test_press_keeps_secrets_from_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the sandbox ever have a hole, there is nothing behind it."""
    monkeypatch.setenv("MAILER_SMTP__PASSWORD", "canary")
    ours = write(tmp_path, good=GOOD)
    ours.render("good.txt", NAMES)
    assert ours._process

    environment = Path(f"/proc/{ours._process.pid}/environ").read_bytes()

    assert b"canary" not in environment


def test_press_leaves_the_process_of_its_parent_alone(tmp_path: Path) -> None:
    ours = write(tmp_path, good=GOOD)
    ours.render("good.txt", NAMES)
    parents = ours._process
    ours._owner = -1  # as a process finds it that was forked since

    text = ours.render("good.txt", NAMES)

    assert text == "Hello Ana"
    assert parents
    assert parents.poll() is None
    assert parents is not ours._process


def start(folder: Path) -> tuple[Press, int]:
    """A press at work, and the number of its process."""
    ours = write(folder, good=GOOD)
    ours.render("good.txt", dict(NAMES))
    assert ours._process
    return ours, ours._process.pid


def test_templates_of_a_letter_share_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press, "SECONDS", 0.4)
    ours = write(tmp_path, long=loop(2))
    letters = [dict(NAMES) for _ in range(10)]
    write_long(ours, letters)

    with pytest.raises(Refused, match=r"long\.txt was stopped: it takes more than"):
        write_long(ours, letters[:1] * 200)


def test_renderer_gives_a_letter_s_templates_the_same_context(tmp_path: Path) -> None:
    renderer, given = Renderer(BASE_URL, tmp_path), list[Mapping[str, Any]]()
    write_one = renderer._write

    def note(name: str, context: Mapping[str, Any]) -> str:
        given.append(context)
        return write_one(name, context)

    renderer._write = note

    renderer.transactional("already", "en", frame("en"))

    assert len(given) == 5
    assert all(context is given[0] for context in given)


def write_long(ours: Press, contexts: list[dict[str, object]]) -> None:
    for context in contexts:
        ours.render("long.txt", context)


def test_process_that_is_killed_amid_a_letter_has_a_successor(tmp_path: Path) -> None:
    ours, pid = start(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
    killer.start()

    text = ours.render("good.txt", NAMES)
    killer.join()

    assert text == "Hello Ana"


def test_process_that_is_killed_between_letters_leaves_no_pipes(tmp_path: Path) -> None:
    ours, pid = start(tmp_path)
    before = count_open_files()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    text = ours.render("good.txt", NAMES)

    assert text == "Hello Ana"
    assert count_open_files() == before


def count_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_machine_that_is_too_slow_is_no_template_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, pid = start(tmp_path)
    monkeypatch.setattr(press, "PATIENCE", 0.3)
    os.kill(pid, signal.SIGSTOP)
    began_at = time.monotonic()

    with pytest.raises(NotNow, match=r"good\.txt cannot be written just now"):
        ours.render("good.txt", NAMES)
    took = time.monotonic() - began_at

    assert took < 3 * press.PATIENCE
    monkeypatch.undo()
    assert ours.render("good.txt", NAMES) == "Hello Ana"


def test_press_in_use_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = start(tmp_path)
    monkeypatch.setattr(press, "PATIENCE", 0.1)

    with ours._lock, pytest.raises(NotNow):
        ours.render("good.txt", NAMES)


@pytest.mark.parametrize(
    "python",
    [
        pytest.param("exit 0", id="ends at once"),
        pytest.param("exec sleep 60", id="takes too long"),
        pytest.param("", id="cannot be run"),
    ],
)
def test_process_that_does_not_start_is_no_template_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    ours, program = write(tmp_path, good=GOOD), tmp_path / "python"
    if python:
        program.write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
        program.chmod(0o700)
    with monkeypatch.context() as ill:
        ill.setattr(press, "PATIENCE", 0.3)
        ill.setattr(sys, "executable", str(program))

        with pytest.raises(NotNow):
            ours.render("good.txt", NAMES)

    assert ours.render("good.txt", NAMES) == "Hello Ana"


def test_press_ends_with_its_owner(tmp_path: Path) -> None:
    ours = write(tmp_path, good=GOOD)
    ours.render("good.txt", NAMES)
    process = ours._process
    assert process

    del ours

    assert process.poll() is not None
