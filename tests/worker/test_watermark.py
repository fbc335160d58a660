"""What a machine remembers of its databases, and what comes of it when it cannot."""

from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mailer.message.render import Renderer
from mailer.storage.db import Sessions
from mailer.storage.lineage import find_mark
from mailer.usecases.outages import find_restore
from mailer.worker.timetable import Timetable
from mailer.worker.watermark import Watermark
from tests.letters import BASE_URL


def build_timetable(sessions: Sessions, now: datetime, folder: Path) -> Timetable:
    watermark = Watermark(folder)
    return Timetable(sessions, Renderer(), BASE_URL, lambda: now, watermark=watermark)


def test_watermark_is_found_again(tmp_path: Path) -> None:
    Watermark(tmp_path / "journal").note("ours", 7)
    Watermark(tmp_path / "journal").note("ours", 8)

    found = Watermark(tmp_path / "journal")

    assert (found.read("ours"), found.read("another")) == (8, 0)


def test_watermark_follows_the_database(sessions: Sessions, now: datetime, tmp_path: Path) -> None:
    timetable = build_timetable(sessions, now, tmp_path)

    for _ in range(3):
        timetable.note_mark()

    with sessions() as session:
        mark = find_mark(session)
    assert mark
    assert mark.number == Watermark(tmp_path).read(mark.lineage) == 3


def test_watermark_ahead_of_the_database_tells_a_restore(
    sessions: Sessions, now: datetime, tmp_path: Path
) -> None:
    timetable = build_timetable(sessions, now, tmp_path)
    timetable.note_mark()
    with sessions() as session:
        mark = find_mark(session)
    assert mark
    Watermark(tmp_path).note(mark.lineage, 5)

    timetable.note_mark()

    with sessions() as session:
        assert find_restore(session)


@pytest.mark.parametrize("is_folder", [True, False])
def test_watermark_out_of_order_is_told_and_stops_nothing(
    sessions: Sessions, now: datetime, tmp_path: Path, is_folder: bool
) -> None:
    timetable = build_timetable(sessions, now, tmp_path)
    timetable.note_mark()
    (path,) = tmp_path.glob("*.mark")
    path.unlink()
    if is_folder:
        path.mkdir()
    else:
        path.write_text("?")

    with capture_logs() as lines:
        timetable.note_mark()

    assert [line["event"] for line in lines] == ["a restored backup would not be noticed"]
