"""The command as a whole: what it lists, and what each process reads in for its command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

from mailer.cli import ROOMS, main
from tests.service import install

COMMANDS = (
    "backup bounce celery copy demo digest dkim doctor export import init migrate newsletter "
    "restored run user web worker"
)
PAGES = ["flask", "gunicorn", "mailer.web"]

LOOK = f"import sys; print(*[name for name in {PAGES!r} if name in sys.modules])"
TYPE = "from mailer.cli import main; main([{!r}, '--help'], standalone_mode=False)"


def list_loaded(code: str, config: Path) -> list[str]:
    """What of the pages a new process has in memory after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOOK}"],
        env={**os.environ, "MAILER_CONFIG": str(config)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.splitlines()[-1].split()


def test_help_lists_every_command() -> None:
    said = CliRunner().invoke(main, ["--help"]).output

    lines = said.partition("Commands:\n")[2].splitlines()
    assert " ".join(line.split()[0] for line in lines) == COMMANDS


@pytest.mark.parametrize("name", ROOMS)
def test_command_is_in_its_room(name: str) -> None:
    command = main.get_command(Context(main), name)

    assert command is not None
    assert command.name == name


def test_slip_is_answered_with_what_comes_near() -> None:
    answer = CliRunner().invoke(main, ["wroker"])

    assert (answer.exit_code, answer.output.splitlines()[-1]) == (
        2,
        "Error: No such command 'wroker'. Did you mean 'worker'?",
    )


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        (TYPE.format("worker"), []),
        (TYPE.format("celery"), []),
        ("import mailer.celery", []),  # what `mailer celery` becomes
        (TYPE.format("web"), PAGES),
    ],
)
def test_who_sends_mail_loads_no_pages(tmp_path: Path, code: str, loaded: list[str]) -> None:
    sections = {"engine": {"kind": "celery"}, "database": {"url": "postgresql://localhost/none"}}
    with install(tmp_path, **sections) as service:
        found = list_loaded(code, service.config)

    assert found == loaded
