"""From one database to another, as an operator types it."""

from datetime import datetime
from pathlib import Path

from click.testing import CliRunner

from mailer.cli import main
from tests.people import add_people
from tests.service import install


def test_copy_fills_the_other_database_once(
    tmp_path: Path, sqlite_url: str, postgres_url: str, now: datetime
) -> None:
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
    with (
        install(folders[0], database={"url": sqlite_url}) as here,
        install(folders[1], database={"url": postgres_url}) as there,
    ):
        with here.parts.sessions() as session:
            add_people(session, 3, now)
        words = ["--config", str(here.config), "copy", str(there.config)]

        first, second = (CliRunner().invoke(main, words) for _ in range(2))

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "subscriber          3" in first.output
    assert second.output == "Error: There is something in that database already: subscriber.\n"
