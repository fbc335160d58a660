"""Commands that make newsletters, as an operator types them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from mailer.cli import main
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import REFUSED_LATELY, Reason
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import find_variant, get_newsletter, list_newsletters
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles

Run = Callable[..., Result]


@pytest.fixture
def run(database: Engine, sessions: Sessions, now: datetime, tmp_path: Path) -> Run:
    """Types one command; the service is the one of `sessions`."""
    config = tmp_path / "config.toml"
    url = database.url.render_as_string(hide_password=False)
    config.write_text(f'[site]\nsecret_keys = ["{"k" * 40}"]\n[database]\nurl = "{url}"\n', "utf-8")
    with sessions() as session:
        set_up(session, None, now)

    def run(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, ["--config", str(config), "newsletter", *words], stdin)

    return run


def test_new_keeps_the_text_of_standard_input(run: Run, sessions: Sessions) -> None:
    answer = run("new", "Ahoj", "--lang", "cs", "--body", "-", "--json", stdin="Dobrý den.")

    assert answer.exit_code == 0
    with sessions() as session:
        letter = get_newsletter(session, json.loads(answer.output)["id"])
        written = find_variant(letter, "cs")
        assert written
        assert (written.subject, written.body) == ("Ahoj", "Dobrý den.")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Hello", "--lang", "xx"), "There is no language “xx”. Choose from: en, cs, uk"),
        (("Hello", "--topic", "xx"), "There is no topic “xx”. Choose from: events"),
        (("x" * 300,), "This is too long. Please shorten it."),
        (("Hello", "--subject", "x" * 300), "This is too long. Please shorten it."),
    ],
)
def test_new_makes_nothing_of_a_slip(
    run: Run, sessions: Sessions, words: tuple[str, ...], says: str
) -> None:
    answer = run("new", *words)

    assert (answer.exit_code, answer.output[: len(says) + 7]) == (1, f"Error: {says}")
    with sessions() as session:
        assert list_newsletters(session) == []


def test_new_wants_a_text_in_utf_8(run: Run, tmp_path: Path) -> None:
    body = tmp_path / "letter.md"
    body.write_bytes(b"caf\xe9")

    answer = run("new", "Hello", "--body", str(body))

    assert answer.output == "Error: This file is no UTF-8 text. Save it as UTF-8.\n"


def test_test_refuses_a_language_that_nobody_could_write(
    run: Run, sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        ensure_roles(session)
        add_user(session, NewUser("eva@example.org", "Eva", "admin"), None, "test", now)
    number = json.loads(run("new", "Hello", "--json").output)["id"]

    answer = run("test", str(number), "--to", "eva@example.org", "--lang", "xx")

    assert answer.exit_code == 1
    with sessions() as session:
        assert session.query(Delivery).count() == 0


def test_list_leaves_a_cell_empty_that_has_no_value(run: Run) -> None:
    run("new", "Hello")

    lines = run("list").output.splitlines()

    assert [line.split() for line in lines] == [
        ["id", "state", "kind", "audience", "when", "title", "reason"],
        ["1", "draft", "letter", "Hello"],
    ]


def test_report_says_facts_a_line_each(run: Run) -> None:
    run("new", "Hello")

    answer = run("report", "1")

    assert answer.output.splitlines() == [
        "id: 1",
        "title: Hello",
        "kind: letter",
        "state: draft",
        "when: -",
        "audience: -",
        "reason: -",
        "states: -",
        "languages: -",
        "open: 0",
        "adds up: yes",
    ]


@pytest.mark.parametrize("command", ["list", "show", "report"])
def test_why_a_newsletter_stands_still_is_told(run: Run, sessions: Sessions, command: str) -> None:
    reason = Reason(REFUSED_LATELY, {"number": 11, "all": 200}, "5.7.1 Blocked: 100 % spam")
    run("new", "Hello")
    with sessions() as session:
        letter = get_newsletter(session, 1)
        letter.state, letter.reason = NewsletterState.PAUSED, reason.sentence
        letter.reason_facts = reason.facts

    answer = run(command, *(["1"] if command != "list" else []))

    assert (
        answer.output.rstrip()
        .splitlines()[-1 if command == "list" else 6]
        .endswith(
            "Too many mails were refused: 11 of the last 200. It said: 5.7.1 Blocked: 100 % spam"
        )
    )


def test_reason_without_facts_is_told_as_it_is(run: Run, sessions: Sessions) -> None:
    run("new", "Hello")
    with sessions() as session:
        get_newsletter(session, 1).reason = "6 % were refused."

    rows = json.loads(run("list", "--json").output)

    assert [row["reason"] for row in rows] == ["6 % were refused."]


def test_what_cannot_be_done_now_says_what_can(run: Run) -> None:
    run("new", "Hello")

    answer = run("pause", "1")

    assert (answer.exit_code, answer.output) == (
        1,
        (
            "Error: The newsletter is a draft, so it cannot be paused. "
            "Nothing of it leaves before somebody approves it.\n"
        ),
    )


def _add_delivery(session: Session, newsletter_id: int, number: int, **facts: object) -> None:
    moment = datetime(2026, 11, 26, 8, tzinfo=UTC)
    session.add(
        Delivery(
            newsletter_id=newsletter_id,
            kind=DeliveryKind.NEWSLETTER,
            language="en",
            address=f"reader{number}@example.org",
            address_key=f"key{number}",
            expires_at=moment + timedelta(days=5),
            created_at=moment,
            changed_at=moment,
            **facts,
        )
    )


@pytest.fixture
def sent(run: Run, sessions: Sessions) -> int:
    """A newsletter of which one mail was refused and the fate of another is unknown."""
    number = int(json.loads(run("new", "Hello", "--json").output)["id"])
    with sessions() as session:
        get_newsletter(session, number).state = NewsletterState.SENDING
        _add_delivery(session, number, 1, state=DeliveryState.ACCEPTED, last_text="Ok")
        _add_delivery(
            session,
            number,
            2,
            state=DeliveryState.REJECTED,
            attempts=1,
            last_code=550,
            last_text="5.1.1 No such user",
        )
        waits = datetime(2026, 11, 26, 9, tzinfo=UTC)
        _add_delivery(session, number, 3, state=DeliveryState.UNKNOWN, attempts=1, next_at=waits)
    return number


def test_deliveries_tells_what_the_server_said(run: Run, sent: int) -> None:
    answer = run("deliveries", str(sent), "--state", "rejected", "--json")

    (row,) = json.loads(answer.output)
    assert row["address"] == "reader2@example.org"
    assert (row["state"], row["code"], row["said"]) == ("rejected", 550, "5.1.1 No such user")


def test_deliveries_goes_on_after_a_number(run: Run, sent: int) -> None:
    first = json.loads(run("deliveries", str(sent), "--limit", "2", "--json").stdout)

    rest = json.loads(
        run("deliveries", str(sent), "--after", str(first[-1]["id"]), "--json").output
    )

    assert [row["address"] for row in (*first, *rest)] == [
        f"reader{number}@example.org" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(("limit", "says"), [("2", "go on with --after 2."), ("3", "")])
def test_deliveries_says_how_to_go_on(run: Run, sent: int, limit: str, says: str) -> None:
    answer = run("deliveries", str(sent), "--limit", limit)

    assert len(answer.stdout.splitlines()) == 1 + int(limit)
    assert answer.stderr == (f"There are more: {says}\n" if says else "")


def test_leave_calls_the_second_copy_off(run: Run, sessions: Sessions, sent: int) -> None:
    answer = run("leave", str(sent))

    assert answer.output == "1 mail of unknown fate is left as it is.\n"
    with sessions() as session:
        (unknown,) = session.scalars(
            select(Delivery).where(Delivery.state == DeliveryState.UNKNOWN)
        )
        assert unknown.next_at is None
