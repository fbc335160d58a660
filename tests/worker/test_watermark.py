"""What a machine remembers of its databases, and what comes of it when it cannot."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from structlog.testing import capture_logs

from mailer import clock
from mailer.message.render import Renderer
from mailer.storage.db import Sessions
from mailer.storage.lineage import find_mark, raise_mark
from mailer.usecases.outages import find_restore
from mailer.worker.timetable import Jobs
from mailer.worker.watermark import Watermark
from tests.letters import BASE_URL, GRACE, start_letter
from tests.people import add_people
from tests.worker.engines import ScriptedSender, build_engine


def build_jobs(sessions: Sessions, now: datetime, folder: Path) -> Jobs:
    watermark = Watermark(folder)
    return Jobs(sessions, Renderer(BASE_URL), lambda: now, GRACE, watermark=watermark)


def test_watermark_is_found_again(tmp_path: Path) -> None:
    Watermark(tmp_path / "journal").note("ours", 7)
    Watermark(tmp_path / "journal").note("ours", 8)

    found = Watermark(tmp_path / "journal")

    assert (found.read("ours"), found.read("another")) == (8, 0)


def test_watermark_follows_the_database(sessions: Sessions, now: datetime, tmp_path: Path) -> None:
    jobs = build_jobs(sessions, now, tmp_path)

    for _ in range(3):
        jobs.note_mark()

    with sessions() as session:
        mark = find_mark(session)
    assert mark
    assert mark.number == Watermark(tmp_path).read(mark.lineage) == 3


def test_watermark_ahead_of_the_database_tells_a_restore(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    jobs = build_jobs(sessions, now, tmp_path)
    jobs.note_mark()
    with sessions() as session:
        mark = find_mark(session)
    assert mark
    Watermark(tmp_path).note(mark.lineage, 5)

    jobs.note_mark()

    with sessions() as session:
        assert find_restore(session)


def test_watermark_of_another_process_counts_as_well(tmp_path: Path) -> None:
    ours, theirs = Watermark(tmp_path), Watermark(tmp_path)
    ours.note("ours", 7)

    theirs.note("ours", 9)
    ours.note("ours", 8)

    assert (ours.read("ours"), theirs.read("ours")) == (9, 9)
    assert [path.name for path in tmp_path.iterdir()] == ["ours-9.mark"]


def test_watermark_is_noted_by_two_at_once(tmp_path: Path) -> None:
    def note_all(first: int) -> list[int]:
        watermark = Watermark(tmp_path)
        seen = []
        for number in range(first, 200, 2):
            watermark.note("ours", number)
            seen.append(Watermark(tmp_path).read("ours"))
        return seen

    with ThreadPoolExecutor() as pool:
        seen = [*pool.map(note_all, (0, 1))]

    assert [len(numbers) for numbers in seen] == [100, 100]
    assert Watermark(tmp_path).read("ours") == 199


def test_watermark_passes_over_a_file_that_is_none(tmp_path: Path) -> None:
    Watermark(tmp_path).note("ours", 7)
    (tmp_path / "ours-?.mark").touch()

    found = Watermark(tmp_path).read("ours")

    assert found == 7


def test_watermark_without_a_file_is_told_and_kept_in_mind(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "journal"
    in_the_way.write_text("a file where the folder should be", encoding="utf-8")
    watermark = Watermark(in_the_way)

    with capture_logs() as lines:
        for _ in range(3):
            watermark.follow(sessions, clock.fixed(now))
    put_back(sessions, now)
    watermark.follow(sessions, clock.fixed(now))

    assert [line["event"] for line in lines] == ["a restored backup would not be noticed"] * 3
    with sessions() as session:
        assert find_restore(session)


def put_back(sessions: Sessions, now: datetime) -> None:
    """As the first mark had it."""
    with sessions() as session:
        mark = find_mark(session)
        assert mark
        raise_mark(session, replace(mark, number=0), now)


def test_engine_that_mends_notices_a_restore_before_it_claims(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    """No timetable runs where a Celery worker sends."""
    with sessions() as session:
        add_people(session, 2, now)
    start_letter(sessions, now)
    Watermark(tmp_path).follow(sessions, clock.fixed(now))
    Watermark(tmp_path).follow(sessions, clock.fixed(now))
    put_back(sessions, now)
    sender = ScriptedSender()
    engine = build_engine(sessions, sender, clock.fixed(now), tmp_path)

    engine.run_once()
    engine.shut_down()

    assert sender.sent == []
    with sessions() as session:
        assert find_restore(session)
