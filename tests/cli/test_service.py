"""The operator's commands: making a service, looking at it, starting it."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.boot import Parts
from mailer.cli import main
from mailer.config import load
from mailer.domain.association import Association
from mailer.storage.db import open_engine
from mailer.storage.languages import list_content_languages
from mailer.storage.plans import list_plans
from mailer.storage.settings import get_association
from mailer.storage.users import count_users
from mailer.usecases.users import NewUser, add_first, add_user, ensure_roles
from tests.service import Installation, install, run_service
from tests.sinks import free_port

PASSWORD = "several words are fine"

Mailer = Callable[..., Result]


@pytest.fixture
def mailer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailer:
    """Types one command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAILER_CONFIG", raising=False)
    return lambda *words: CliRunner().invoke(main, words)


def read_code(said: str) -> str:
    return said.partition("with the code ")[2].split()[0]


def test_init_makes_a_service_to_sign_in_to(mailer: Mailer) -> None:
    answer = mailer("init", "--base-url", "https://news.example.org", "--name", "MigAct")

    assert answer.exit_code == 0
    parts = Parts(load(Path("config.toml")))
    with parts.sessions() as session:
        new = NewUser("eva@example.org", "Eva", "admin")
        add_first(session, read_code(answer.output), new, PASSWORD, parts.clock())
        assert count_users(session) == 1
    assert [stat.S_IMODE(Path(name).stat().st_mode) for name in ("config.toml", "mailer.db")] == [
        0o600,
        0o600,
    ]


def test_init_keeps_the_file_that_is_there(mailer: Mailer) -> None:
    mailer("init", "--base-url", "https://news.example.org")
    before = Path("config.toml").read_bytes()

    answer = mailer("init", "--base-url", "https://other.example.org")

    assert answer.output.splitlines()[0] == "config.toml is there already and stays as it is."
    assert Path("config.toml").read_bytes() == before


def test_init_makes_the_file_that_the_environment_names(
    mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_CONFIG", "my.toml")

    answers = [mailer("init"), mailer("init"), mailer("newsletter", "list")]

    assert [answer.exit_code for answer in answers] == [0, 0, 0]
    assert sorted(path.name for path in Path().glob("*.toml")) == ["my.toml"]


def test_init_says_how_to_name_a_file_of_its_own(mailer: Mailer) -> None:
    answer = mailer("init", "--file", "other.toml")

    assert "mailer --config other.toml" in answer.output
    assert [path.name for path in Path().glob("*.toml")] == ["other.toml"]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("--from", "bad"), "mail.from_address"),
        (("--from", 'a"b@example.org'), "mail.from_address"),
        (("--base-url", "news.example.org"), "site.base_url"),
    ],
)
def test_init_writes_nothing_that_cannot_be_used(
    mailer: Mailer, words: tuple[str, ...], key: str
) -> None:
    answer = mailer("init", *words)

    assert answer.exit_code == 1
    assert f"  - {key}: expected " in answer.output
    assert list(Path().iterdir()) == []


def test_init_keeps_the_name_on_one_line(mailer: Mailer) -> None:
    """A name that was wrapped where it was copied from would make every mail unbuildable."""
    mailer("init", "--name", "Your\n   association")

    parts = Parts(load(Path("config.toml")))
    with parts.reading() as session:
        assert get_association(session) == Association("Your association")


def test_folder_without_a_configuration_says_where_to_go(mailer: Mailer) -> None:
    answer = mailer("newsletter", "list")

    assert (answer.exit_code, answer.output.splitlines()[1:]) == (
        1,
        [
            (
                "  - there is no config.toml here: go to its folder, or name it with --config or "
                "in MAILER_CONFIG; `mailer init` makes a new installation"
            )
        ],
    )


def test_init_says_that_a_folder_is_missing(mailer: Mailer) -> None:
    answer = mailer("init", "--file", "nowhere/config.toml")

    assert answer.output.splitlines()[-1] == (
        "Error: nowhere/config.toml cannot be written: No such file or directory."
    )


@pytest.mark.parametrize(
    "url",
    ["mysql://x/y", "nonsense", "postgresql://u:p@host:port/x"],
)
def test_a_bad_database_is_a_sentence(
    mailer: Mailer, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    mailer("init")
    monkeypatch.setenv("MAILER_DATABASE__URL", url)

    answer = mailer("migrate")

    assert answer.exit_code == 1
    assert "database.url: expected sqlite:///file or postgresql://" in answer.output


def test_a_file_that_is_no_database_is_a_sentence(
    mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailer("init")
    monkeypatch.setenv("MAILER_DATABASE__URL", "sqlite:///config.toml")

    answer = mailer("newsletter", "list")

    assert answer.output == (
        "Error: The database cannot be used: file is not a database. "
        "Run `mailer doctor` to see why.\n"
    )


def test_a_command_before_migrate_is_a_sentence(
    mailer: Mailer, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    mailer("init")
    monkeypatch.setenv("MAILER_DATABASE__URL", postgres_url)
    engine = open_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE newsletter CASCADE")
    engine.dispose()

    answer = mailer("newsletter", "list")

    assert answer.output == (
        'Error: The database cannot be used: relation "newsletter" does not exist. '
        "Run `mailer doctor` to see why.\n"
    )


def test_doctor_names_every_mistake_of_the_configuration(mailer: Mailer) -> None:
    mailer("init")
    config = Path("config.toml")
    config.write_text(config.read_text("utf-8").replace("news@", "News <news@"), "utf-8")

    answer = mailer("doctor", "--json")

    assert answer.exit_code == 3
    assert json.loads(answer.output) == [
        {
            "ok": False,
            "what": "mail.from_address: expected a plain address such as news@example.org, "
            "without a name",
            "do": "Correct it in the configuration file or in the environment.",
        }
    ]


@pytest.mark.parametrize(
    ("sender", "is_good"),
    [
        ("news@example.org", False),
        ("news@localhost.localdomain", False),
        ("news@bigexample.org", True),
    ],
)
def test_doctor_looks_at_the_sender(mailer: Mailer, sender: str, is_good: bool) -> None:
    mailer("init", "--from", sender)

    answer = mailer("doctor", "--json")

    found = [one["ok"] for one in json.loads(answer.output) if sender in one["what"]]
    assert found == [is_good]


@pytest.mark.parametrize(("others", "says"), [(0, "1 coordinator"), (1, "2 coordinators")])
def test_doctor_counts_coordinators(mailer: Mailer, others: int, says: str) -> None:
    code = read_code(mailer("init", "--name", "MigAct").output)
    parts = Parts(load(Path("config.toml")))
    with parts.sessions() as session:
        new = NewUser("eva@example.org", "Eva", "admin")
        add_first(session, code, new, PASSWORD, parts.clock())
        for number in range(others):
            other = NewUser(f"{number}@example.org", "Ida", "editor")
            add_user(session, other, PASSWORD, "test", parts.clock())

    found = [one["what"] for one in json.loads(mailer("doctor", "--json").output)]

    assert f"{says} can sign in." in found
    assert "The footer of every mail names the sender: MigAct" in found


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Installation]:
    """A configuration on a database that is not there yet."""
    port = free_port()
    sections = {
        "database": {"url": f"sqlite:///{tmp_path}/mailer.db"},
        "site": {"base_url": f"http://127.0.0.1:{port}"},
        "web": {"port": port},
        "smtp": {"host": "127.0.0.1", "port": free_port(), "security": "none"},
    }
    with install(tmp_path, **sections) as installation:
        yield installation


def test_run_sets_up_an_empty_database(empty: Installation) -> None:
    with run_service(empty):
        said = empty.said()

    with empty.parts.sessions() as session:
        new = NewUser("eva@example.org", "Eva", "admin")
        add_first(session, read_code(said), new, PASSWORD, empty.parts.clock())
        assert "en" in list_content_languages(session)
        assert "weekly" in [plan.slug for plan in list_plans(session)]


def test_run_leaves_the_code_of_init_alone(empty: Installation) -> None:
    made = CliRunner().invoke(main, ["--config", str(empty.config), "init"]).output

    with run_service(empty):
        said = empty.said()

    assert "with the code" not in said
    with empty.parts.sessions() as session:
        ensure_roles(session)
        new = NewUser("eva@example.org", "Eva", "admin")
        add_first(session, read_code(made), new, PASSWORD, empty.parts.clock())


def test_run_carries_no_connection_across_the_fork(empty: Installation) -> None:
    with run_service(empty) as process:
        # The parent only watches: what it holds open, its child would share.
        held = [link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir()]

    assert [path for path in held if path.name == "mailer.db"] == []
