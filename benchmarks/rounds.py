"""Times ways of doing the same work in turn, so that a drifting machine hurts all of them alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Rates = Mapping[str, list[float]]
"""Things per second, round by round, of each way."""


class Watch:
    """Runs only while the work itself is done: setting the table is not part of the meal."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started

    def note(self, seconds: float) -> None:
        """Somebody else has timed it: the ledger, which says when each mail was accepted."""
        self.seconds += seconds


Work = Callable[[Watch], int]
"""Does the work, with the watch running during the part that counts; returns how many it did."""


def take_turns(ways: Mapping[str, Work], rounds: int) -> Rates:
    """Every way once, then every way once more, and so on."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            rates[name].append(rate(work))
    return rates


def rate(work: Work) -> float:
    """Things per second of one go."""
    watch = Watch()
    number = work(watch)
    return number / watch.seconds


def ratios(rates: Rates, ours: str, theirs: str) -> list[float]:
    """How many times as fast as the other we were, round by round."""
    return [mine / other for mine, other in zip(rates[ours], rates[theirs], strict=True)]
