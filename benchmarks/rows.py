"""A row of the table: a figure, what it was measured from, and the goal it is held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.rounds import Rates, ratios

OURS = "mailer"
TIMES = "×"
SHOWN_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """`rounds` are the figures round by round, in `unit`; what counts is their median.

    `measured` is what stands behind them, in `measured_in`: a rate of ours and of the reference,
    say. `is_ceiling`: the goal is not to be exceeded. No goal: the figure is for information.
    """

    what: str
    rounds: Sequence[float]
    unit: str
    goal: float | None = None
    is_ceiling: bool = False
    measured: Mapping[str, Sequence[float]] | None = None
    measured_in: str = "/s"

    @property
    def figure(self) -> float:
        return median(self.rounds)

    @property
    def share(self) -> float:
        """How much of the goal is reached; 1 and more is all of it."""
        assert self.goal
        return self.goal / self.figure if self.is_ceiling else self.figure / self.goal

    @property
    def is_reached(self) -> bool:
        return self.goal is None or self.share >= 1

    def say_figure(self) -> str:
        return say(self.figure, self.unit)

    def say_goal(self) -> str:
        if self.goal is None:
            return "–"
        return f"{'≤' if self.is_ceiling else '≥'} {say(self.goal, self.unit)}"

    def say_reached(self) -> str:
        """Yes; or no, and by how much it is missed."""
        if self.goal is None:
            return "–"
        if self.is_reached:
            return "yes"
        missed = abs(self.figure / self.goal - 1) * 100
        # One that is missed by a hair is missed, and rounding must not hide it.
        percent = f"{missed:.0f}" if missed >= 1 else f"{missed:.1g}"
        return f"no: {percent} % {'over' if self.is_ceiling else 'short'}"

    def say_measured(self) -> str:
        """The medians that stand behind the figure."""
        measured = (self.measured or {}).items()
        return "; ".join(
            f"{name} {say(median(values), self.measured_in)}" for name, values in measured
        )


def say(number: float, unit: str) -> str:
    """Three digits of a small number are enough; a large one is read by its thousands."""
    digits = max(0, SHOWN_DIGITS - len(str(int(number))))
    return f"{number:,.{digits}f}{'' if unit.startswith('/') else ' '}{unit}"


def compare(what: str, rates: Rates, ours: str, theirs: str, goal: float | None = None) -> Row:
    """How many times as fast as `theirs` `ours` was."""
    return Row(
        what,
        ratios(rates, ours, theirs),
        TIMES,
        goal,
        measured={OURS: rates[ours], theirs: rates[theirs]},
    )
