"""Outcomes outlive a database that is out of reach, and a process that is."""

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest
from structlog.testing import capture_logs

from mailer import clock
from mailer.providers.base import Fate, Outcome
from mailer.storage import claiming, ledger, recovery
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim, Delivery
from mailer.storage.feedback import hold_people
from mailer.worker.journal import Journal
from tests.letters import start_letter
from tests.people import add_people
from tests.worker.ledger import read_deliveries

LEASE = timedelta(minutes=15)


@pytest.fixture
def claims(sessions: Sessions, now: datetime) -> list[Claim]:
    """Three mails that were handed over, with nothing known of their answers yet."""
    with sessions() as session:
        add_people(session, 3, now)
    start_letter(sessions, now)
    with sessions() as session:
        claims = claiming.claim_newsletter(session, "test", now, LEASE, 10)
        ledger.hand_off(session, [(claim.id, claim.generation) for claim in claims], now)
    return claims


@contextmanager
def open_journal(folder: Path, owner: str) -> Iterator[Journal]:
    journal = Journal(folder, owner)
    yield journal
    if journal._stream:
        journal._stream.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow over ten bytes."""
    soft, hard = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (10, hard))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, (soft, hard))


def accepted(claim: Claim) -> tuple[Claim, Outcome]:
    return claim, Outcome(claim.id, Fate.ACCEPTED, "dot", 250, "2.0.0 queued", "id-1")


def refused(claim: Claim) -> tuple[Claim, Outcome]:
    return claim, Outcome(claim.id, Fate.REFUSED, "rcpt", 550, "5.1.1 no such user")


def replay(journal: Journal, sessions: Sessions, now: datetime) -> int:
    """How many outcomes it says that it carried over."""
    with capture_logs() as lines:
        journal.replay(sessions, clock.fixed(now), resends_unknown=True)
    return sum(line.get("number", 0) for line in lines)


def read_states(sessions: Sessions) -> list[str]:
    return [row.state.value for row in read_deliveries(sessions)]


def test_journal_carries_outcomes_over_once(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with open_journal(tmp_path, "host:1:a") as journal:
        journal.keep([accepted(claim) for claim in claims[:2]], "smtp")

        counts = [replay(journal, sessions, now) for _ in range(2)]

    first = read_deliveries(sessions)[0]
    assert counts == [2, 0]
    assert read_states(sessions) == ["accepted", "accepted", "handing_off"]
    assert (first.last_code, first.last_text, first.provider, first.provider_message_id) == (
        250,
        "2.0.0 queued",
        "smtp",
        "id-1",
    )
    assert list(tmp_path.glob("*.outcomes")) == []


@pytest.mark.parametrize(
    ("fate", "state", "attempts", "waits"),
    [
        (Fate.ACCEPTED, "accepted", 1, None),
        (Fate.RETRY, "deferred", 1, timedelta(minutes=30)),
        (Fate.REFUSED, "rejected", 1, None),
        (Fate.UNKNOWN, "unknown", 1, timedelta(minutes=15)),
        (Fate.HELD, "queued", 0, timedelta()),
    ],
)
def test_journal_settles_as_the_ledger_would_have(
    sessions: Sessions,
    claims: list[Claim],
    now: datetime,
    tmp_path: Path,
    fate: Fate,
    state: str,
    attempts: int,
    waits: timedelta | None,
) -> None:
    with open_journal(tmp_path, "host:1:a") as journal:
        journal.keep([(claims[0], Outcome(claims[0].id, fate, "dot", 450, "words"))], "smtp")

        replay(journal, sessions, now)

    row = read_deliveries(sessions)[0]
    assert (row.state, row.attempts) == (state, attempts)
    if waits is not None:
        assert row.next_at == now + waits


def test_journal_of_a_dead_process_is_carried_over_and_of_a_living_one_is_not(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with open_journal(tmp_path, "host:1:a") as dead:
        dead.keep([accepted(claims[0])], "smtp")
    with (
        open_journal(tmp_path, "host:2:b") as living,
        open_journal(tmp_path, "host:3:c") as journal,
    ):
        living.keep([accepted(claims[1])], "smtp")

        carried = replay(journal, sessions, now)
        states = read_states(sessions)
        later = replay(living, sessions, now)

    assert (carried, states) == (1, ["accepted", "handing_off", "handing_off"])
    assert (later, read_states(sessions)) == (1, ["accepted", "accepted", "handing_off"])


def test_journal_corrects_who_took_us_for_dead(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with sessions() as session:
        recovery.recover(session, now, LEASE, sole_sender=True)
    with open_journal(tmp_path, "host:1:a") as journal:
        journal.keep([accepted(claims[0])], "smtp")

        replay(journal, sessions, now)

    assert read_states(sessions) == ["accepted", "unknown", "unknown"]


@pytest.mark.parametrize("second_by", ["smtp", "other"])
def test_journal_holds_no_mail_while_it_waits_for_people(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path, second_by: str
) -> None:
    """Whoever acts on people holds them first and their mails next."""
    with open_journal(tmp_path, "host:1:a") as journal, ThreadPoolExecutor(1) as pool:
        journal.keep([refused(claims[0])], "smtp")
        journal.keep([refused(claims[1])], second_by)
        with sessions() as session:
            hold_people(session, [claims[1].address_key])
            beside = pool.submit(journal.replay, sessions, clock.fixed(now), resends_unknown=True)
            wait([beside], 0.3)
            session.get_one(Delivery, claims[0].id, with_for_update=True)
        beside.result(30)

    assert read_states(sessions) == ["rejected", "rejected", "handing_off"]


def test_journal_leaves_a_mail_alone_that_was_claimed_anew(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with sessions() as session:
        recovery.recover(session, now, timedelta(), sole_sender=True)
        recovery.requeue_unknown(session, now)
        claiming.claim_newsletter(session, "other", now, LEASE, 1)
    with open_journal(tmp_path, "host:1:a") as journal:
        journal.keep([accepted(claims[0])], "smtp")

        carried = replay(journal, sessions, now)

    assert (carried, read_states(sessions)) == (1, ["claimed", "queued", "queued"])


@pytest.mark.parametrize("created_at", [None, "2026-01-01T00:00:00+00:00"])
def test_journal_of_a_lost_database_says_nothing_about_who_has_the_number_now(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path, created_at: str | None
) -> None:
    with open_journal(tmp_path, "host:1:a") as dead:
        dead.keep([accepted(claims[0])], "smtp")
    (file,) = tmp_path.glob("*.outcomes")
    line = json.loads(file.read_text(encoding="utf-8")) | {"created_at": created_at}
    file.write_text(json.dumps(line) + "\n", encoding="utf-8")

    with open_journal(tmp_path, "host:2:b") as journal, capture_logs() as lines:
        journal.replay(sessions, clock.fixed(now), resends_unknown=True)

    assert read_states(sessions) == ["handing_off"] * 3
    assert [one["log_level"] for one in lines] == ["error", "info"]


def test_journal_reads_past_a_line_that_broke_off(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with open_journal(tmp_path, "host:1:a") as dead:
        dead.keep([accepted(claims[0]), accepted(claims[1])], "smtp")
    file = next(tmp_path.glob("*.outcomes"))
    file.write_bytes(file.read_bytes()[:-20])
    with open_journal(tmp_path, "host:2:b") as journal:
        carried = replay(journal, sessions, now)

    assert (carried, read_states(sessions)) == (1, ["accepted", "handing_off", "handing_off"])


def test_journal_begins_a_new_file_after_each_replay(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    """Whoever still has the old one open cannot remove the new one by its name."""
    with open_journal(tmp_path, "host:1:a") as journal:
        journal.keep([accepted(claims[0])], "smtp")
        (first,) = tmp_path.glob("*.outcomes")
        replay(journal, sessions, now)
        journal.keep([accepted(claims[1])], "smtp")
        (second,) = tmp_path.glob("*.outcomes")

    assert first != second


def test_journal_that_nobody_may_read_does_not_stop_the_others(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with open_journal(tmp_path, "host:1:a") as dead:
        dead.keep([accepted(claims[0])], "smtp")
    (tmp_path / "in-the-way.outcomes").mkdir()

    with open_journal(tmp_path, "host:2:b") as journal:
        carried = replay(journal, sessions, now)

    assert carried == 1


def test_journal_is_kept_from_other_eyes_and_names_nobody(
    claims: list[Claim], tmp_path: Path
) -> None:
    with open_journal(tmp_path / "journal", "host:1:a") as journal:
        journal.keep([accepted(claims[0])], "smtp")

    file = next((tmp_path / "journal").iterdir())
    line = json.loads(file.read_text(encoding="utf-8"))
    assert file.name.startswith("host-1-a-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "example.org" not in file.read_text(encoding="utf-8")
    assert line["delivery"] == claims[0].id


def test_journal_that_cannot_be_written_says_so(claims: list[Claim], tmp_path: Path) -> None:
    in_the_way = tmp_path / "journal"
    in_the_way.write_text("a file where the folder should be", encoding="utf-8")

    with open_journal(in_the_way, "host:1:a") as journal, pytest.raises(OSError, match="journal"):
        journal.keep([accepted(claims[0])], "smtp")


def test_journal_works_again_when_the_full_disk_has_room(
    sessions: Sessions, claims: list[Claim], now: datetime, tmp_path: Path
) -> None:
    with open_journal(tmp_path, "host:1:a") as journal:
        with full_disk():
            with pytest.raises(OSError, match="File too large"):
                journal.keep([accepted(claims[0])], "smtp")
            replayed = replay(journal, sessions, now)
        journal.keep([accepted(claims[1])], "smtp")
        carried = replay(journal, sessions, now)

    assert (replayed, carried) == (0, 1)
    assert read_states(sessions) == ["handing_off", "accepted", "handing_off"]
    assert list(tmp_path.glob("*.outcomes")) == []
