"""Commands for the day after a loss, as an operator types them."""

from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import main
from mailer.usecases.restores import NOTHING_HELD

CHOICES = ("--hold", "--resend-nothing", "--send")


@pytest.fixture(autouse=True)
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAILER_CONFIG", raising=False)
    type_command("init")


def type_command(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize("choices", list(combinations(CHOICES, 2)), ids=" ".join)
def test_restored_refuses_contradictions(choices: tuple[str, str]) -> None:
    answer = type_command("restored", *choices)

    assert answer.exit_code == 2
    assert "Choose one of --hold, --resend-nothing and --send." in answer.output
    assert type_command("restored").output == f"{NOTHING_HELD}\n"
