"""Templates that an operator wrote: what takes too much is stopped, and nothing else is."""

import time
from pathlib import Path

import pytest

from mailer.domain.errors import Refused
from mailer.message import press
from mailer.message.press import Press

GOOD, NAMES = "Hello {{ name }}", {"name": "Ana", "chrome": {"lang": "cs", "dir": "ltr"}}
PATIENCE = 1.0


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "SECONDS", PATIENCE)


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

    assert took < 2 * PATIENCE
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


def test_press_ends_with_its_owner(tmp_path: Path) -> None:
    ours = write(tmp_path, good=GOOD)
    ours.render("good.txt", NAMES)
    process = ours._process
    assert process

    del ours

    assert process.poll() is not None
