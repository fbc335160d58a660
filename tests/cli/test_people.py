"""Commands that bring people and websites in and take them out, as an operator types them."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from mailer.cli import main
from mailer.domain.consent import SubscriberState
from mailer.domain.website import as_json, read_website
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.imports import Finding
from mailer.storage.subscribers import Subscriber
from mailer.storage.users import User, find_user
from mailer.usecases.passwords import is_password
from mailer.usecases.setup import set_up

WEBSITE = Path(__file__).parent.parent / "data" / "migact-website.txt"
PEOPLE = "Email,Language,Status\nanna@example.org,cs,subscribed\nbad,,\neva@gmail.con,,\n"

Run = Callable[..., Result]


@pytest.fixture
def sessions(sqlite_url: str, now: Any) -> Sessions:
    sessions = open_sessions(open_engine(sqlite_url))
    with sessions() as session:
        set_up(session, None, now)
    return sessions


@pytest.fixture
def run(sessions: Sessions, sqlite_url: str, tmp_path: Path) -> Run:
    """Types one command; the service is the one of `sessions`."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[site]\nsecret_keys = ["{"k" * 40}"]\n[database]\nurl = "{sqlite_url}"\n', "utf-8"
    )

    def run(*words: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(main, ["--config", str(config), *words], input=stdin)

    return run


def count(sessions: Sessions, table: type) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_website_dry_run_prints_the_reading_and_keeps_nothing(run: Run, sessions: Sessions) -> None:
    answer = run("import", "website", str(WEBSITE), "--dry-run", "--json")

    assert answer.exit_code == 0
    assert json.loads(answer.output) == as_json(read_website(WEBSITE.read_text("utf-8")))
    assert count(sessions, Finding) == 0


def test_website_dry_run_needs_no_configuration() -> None:
    answer = CliRunner().invoke(main, ["import", "website", str(WEBSITE), "--dry-run"], env={})

    assert answer.exit_code == 0
    assert answer.output.splitlines()[:2] == ["Language: en-GB", ""]


def test_website_is_kept_once(run: Run, sessions: Sessions) -> None:
    first = run("import", "website", str(WEBSITE), "--json")
    second = run("import", "website", "-", "--json", stdin=WEBSITE.read_bytes())

    assert [json.loads(answer.output)["new"] for answer in (first, second)] == [24, 0]
    assert count(sessions, Finding) == 24


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\0\0"], ids=["encoding", "NUL"])
def test_website_that_is_no_text_is_refused(run: Run, data: bytes) -> None:
    answer = run("import", "website", "-", stdin=data)

    assert answer.exit_code == 1
    assert "Traceback" not in answer.output


def test_subscribers_dry_run_tells_all_and_changes_nothing(run: Run, sessions: Sessions) -> None:
    before = count(sessions, AuditEntry)

    answer = run("import", "subscribers", "-", "--dry-run", "--json", stdin=PEOPLE)

    assert answer.exit_code == 0
    assert json.loads(answer.output) == {
        "counts": {
            "new": 2,
            "already": 0,
            "pending": 0,
            "left": 0,
            "bounced": 0,
            "gone": 0,
            "double": 0,
            "invalid": 1,
        },
        "unusable": [
            {"line": 3, "text": "bad", "reason": "There is no e-mail address in this line."}
        ],
        "suggestions": [{"line": 4, "address": "eva@gmail.con", "meant": "eva@gmail.com"}],
        "import": None,
    }
    assert (count(sessions, Subscriber), count(sessions, AuditEntry)) == (0, before)


def test_subscribers_are_asked_by_default(run: Run, sessions: Sessions) -> None:
    answer = run("import", "subscribers", "-", "--json", stdin=PEOPLE)

    assert json.loads(answer.output)["import"] == {
        "number": 1,
        "source": "import:1",
        "asked": 2,
        "confirmed": 0,
    }
    with sessions() as session:
        people = session.execute(select(Subscriber.address, Subscriber.state, Subscriber.topics))
        assert people.all() == [
            ("anna@example.org", "pending", ("events", "participation", "project-news")),
            ("eva@gmail.con", "pending", ("events", "participation", "project-news")),
        ]
        assert session.scalars(select(Delivery.template)).all() == ["confirm", "confirm"]


def test_subscribers_join_at_once_only_with_a_reason(run: Run, sessions: Sessions) -> None:
    without = run("import", "subscribers", "-", "--confirmed", stdin=PEOPLE)
    given = run("import", "subscribers", "-", "--confirmed", "--reason", "Paper", stdin=PEOPLE)

    assert (without.exit_code, given.exit_code) == (2, 0)
    with sessions() as session:
        assert session.scalars(select(Subscriber.state)).all() == ["confirmed", "confirmed"]
        assert session.scalars(select(Consent.evidence)).all() == ["Paper", "Paper"]


def test_subscribers_get_the_wishes_named(run: Run, sessions: Sessions) -> None:
    wishes = ("--language", "uk", "--language", "en", "--topic", "trainings")

    run("import", "subscribers", "-", *wishes, stdin="a@example.org")

    with sessions() as session:
        one = session.scalars(select(Subscriber)).one()
        assert (one.content_languages, one.topics) == (("uk", "en"), ("trainings",))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "There is no address in this."),
        (b"PK\x03\x04", "This is a workbook."),
        (b"a@example.org\0", "This is not a text file."),
    ],
)
def test_subscribers_that_cannot_be_read_are_refused(
    run: Run, sessions: Sessions, data: bytes, sentence: str
) -> None:
    answer = run("import", "subscribers", "-", stdin=data)

    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Error: {sentence}")
    assert count(sessions, Subscriber) == 0


def test_export_prints_whom_was_asked_for(run: Run, sessions: Sessions) -> None:
    run("import", "subscribers", "-", "--confirmed", "--reason", "Paper", stdin="a@example.org")
    run("import", "subscribers", "-", stdin="b@example.org")

    answer = run("export", "subscribers", "--state", "pending")

    lines = answer.output.splitlines()
    assert [line.split(",")[0] for line in lines] == ["address", "b@example.org"]


def test_export_takes_several_states(run: Run, sessions: Sessions) -> None:
    run("import", "subscribers", "-", stdin="a@example.org\nb@example.org\nc@example.org")
    with sessions() as session:
        people = session.scalars(select(Subscriber).order_by(Subscriber.id)).all()
        people[0].state, people[1].state = SubscriberState.BOUNCED, SubscriberState.COMPLAINED

    answer = run("export", "subscribers", "--state", "complained", "--state", "bounced", "--json")

    assert [(one["address"], one["state"]) for one in json.loads(answer.output)] == [
        ("a@example.org", "bounced"),
        ("b@example.org", "complained"),
    ]


def test_export_to_a_file_is_for_its_owner_only(run: Run, tmp_path: Path) -> None:
    run("import", "subscribers", "-", stdin="a@example.org")
    output = tmp_path / "list.csv"
    output.touch(mode=0o644)

    answer = run("export", "subscribers", "--output", str(output))

    assert answer.output == f"1 person was written to {output}.\n"
    assert output.read_bytes().startswith(b"\xef\xbb\xbfaddress,state,")
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_export_as_data(run: Run) -> None:
    rows = "Email,Language\n'+anna@example.org,cs\n"
    run("import", "subscribers", "-", "--confirmed", "--reason", "Paper", stdin=rows)

    answer = run("export", "subscribers", "--json")

    [anna] = json.loads(answer.output)
    assert (anna["address"], anna["state"]) == ("+anna@example.org", "confirmed")
    assert (anna["content_languages"], anna["confirmed"]) == (["cs"], anna["created"])


def test_export_as_data_to_a_file(run: Run, tmp_path: Path) -> None:
    run("import", "subscribers", "-", stdin="a@example.org")
    output = tmp_path / "list.json"

    answer = run("export", "subscribers", "--json", "--output", str(output))

    assert answer.output == f"1 person was written to {output}.\n"
    assert [one["address"] for one in json.loads(output.read_text("utf-8"))] == ["a@example.org"]


def test_export_says_that_a_file_cannot_be_written(run: Run, tmp_path: Path) -> None:
    answer = run("export", "subscribers", "--output", str(tmp_path / "no" / "list.csv"))

    assert answer.exit_code == 1
    assert answer.output.endswith("list.csv cannot be written: No such file or directory.\n")


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--language", "Error: There is no language “xx”. Choose from: en, cs, uk, ru, vi, ar.\n"),
        (
            "--topic",
            (
                "Error: There is no topic “xx”. Choose from: "
                "events, participation, trainings, project-news, opportunities.\n"
            ),
        ),
    ],
)
def test_import_refuses_what_the_service_does_not_have(run: Run, option: str, says: str) -> None:
    answer = run("import", "subscribers", "-", option, "xx", stdin="a@example.org")

    assert (answer.exit_code, answer.output) == (1, says)


def test_export_is_logged(run: Run, sessions: Sessions) -> None:
    run("export", "subscribers")

    with sessions() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.who, entry.action) == ("command line", "subscribers exported")


def test_user_with_a_password_from_standard_input(run: Run, sessions: Sessions) -> None:
    words = ("user", "add", "eva@example.org", "--name", "Eva", "--role", "editor")

    answer = run(*words, "--password-stdin", stdin="several words are fine\n")

    assert answer.exit_code == 0
    with sessions() as session:
        user = find_user(session, "eva@example.org")
        assert user
        assert is_password(user, "several words are fine")
    assert count(sessions, Delivery) == 0


def test_user_without_a_password_is_invited(run: Run, sessions: Sessions) -> None:
    answer = run("user", "add", "eva@example.org", "--name", "Eva", "--role", "admin")

    assert answer.exit_code == 0
    with sessions() as session:
        mail = session.scalars(select(Delivery)).one()
        assert (mail.address, mail.template) == ("eva@example.org", "account")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("eva@example.org", "--name", "Eva", "--role", "queen"), 2),
        (("eva@example.org", "--role", "admin"), 2),
        (("no address", "--name", "Eva", "--role", "admin"), 1),
    ],
)
def test_user_who_cannot_be_added(
    run: Run, sessions: Sessions, words: tuple[str, ...], code: int
) -> None:
    answer = run("user", "add", *words)

    assert answer.exit_code == code
    assert count(sessions, User) == 0


def test_users_are_listed(run: Run) -> None:
    run("user", "add", "eva@example.org", "--name", "Eva", "--role", "admin")

    (row,) = json.loads(run("user", "list", "--json").output)

    del row["created_at"]
    assert row == {
        "id": 1,
        "email": "eva@example.org",
        "name": "Eva",
        "role": "admin",
        "state": "invited",
        "language": "en",
    }


@pytest.mark.parametrize(
    "words",
    [
        ("import",),
        ("import", "website"),
        ("import", "subscribers"),
        ("export",),
        ("export", "subscribers"),
        ("user",),
        ("user", "add"),
        ("user", "list"),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(main, [*words, "--help"])

    assert answer.exit_code == 0
    assert answer.output.startswith("Usage: ")
