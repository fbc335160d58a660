"""Where the figures go: the terminal, results.json, the table in docs/benchmarks.md, the chart.

A part that is measured again replaces what stands there of it, on the same machine only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.chart import draw
from benchmarks.rows import Row

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- written by `make bench` -->", "<!-- until here -->"
_HEAD = "| what | figure | goal | reached | measured |\n|---|--:|--:|---|---|"

Parts = Mapping[str, Sequence[Row]]


def show(rows: Sequence[Row]) -> str:
    """For the terminal, a line or two each."""
    return "\n".join(
        f"{row.what}\n    {row.say_figure():>12}   goal {row.say_goal():>10}   "
        f"{row.say_reached():<16} {row.say_measured()}"
        for row in rows
    )


def write(
    measured: Parts, machine: Mapping[str, str], order: Sequence[str], root: Path = ROOT
) -> None:
    """Into the three files; `order` is that of the parts."""
    results = root / "benchmarks" / "results.json"
    parts = {**_read(results, machine), **measured}
    parts = {name: parts[name] for name in order if name in parts}
    rows = [row for part in parts.values() for row in part]
    _write_results(results, parts, machine)
    (root / "docs" / "pictures" / "benchmarks.svg").write_text(draw(rows), encoding="utf-8")
    page = root / "docs" / "benchmarks.md"
    page.write_text(_fill(page.read_text(encoding="utf-8"), rows, machine), encoding="utf-8")


def _read(results: Path, machine: Mapping[str, str]) -> Parts:
    """What was measured before on this machine, as it still is."""
    if not results.exists():
        return {}
    kept: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    if _lasting(kept["machine"]) != _lasting(machine) or "parts" not in kept:
        return {}
    return {
        name: [Row(**{k: row[k] for k in Row.__dataclass_fields__}) for row in rows]
        for name, rows in kept["parts"].items()
    }


def _lasting(machine: Mapping[str, str]) -> dict[str, str]:
    """Without what is measured anew each time."""
    return {name: value for name, value in machine.items() if not name.startswith("forced")}


def _write_results(results: Path, parts: Parts, machine: Mapping[str, str]) -> None:
    told = {name: [_as_json(row) for row in rows] for name, rows in parts.items()}
    text = json.dumps({"machine": machine, "parts": told}, indent=2, ensure_ascii=False)
    results.write_text(f"{text}\n", encoding="utf-8")


def _as_json(row: Row) -> dict[str, Any]:
    return {**asdict(row), "figure": row.figure, "reached": row.is_reached if row.goal else None}


def _fill(page: str, rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    goals = [row for row in rows if row.goal]
    reached = sum(row.is_reached for row in goals)
    picture = f"![{reached} of {len(goals)} goals are reached.](pictures/benchmarks.svg)"
    lines = "\n".join(_as_markdown(row) for row in rows)
    about = "; ".join(f"{name} {value}" for name, value in machine.items())
    written = f"{picture}\n\n{_HEAD}\n{lines}\n\nThe machine: {about}."
    return f"{before}{BEGIN}\n{written}\n{END}{after}"


def _as_markdown(row: Row) -> str:
    cells = (row.what, row.say_figure(), row.say_goal(), row.say_reached(), row.say_measured())
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
