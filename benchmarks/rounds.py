"""Times two ways of doing the same work in turn, so that a drifting machine hurts both alike."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

ROUNDS = 3


class Watch:
    """Runs only while the work itself is done: setting the table is not part of the meal."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started


Work = Callable[[Watch], int]
"""Does the work, with the watch running during the part that counts; returns how many it did."""


def rate(work: Work) -> float:
    """Things per second of one go."""
    watch = Watch()
    return work(watch) / watch.seconds


def compare(what: str, ours: Work, reference: str, theirs: Work) -> dict[str, Any]:
    """A row of the table: the median rate of each, and the median of the ratios round by round."""
    pairs = [(rate(ours), rate(theirs)) for _ in range(ROUNDS)]
    return {
        "what": what,
        "reference": reference,
        "ours": median(pair[0] for pair in pairs),
        "theirs": median(pair[1] for pair in pairs),
        "ratio": median(mine / other for mine, other in pairs),
        "rounds": pairs,
    }
