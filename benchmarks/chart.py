"""The table as a picture: how much of its goal each figure reaches. Plain SVG that follows the
reader's light or dark screen, fits a telephone, and can be read aloud."""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.rows import Row

WIDTH, MARGIN = 390, 14
LETTERS_PER_LINE = 54
_LINE, _BAR, _GAP = 18, 10, 20
_FULL = WIDTH - 2 * MARGIN
_MOST = 2.0
"""Beyond twice the goal the number is enough."""
_LEGEND = "The line is the goal; further right is better."

_STYLE = """
    .paper { fill: #ffffff }
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 15px }
    .quiet { fill: #59636e }
    .track { fill: #d8dee4 }
    .reached { fill: #0a6b3d }
    .missed { fill: #bc4c00 }
    .goal { stroke: #1f2328; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117 }
      text { fill: #e6edf3 }
      .quiet { fill: #9198a1 }
      .track { fill: #30363d }
      .reached { fill: #3fb950 }
      .missed { fill: #f0883e }
      .goal { stroke: #e6edf3 }
    }"""


def draw(rows: Sequence[Row]) -> str:
    """An SVG document of the rows that have a goal."""
    rows = [row for row in rows if row.goal]
    bars, bottom = [], MARGIN + 46
    for row in rows:
        drawn, bottom = _draw_row(row, bottom)
        bars.append(drawn)
    reached = sum(row.is_reached for row in rows)
    size = f'viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" height="{bottom}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="name about">',
        f'  <title id="name">{reached} of {len(rows)} goals are reached</title>',
        f'  <desc id="about">{escape(" ".join(_tell(row) for row in rows))}</desc>',
        f"  <style>{_STYLE}\n  </style>",
        f'  <rect class="paper" width="{WIDTH}" height="{bottom}" rx="6"/>',
        f'  <text class="title" x="{MARGIN}" y="{MARGIN + 12}">Each figure and its goal</text>',
        f'  <text class="quiet" x="{MARGIN}" y="{MARGIN + 32}">{_LEGEND}</text>',
        *bars,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _draw_row(row: Row, top: int) -> tuple[str, int]:
    """The row as a group, and where the next one begins."""
    words = list(_lines(row, top + _LINE))
    bar = top + len(words) * _LINE + 8
    length = round(min(row.share, _MOST) / _MOST * _FULL, 1)
    goal = MARGIN + _FULL / _MOST
    drawn = [
        f"  <g><title>{escape(_tell(row))}</title>",
        *words,
        _draw_bar("track", bar, _FULL),
        _draw_bar("reached" if row.is_reached else "missed", bar, length),
        f'    <line class="goal" x1="{goal}" x2="{goal}" y1="{bar - 3}" y2="{bar + _BAR + 3}"/>',
        "  </g>",
    ]
    return "\n".join(drawn), bar + _BAR + _GAP


def _draw_bar(kind: str, top: int, length: float) -> str:
    place = f'x="{MARGIN}" y="{top}" width="{length}" height="{_BAR}"'
    return f'    <rect class="{kind}" {place} rx="2"/>'


def _lines(row: Row, y: int) -> Iterator[str]:
    """What is written above the bar: the row's name, then its figure and goal."""
    for line in textwrap.wrap(row.what, LETTERS_PER_LINE):
        yield f'    <text x="{MARGIN}" y="{y}">{escape(line)}</text>'
        y += _LINE
    yield f'    <text class="quiet" x="{MARGIN}" y="{y}">{escape(_judge(row))}</text>'


def _judge(row: Row) -> str:
    judged = "reached" if row.is_reached else f"missed, {row.say_reached().partition(': ')[2]}"
    return f"{row.say_figure()}, goal {row.say_goal()}: {judged}"


def _tell(row: Row) -> str:
    return f"{row.what}: {_judge(row)}."
