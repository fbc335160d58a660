"""Each measurement runs, with a handful of mails, and says what it measured. How fast it was is
for `make bench` to say, on a machine that does nothing else."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import (
    building,
    distance,
    materialising,
    million,
    peers,
    report,
    sending,
    signing,
    signups,
)
from benchmarks.chart import draw
from benchmarks.letters import BASE_URL, ENVELOPE, make_letter, make_person
from benchmarks.rows import Row
from benchmarks.scale import Scale, Stand
from mailer.message.build import build
from tests.conftest import NOW
from tests.service import STOPS_WITHIN, Installation, fork_worker
from tests.sinks import Sink, smtp_sink

TINY = Scale(
    rounds=1,
    messages=40,
    slow_messages=3,
    distant_messages=8,
    signatures=4,
    splices=100,
    few=40,
    some=50,
    many=60,
    crowd=200,
)

PARTS = {
    building.measure: ("×", "×", "×"),
    distance.measure: ("×",),
    million.measure: ("×", "MB", "×"),
    peers.measure: ("×", "×"),
    signing.measure: ("×", "×"),
    signups.measure: ("ms",),
}


@contextmanager
def run_forked(installation: Installation) -> Iterator[int]:
    """A worker without the second that Python takes to read it in."""
    worker = fork_worker(installation)
    assert worker.pid
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.join(STOPS_WITHIN)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink() as sink:
        yield sink


@pytest.mark.parametrize("measure", PARTS, ids=lambda measure: measure.__module__)
def test_measurement_gives_its_rows(sink: Sink, measure: Callable[[Stand], Iterator[Row]]) -> None:
    stand = Stand(TINY, sink.port, str, run_forked)

    rows = list(measure(stand))

    assert tuple(row.unit for row in rows) == PARTS[measure]
    assert [len(row.rounds) for row in rows] == [1] * len(rows)
    assert all(row.figure > 0 for row in rows)


def test_sending_serves_everybody_on_both_databases(
    sink: Sink, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SIZES", (8_000,))

    rows = list(sending.measure(Stand(TINY, sink.port, lambda: postgres_url, run_forked)))

    recipients = [mail.recipient_args for mail in sink.mails()]
    ours = {(f"<reader{n}@example.org>",) for n in range(1, TINY.messages + 1)}
    by_postfix = [to for to in recipients if to not in ours]
    assert [row.what.rpartition("connections, ")[2] for row in rows] == [
        "SQLite",
        "PostgreSQL, 2 processes",
    ]
    assert {to: recipients.count(to) for to in ours} == dict.fromkeys(ours, 2)
    assert len(by_postfix) == TINY.messages


def test_materialising_gives_its_rows_on_both_databases(
    postgres_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materialising, "WEEKS", 1)
    databases = iter((postgres_url, request.getfixturevalue("_postgres_clone")()))

    rows = list(materialising.measure(Stand(TINY, 0, lambda: next(databases), run_forked)))

    assert [row.what.rpartition(", ")[2] for row in rows] == [
        "SQLite",
        "SQLite",
        "PostgreSQL",
        "PostgreSQL",
    ]
    assert [row.goal for row in rows] == [150_000, None] * 2
    assert all(row.figure > 0 for row in rows)


@pytest.mark.parametrize("size", [8_000, 10_000, 20_000])
def test_letter_has_the_size_that_it_is_named_for(size: int) -> None:
    message = build(make_letter(size), ENVELOPE, make_person(1, NOW), base_url=BASE_URL)

    assert abs(len(message) - size) < size / 100


@pytest.mark.parametrize(
    ("figure", "goal", "is_ceiling", "said"),
    [
        (1.0, 1.0, False, "yes"),
        (3.0, 2.0, False, "yes"),
        (0.75, 1.0, False, "no: 25 % short"),
        (0.999, 1.0, False, "no: 0.1 % short"),
        (150, 150, True, "yes"),
        (180, 150, True, "no: 20 % over"),
        (7, None, False, "–"),
    ],
)
def test_row_says_by_how_much_its_goal_is_missed(
    figure: float, goal: float | None, is_ceiling: bool, said: str
) -> None:
    row = Row("Something", [0.001, figure, 1e9], "×", goal, is_ceiling)

    assert row.say_reached() == said


ROW = Row("8 KB & more", [1.5], "×", 2.0, measured={"mailer": [15_000.0], "other": [10_000.0]})
MACHINE = {"cores": "2", "forced write of 4 KiB": "300 µs"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with nothing measured yet."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "docs" / "pictures").mkdir(parents=True)
    page = f"# Above\n{report.BEGIN}\nnothing\n{report.END}\n# Below\n"
    (tmp_path / "docs" / "benchmarks.md").write_text(page, encoding="utf-8")
    return tmp_path


def read_parts(root: Path) -> list[str]:
    return list(json.loads((root / "benchmarks" / "results.json").read_text("utf-8"))["parts"])


def test_table_is_written_between_its_marks(root: Path) -> None:
    report.write({"sending": [ROW]}, MACHINE, ["sending"], root)

    page = (root / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    assert (page[0], page[-1]) == ("# Above", "# Below")
    assert "nothing" not in page
    assert (
        "| 8 KB & more | 1.50 × | ≥ 2.00 × | no: 25 % short | mailer 15,000/s; other 10,000/s |"
        in page
    )


def test_part_measured_again_replaces_itself_only(root: Path) -> None:
    order = ["sending", "million"]
    report.write({"million": [ROW], "sending": [ROW]}, MACHINE, order, root)
    faster_disk = {**MACHINE, "forced write of 4 KiB": "100 µs"}

    report.write({"million": [ROW, ROW]}, faster_disk, order, root)

    page = (root / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert read_parts(root) == order
    assert page.count("8 KB & more") == 3


def test_other_machine_begins_a_new_table(root: Path) -> None:
    order = ["sending", "million"]
    report.write({"million": [ROW], "sending": [ROW]}, MACHINE, order, root)

    report.write({"million": [ROW]}, {**MACHINE, "cores": "64"}, order, root)

    assert read_parts(root) == ["million"]


def test_chart_can_be_read_aloud() -> None:
    for_information = Row("Not in the picture", [1.0], "×")

    root = ET.fromstring(draw([ROW, for_information]))  # noqa: S314  our own

    said = {"title": "0 of 1 goals are reached", "desc": _TOLD}
    assert {name: root.findtext(f"{_SVG}{name}") for name in said} == said
    assert [group.findtext(f"{_SVG}title") for group in root.iter(f"{_SVG}g")] == [_TOLD]


_SVG = "{http://www.w3.org/2000/svg}"
_TOLD = "8 KB & more: 1.50 ×, goal ≥ 2.00 ×: missed, 25 % short."
