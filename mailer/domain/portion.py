"""How much of a long job is done in one transaction: as much as takes a moment, so that whoever
wants to write meanwhile waits no longer than that."""

from dataclasses import dataclass, replace

GROWTH = 2.0


@dataclass(frozen=True, slots=True)
class Portion:
    """So many things at a time, never fewer than `smallest` nor more than `largest`."""

    size: int
    smallest: int
    largest: int

    def adapt(self, took: float, aim: float) -> "Portion":
        """The next portion, after this one took so many seconds, so that it takes about `aim`
        seconds; never more than twice this one."""
        factor = min(GROWTH, aim / took) if took > 0 else GROWTH
        size = min(self.largest, max(self.smallest, int(self.size * factor)))
        return replace(self, size=size)
