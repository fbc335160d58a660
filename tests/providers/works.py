"""A Work without an engine: mails in, outcomes and commits out."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Sender


@dataclass(frozen=True)
class Commit:
    """What one transaction was given, by key: mails that ended, and mails that want to pass."""

    ended: list[int]
    asked: list[int]


class FakeWork:
    """Gives these mails one by one and lets every one pass but those in `closed_for`.

    `during` happens inside each commit, before anything is written: it may wait, look, or raise.
    """

    def __init__(
        self,
        mails: Iterable[Mail],
        closed_for: Iterable[int] = (),
        during: Callable[[Commit], object] = lambda _: None,
    ) -> None:
        self.waiting = deque(mails)
        self.closed_for = frozenset(closed_for)
        self.taken: list[int] = []
        self.passed: list[int] = []
        self.outcomes: list[Outcome] = []
        self.commits: list[Commit] = []
        """Those in which something happened."""
        self._during = during

    def take(self) -> Mail | None:
        if not self.waiting:
            return None
        self.taken.append(self.waiting[0].key)
        return self.waiting.popleft()

    def commit(self, outcomes: Sequence[Outcome], keys: Sequence[int]) -> frozenset[int]:
        if not (outcomes or keys):
            return frozenset()
        commit = Commit([outcome.key for outcome in outcomes], list(keys))
        self._during(commit)
        self.commits.append(commit)
        self.outcomes.extend(outcomes)
        passed = [key for key in keys if key not in self.closed_for]
        self.passed.extend(passed)
        return frozenset(passed)

    @property
    def asked(self) -> list[list[int]]:
        """The keys of each commit that was asked for any."""
        return [commit.asked for commit in self.commits if commit.asked]

    @property
    def sorted_outcomes(self) -> list[Outcome]:
        return sorted(self.outcomes, key=lambda outcome: outcome.key)

    @property
    def fates(self) -> list[Fate]:
        """By key, whatever the order in which they ended."""
        return [outcome.fate for outcome in self.sorted_outcomes]

    @property
    def left(self) -> list[int]:
        """Mails that were taken and did not end, or were never taken."""
        ended = {outcome.key for outcome in self.outcomes}
        return sorted({*self.taken, *(mail.key for mail in self.waiting)} - ended)


def hand_over(sender: Sender, mails: Iterable[Mail], closed_for: Iterable[int] = ()) -> FakeWork:
    """Send these mails."""
    work = FakeWork(mails, closed_for)
    sender.send(work)
    return work


def try_to_hand_over(
    sender: Sender, mails: Iterable[Mail], closed_for: Iterable[int] = ()
) -> tuple[FakeWork, ProviderDown | None]:
    """Send these mails, and say whether the provider went down."""
    work = FakeWork(mails, closed_for)
    try:
        sender.send(work)
    except ProviderDown as down:
        return work, down
    return work, None


def hand_over_in_rounds(sender: Sender, mails: Iterable[Mail], rounds: int = 9) -> list[FakeWork]:
    """Send these mails as the engine does: what was held or not begun is offered again."""
    waiting = list(mails)
    works: list[FakeWork] = []
    while waiting and len(works) < rounds:
        work, _ = try_to_hand_over(sender, waiting)
        works.append(work)
        again = {*work.left, *(o.key for o in work.outcomes if o.fate is Fate.HELD)}
        waiting = [mail for mail in waiting if mail.key in again]
    return works


def final_fates(works: Iterable[FakeWork]) -> dict[int, Fate]:
    """What became of each mail in the end, by key."""
    return {outcome.key: outcome.fate for work in works for outcome in work.outcomes}
