"""`mailer bounce`, as a mail server calls it: every bounce is taken, or asked for again later."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm.exc import StaleDataError

from mailer.cli import main
from mailer.domain.delivery import DeliveryState
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.usecases import feedback
from tests.bounces import read_sample
from tests.letters import start_letter
from tests.people import add_people
from tests.sinks import free_port
from tests.worker.engines import KEY, ScriptedSender, run_round
from tests.worker.ledger import read_copies, read_deliveries


@pytest.fixture
def sessions(sqlite_url: str) -> Sessions:
    return open_sessions(open_engine(sqlite_url))


@pytest.fixture
def own_id(sessions: Sessions, now: datetime) -> str:
    """The Message-ID of a mail that was accepted."""
    with sessions() as session:
        add_people(session, 1, now)
    start_letter(sessions, now)
    sender = ScriptedSender()
    run_round(sessions, sender, now)
    ((found,),) = read_copies(mail.content for mail in sender.sent).values()
    return found


def configure(folder: Path, url: str) -> Path:
    config = folder / "config.toml"
    config.write_text(f'[site]\nsecret_keys = ["{KEY}"]\n[database]\nurl = "{url}"\n', "utf-8")
    return config


def hand_over(config: Path, message: bytes) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), "bounce"], input=message)


def test_bounce_is_taken(sessions: Sessions, sqlite_url: str, tmp_path: Path, own_id: str) -> None:
    config = configure(tmp_path, sqlite_url)

    answers = [hand_over(config, read_sample("qmail", own_id)) for _ in range(2)]

    assert [(one.exit_code, one.output) for one in answers] == [(0, "Taken: hard bounce.\n")] * 2
    assert [row.state for row in read_deliveries(sessions)] == [DeliveryState.BOUNCED]


@pytest.mark.parametrize("message", [b"", b"\xff\x00\n\n", b"Subject: Hello\n\nHow are you?\n"])
def test_mail_that_is_not_about_ours_is_ignored(
    sqlite_url: str, tmp_path: Path, message: bytes
) -> None:
    answer = hand_over(configure(tmp_path, sqlite_url), message)

    assert (answer.exit_code, answer.output) == (0, "Not about a mail of ours: ignored.\n")


def test_bounce_is_asked_for_again_while_the_database_is_away(tmp_path: Path, own_id: str) -> None:
    config = configure(tmp_path, f"postgresql://127.0.0.1:{free_port()}/mailer")

    answer = hand_over(config, read_sample("postfix", own_id))

    assert answer.exit_code == 75
    assert answer.stderr.startswith("Error: The database cannot be used: ")


def test_bounce_is_asked_for_again_when_its_rows_changed_meanwhile(
    sqlite_url: str, tmp_path: Path, own_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StaleDataError("the row is gone")

    monkeypatch.setattr(feedback, "take", fail)

    answer = hand_over(configure(tmp_path, sqlite_url), read_sample("postfix", own_id))

    assert (answer.exit_code, answer.stderr) == (
        75, "Error: The database cannot be used: the row is gone.\n",
    )  # fmt: skip


def test_bounce_makes_no_database_where_there_is_none(tmp_path: Path, own_id: str) -> None:
    missing = tmp_path / "elsewhere.db"

    answer = hand_over(configure(tmp_path, f"sqlite:///{missing}"), read_sample("postfix", own_id))

    assert (answer.exit_code, answer.stderr) == (
        75,
        f"Error: There is no database {missing}. Write its whole path into database.url.\n",
    )
    assert not missing.exists()


def test_bounce_is_asked_for_again_while_the_configuration_is_broken(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[site]\nkeys = 7\n", "utf-8")

    assert hand_over(config, b"").exit_code == 75


def test_all_of_a_huge_mail_is_taken_from_the_pipe(
    sqlite_url: str, tmp_path: Path, own_id: str
) -> None:
    """A mail server whose pipe breaks would return the bounce, or try for ever."""
    message = read_sample("postfix", own_id) + b"x" * 20_000_000
    config = configure(tmp_path, sqlite_url)

    answer = subprocess.run(
        [sys.executable, "-m", "mailer", "--config", str(config), "bounce"],
        input=message,
        check=False,
        capture_output=True,
        timeout=60,
    )

    assert (answer.returncode, answer.stdout) == (0, b"Taken: hard bounce.\n")
