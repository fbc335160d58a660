"""F45: last night's backup is put back, and does not know whom it has written to since."""

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, make_url, text

from mailer import clock
from mailer.cli import main
from mailer.doctor import examine
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import Refused
from mailer.domain.newsletter import NewsletterState
from mailer.storage.newsletters import get_newsletter
from mailer.usecases import letters, restores, sending
from tests.faults.workers import Install, list_readers, start_newsletter
from tests.letters import WHO
from tests.people import add_subscriber
from tests.service import Installation, at_work, wait_until
from tests.sinks import ScriptedSmtp, scripted_smtp
from tests.worker.ledger import read_account, read_copies

READERS = 6


@dataclass(frozen=True)
class Archive:
    """Keeps a backup of a database as an operator might, and puts it back."""

    keep: Callable[[], None]
    put_back: Callable[[], None]


@pytest.fixture
def archive(url: str, tmp_path: Path) -> Archive:
    return _of_file(url, tmp_path) if url.startswith("sqlite") else _of_server(url)


def _of_file(url: str, folder: Path) -> Archive:
    live, kept = Path(str(make_url(url).database)), folder / "kept.db"

    def keep() -> None:
        with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(kept)) as target:
            source.backup(target)

    def put_back() -> None:
        for path in live.parent.glob(f"{live.name}-*"):
            path.unlink()
        shutil.copy(kept, live)

    return Archive(keep, put_back)


def _of_server(url: str) -> Archive:
    name = make_url(url).database
    place = make_url(url).set(database="postgres", drivername="postgresql+psycopg")

    def run(*statements: str) -> None:
        admin = create_engine(place, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        admin.dispose()

    return Archive(
        lambda: run(f"CREATE DATABASE kept_{name} TEMPLATE {name}"),
        lambda: run(
            f"DROP DATABASE {name} WITH (FORCE)",
            f"CREATE DATABASE {name} TEMPLATE kept_{name}",
        ),
    )


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with scripted_smtp(extensions=("PIPELINING",)) as server:
        yield server


@pytest.fixture
def worker(install_worker: Install, url: str, server: ScriptedSmtp) -> Installation:
    return install_worker(url, server.port)


@contextmanager
def at_rest(worker: Installation) -> Iterator[None]:
    """Nobody is connected to the database."""
    worker.parts.database.dispose()
    yield


def type_command(worker: Installation, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(worker.config), *words])


def wait_for_state(worker: Installation, newsletter_id: int, state: NewsletterState) -> None:
    wait_until(lambda: read_state(worker, newsletter_id)[0] == state, worker.said)


def read_state(worker: Installation, newsletter_id: int) -> tuple[NewsletterState, str]:
    with worker.parts.sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
        return newsletter.state, newsletter.reason


def list_recipients(server: ScriptedSmtp) -> list[str]:
    copies = read_copies(server.bodies)
    return sorted(address for address, ids in copies.items() for _ in ids)


def lose_a_day(worker: Installation, archive: Archive) -> int:
    """A newsletter is under way when the backup is made; it is sent, and the backup put back."""
    with at_work(worker):
        wait_until(lambda: list((worker.folder / "journal").glob("*.mark")), worker.said)
    newsletter_id = start_newsletter(worker, READERS)
    with at_rest(worker):
        archive.keep()
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.SENT)
    with at_rest(worker):
        archive.put_back()
    return newsletter_id


def ask_to_confirm(worker: Installation) -> None:
    """Somebody signs up, and waits for the mail."""
    now = clock.now()
    with worker.parts.sessions() as session:
        pending = SubscriberState.PENDING
        visitor = add_subscriber(session, "visitor@example.org", now, state=pending)
        wish = {"subscriber": visitor, "language": "en", "context": {"jti": "abc"}}
        letters.queue(session, "confirm", **wish, now=now, lives=timedelta(days=1))


def test_restored_backup_writes_to_nobody_until_a_person_has_spoken(
    worker: Installation, archive: Archive, server: ScriptedSmtp
) -> None:
    """Those who wait for a mail get it all the same."""
    newsletter_id = lose_a_day(worker, archive)
    ask_to_confirm(worker)

    with at_work(worker):
        wait_until(lambda: len(server.bodies) > READERS, worker.said)

    advice = [f.what for f in examine(worker.parts) if "restored backup" in f.what]
    assert list_recipients(server) == [*list_readers(READERS), "visitor@example.org"]
    assert read_state(worker, newsletter_id) == (NewsletterState.PAUSED, restores.HELD_BACK)
    assert len(advice) == 1
    with worker.parts.sessions() as session, pytest.raises(Refused, match="restored backup"):
        sending.resume(session, get_newsletter(session, newsletter_id), WHO, clock.now())


def test_restored_backup_leaves_open_mails_to_a_coordinator(
    worker: Installation, archive: Archive, server: ScriptedSmtp
) -> None:
    newsletter_id = lose_a_day(worker, archive)
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.PAUSED)

    answer = type_command(worker, "restored", "--resend-nothing")
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.SENT)
    account = read_account(worker.parts.sessions, newsletter_id)

    assert answer.exit_code == 0
    assert f"{READERS} mails are unknown now" in answer.output
    assert list_recipients(server) == list_readers(READERS)
    assert (account.by_state, account.open) == ({DeliveryState.UNKNOWN: READERS}, 0)
    assert account.adds_up


def test_restored_backup_goes_on_when_nothing_was_sent_since(
    worker: Installation, archive: Archive, server: ScriptedSmtp
) -> None:
    """The person says so, wrongly here: that is how the test can tell."""
    newsletter_id = lose_a_day(worker, archive)
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.PAUSED)

    answer = type_command(worker, "restored", "--send")
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.SENT)

    assert answer.exit_code == 0
    assert list_recipients(server) == sorted(2 * list_readers(READERS))


def test_restored_backup_is_noticed_again_when_it_is_put_back_again(
    worker: Installation, archive: Archive, server: ScriptedSmtp
) -> None:
    newsletter_id = lose_a_day(worker, archive)
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.PAUSED)
    type_command(worker, "restored", "--resend-nothing")
    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.SENT)
    with at_rest(worker):
        archive.put_back()

    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.PAUSED)

    assert list_recipients(server) == list_readers(READERS)


def test_engine_alone_notices_a_restored_backup(
    worker: Installation, archive: Archive, server: ScriptedSmtp
) -> None:
    """A process of Celery's has no timetable, and the dispatcher may not have ticked yet."""
    newsletter_id = lose_a_day(worker, archive)
    engine = worker.parts.build_engine()

    engine.run_once()
    engine.shut_down()

    assert list_recipients(server) == list_readers(READERS)
    assert read_state(worker, newsletter_id) == (NewsletterState.PAUSED, restores.HELD_BACK)


def test_backup_put_back_under_a_running_worker_is_noticed_before_anything_leaves(
    install_worker: Install, postgres_url: str, server: ScriptedSmtp
) -> None:
    """Nobody can do that to SQLite: the worker would go on with the file that was removed."""
    worker, archive = install_worker(postgres_url, server.port), _of_server(postgres_url)
    with at_work(worker):
        wait_until(lambda: list((worker.folder / "journal").glob("*.mark")), worker.said)
    newsletter_id = start_newsletter(worker, READERS)
    with at_rest(worker):
        archive.keep()

    with at_work(worker):
        wait_for_state(worker, newsletter_id, NewsletterState.SENT)
        with at_rest(worker):
            archive.put_back()
        wait_for_state(worker, newsletter_id, NewsletterState.PAUSED)

    assert list_recipients(server) == list_readers(READERS)
    assert read_state(worker, newsletter_id) == (NewsletterState.PAUSED, restores.HELD_BACK)


def is_held(worker: Installation) -> bool:
    return "No newsletter leaves" in type_command(worker, "restored").output


def test_database_that_was_only_stopped_goes_on(worker: Installation) -> None:
    newsletter_id = start_newsletter(worker, READERS)
    for _ in range(2):
        with at_work(worker):
            wait_for_state(worker, newsletter_id, NewsletterState.SENT)

    assert not is_held(worker)


def test_restore_that_no_machine_can_notice_is_told_by_hand(worker: Installation) -> None:
    newsletter_id = start_newsletter(worker, READERS)

    said = [type_command(worker, "restored", *words).output for words in ((), ("--hold",), ())]

    assert said[0] == f"{restores.NOTHING_HELD}\n"
    assert said[1].startswith("No newsletter leaves until you have said what was sent since")
    assert said[2] == said[1]
    assert read_state(worker, newsletter_id) == (NewsletterState.PAUSED, restores.HELD_BACK)


@pytest.mark.parametrize("choice", ["--send", "--resend-nothing"])
def test_choice_without_a_restore_is_refused(worker: Installation, choice: str) -> None:
    answer = type_command(worker, "restored", choice)

    assert (answer.exit_code, answer.output) == (1, f"Error: {restores.NOTHING_HELD}\n")


@pytest.fixture
def here(install_worker: Install, sqlite_url: str, server: ScriptedSmtp) -> Installation:
    return install_worker(sqlite_url, server.port)


def test_backup_holds_newsletters_back_on_any_machine(
    here: Installation, install_worker: Install, server: ScriptedSmtp, tmp_path: Path
) -> None:
    """A new machine remembers nothing, so the copy itself says what it is."""
    file = tmp_path / "backup.db"
    newsletter_id = start_newsletter(here, READERS)

    answer = type_command(here, "backup", str(file))
    beside = list(tmp_path.glob("backup.db-*"))
    with at_work(here):
        wait_for_state(here, newsletter_id, NewsletterState.SENT)
    there = install_worker(f"sqlite:///{file}", server.port)

    assert answer.exit_code == 0
    assert is_held(there)
    assert read_state(there, newsletter_id) == (NewsletterState.PAUSED, restores.HELD_BACK)
    assert list_recipients(server) == list_readers(READERS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert beside == []


def test_backup_overwrites_nothing(here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("words")

    answer = type_command(here, "backup", str(file))

    assert answer.output == f"Error: {file} is there already. Name a file that is not.\n"
    assert file.read_text() == "words"


def test_backup_that_cannot_be_written_leaves_nothing(here: Installation, tmp_path: Path) -> None:
    answer = type_command(here, "backup", str(tmp_path / "nowhere" / "backup.db"))

    assert answer.exit_code == 1
    assert "cannot be written: " in answer.output


def test_backup_that_cannot_be_stamped_is_none(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be taken for a database that knows whom it has written to."""

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(restores, "hold_back", fail)
    before = sorted(tmp_path.iterdir())

    answer = type_command(here, "backup", str(tmp_path / "backup.db"))

    assert answer.exit_code == 1
    assert "no space left" in answer.output
    assert sorted(tmp_path.iterdir()) == before


def test_backup_of_postgresql_names_the_tool_for_it(
    install_worker: Install, postgres_url: str, tmp_path: Path
) -> None:
    answer = type_command(install_worker(postgres_url, 25), "backup", str(tmp_path / "copy"))

    assert answer.exit_code == 1
    assert "pg_dump" in answer.output
    assert not (tmp_path / "copy").exists()
