"""What is missing on a machine leaves its tests out, loudly; in CI it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mailboxes import Dovecot
from tests.parts import list_needs, say_left_out
from tests.sinks import smtp_sink

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cluster() -> str:
    """Called like the server that the fault tests stop and start."""
    return "none"


def test_parts_are_needed_by_nobody_who_does_not_ask(request: pytest.FixtureRequest) -> None:
    assert list_needs(request.node) == frozenset()


@pytest.mark.parametrize("database", ["postgresql"])
def test_parts_are_known_by_the_variant(request: pytest.FixtureRequest, database: str) -> None:
    assert list_needs(request.node) == {"PostgreSQL"}


@pytest.mark.parametrize(
    ("broker", "part"), [("rabbitmq", "RabbitMQ"), ("redis", "Redis")], ids=["one", "other"]
)
def test_parts_of_celery_are_known_by_the_variant(
    request: pytest.FixtureRequest, broker: str, part: str
) -> None:
    assert list_needs(request.node) == {part}


def test_parts_are_known_by_the_fixture(request: pytest.FixtureRequest, postgres_url: str) -> None:
    assert list_needs(request.node) == {"PostgreSQL"}


def test_parts_are_known_by_the_mailboxes_that_are_asked_for(
    request: pytest.FixtureRequest, dovecot: Dovecot
) -> None:
    assert list_needs(request.node) == {"Dovecot"}


def test_parts_are_known_by_a_server_of_the_tests_own(
    request: pytest.FixtureRequest, cluster: str
) -> None:
    assert list_needs(request.node) == {"PostgreSQL"}


def test_parts_are_known_by_what_is_called(request: pytest.FixtureRequest) -> None:
    with smtp_sink():
        assert list_needs(request.node) == {"smtp-sink"}


def test_parts_that_are_missing_are_named_with_what_is_left_out() -> None:
    left_out = {
        "smtp-sink": ["tests/b.py"],
        "Chromium": ["tests/a.py", "b.py", "tests/a.py"],
    }

    assert say_left_out(left_out) == [
        "LEFT OUT for want of Chromium (apt-get install chromium): 2 in tests/a.py, 1 in b.py",
        "LEFT OUT for want of smtp-sink (apt-get install postfix): 1 in tests/b.py",
    ]


@pytest.mark.parametrize("is_ci", [False, True])
def test_machine_without_a_browser_leaves_its_tests_out_but_not_in_ci(is_ci: bool) -> None:
    """A search path that leads nowhere stands for such a machine."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PATH": "/nonexistent"} | ({"CI": "1"} if is_ci else {})

    said = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "tests/test_browser.py"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout

    assert ("LEFT OUT for want of Chromium" in said) != is_ci
    assert ("test_browser_measures_what_sticks_out" in said) == is_ci
