"""The commands of a service that sends by Celery, when something is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet import install_fleet
from tests.service import install

NOWHERE = "redis://localhost:1/0"


def type_command(config: Path, *command: str, python_path: Path | None = None) -> tuple[int, str]:
    """The exit code of `mailer` with that command, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "mailer", "--config", str(config), *command],
        env={**os.environ, **({"PYTHONPATH": str(python_path)} if python_path else {})},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def without_celery(tmp_path: Path) -> Path:
    """A folder that stands before the others and says that the package is not there."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "celery.py").write_text("raise ModuleNotFoundError(name='celery')\n")
    return folder


@pytest.mark.parametrize("command", ["worker", "celery", "run"])
def test_extra_that_is_missing_is_named(
    tmp_path: Path, postgres_url: str, without_celery: Path, command: str
) -> None:
    with install_fleet(tmp_path, postgres_url, NOWHERE, 1) as service:
        code, said = type_command(service.config, command, python_path=without_celery)

    sentence = (
        "Error: Celery needs one more package: run `pip install '.[celery]'` in the folder of the "
        "source."
    )
    assert (code, said.splitlines()[-1]) == (1, sentence)


def test_extra_is_not_needed_to_send_from_one_process(
    tmp_path: Path, sqlite_url: str, without_celery: Path
) -> None:
    with install(tmp_path, database={"url": sqlite_url}) as service:
        answer = type_command(service.config, "migrate", python_path=without_celery)

    assert answer == (0, "The database is at the newest version.\n")


def test_celery_has_no_work_while_one_process_sends(tmp_path: Path, sqlite_url: str) -> None:
    with install(tmp_path, database={"url": sqlite_url}) as service:
        code, said = type_command(service.config, "celery")

    assert code == 1
    assert said.splitlines() == [
        "Error: The configuration cannot be used:",
        "  - engine.kind: expected “celery” for a Celery worker to have work",
    ]


def test_celery_wants_postgresql(tmp_path: Path, sqlite_url: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f'[site]\nsecret_keys = ["{"k" * 40}"]\n[database]\nurl = "{sqlite_url}"\n'
        '[engine]\nkind = "celery"\n'
    )

    code, said = type_command(config, "worker")

    sentence = (
        "“celery” sends from several processes, which needs PostgreSQL: set database.url to "
        "postgresql://user:password@host/name"
    )
    assert code == 1
    assert said.splitlines() == [
        "Error: The configuration cannot be used:",
        f"  - engine.kind: {sentence}",
    ]


def test_options_go_to_celery(tmp_path: Path, postgres_url: str) -> None:
    with install_fleet(tmp_path, postgres_url, NOWHERE, 1) as service:
        code, said = type_command(
            service.config, "celery", "--concurrency", "2", "--no-such-option"
        )

    command = "--without-gossip --without-mingle --concurrency 2 --no-such-option"
    assert code == 2
    assert command in said.splitlines()[0]
    assert "No such option" in said
