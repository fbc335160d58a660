"""What is sent next: mail that somebody waits for first, then newsletters and questions asked in
bulk in turns. Holds what this process has claimed and not begun."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from sqlalchemy.orm import Session

from mailer.clock import Clock
from mailer.domain.delivery import Priority
from mailer.domain.throttle import Limits
from mailer.storage import claiming, throttles
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim
from mailer.storage.presence import Presence
from mailer.usecases.outages import find_restore
from mailer.worker.crash import crash_point

LOOK_AROUND_SECONDS = 1.0
"""How long somebody may wait for a confirmation while ten thousand digests go out."""

RENEW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the engine works: rows per claim, how long a claim holds, how long it sleeps when idle,
    and whether a newsletter mail of unknown fate is sent once more."""

    claim_size: int = 500
    lease: timedelta = timedelta(minutes=15)
    idle_seconds: float = 1.0
    resends_unknown: bool = True


USUAL_PACE = Pace()


class Claims:
    """`owner` names this process in the ledger."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        owner: str,
        presence: Presence,
        pace: Pace,
        limits: Limits,
    ) -> None:
        self._sessions, self._clock, self._presence = sessions, clock, presence
        self._limits = limits
        self._owner, self._pace = owner, pace
        self._queue: deque[Claim] = deque()
        self._batches: float = 0
        self._look_around_at = self._claim_again_at = 0.0
        self._renew_at = monotonic() + RENEW_SECONDS
        self._is_stale = self._has_put_off = False

    def __len__(self) -> int:
        return len(self._queue)

    def begin(self, batches: float) -> None:
        """Allow that many claims of mail that nobody waits for."""
        self._batches = batches
        self._look_around_at = self._claim_again_at = 0.0

    def next(self) -> Claim | None:
        """The mail to begin next; None when there is none now."""
        if self._is_stale:
            self.give_back()
        if monotonic() >= self._look_around_at:
            self._look_around()
        # Many may have to be put off before one is found that may leave: not for too long, since
        # answers wait meanwhile.
        enough_at = monotonic() + LOOK_AROUND_SECONDS
        while self._may_claim() and monotonic() < enough_at:
            self._claim_more()
        return self._queue.popleft() if self._queue else None

    def doubt(self) -> None:
        """Something that was claimed may not go out any more: claim anew before the next mail."""
        self._is_stale = True

    def give_back(self) -> None:
        """Let go of everything that was not begun."""
        if self._queue:
            ids = [claim.id for claim in self._queue]
            with self._sessions() as session:
                released = claiming.release(session, self._owner, self._clock(), ids)
                throttles.give_back(session, self._limits, released)
        self._queue.clear()
        self._is_stale = False

    def free_places(self, session: Session, number: int) -> None:
        """So many mails did not leave after all: others may go in their place."""
        throttles.give_back(session, self._limits, number)

    def forget(self) -> None:
        """Let go of everything, begun or not: nothing is being handed over any more."""
        self._presence.announce()
        self._queue.clear()
        self._is_stale = False
        with self._sessions() as session:
            released = claiming.release(session, self._owner, self._clock())
            throttles.give_back(session, self._limits, released)

    def _look_around(self) -> None:
        urgent = self._claim_for_people(Priority.WAITED_FOR)
        self._queue.extendleft(reversed(urgent))
        if monotonic() >= self._renew_at:
            self._renew()
        self._look_around_at = monotonic() + LOOK_AROUND_SECONDS

    def _renew(self) -> None:
        self._presence.announce()
        with self._sessions() as session:
            claiming.keep_leases(session, self._owner, self._clock(), self._pace.lease)
        self._renew_at = monotonic() + RENEW_SECONDS

    def _may_claim(self) -> bool:
        return not self._queue and self._batches > 0 and monotonic() >= self._claim_again_at

    def _claim_more(self) -> None:
        self._has_put_off = False
        # Newsletters and questions asked in bulk take turns: neither waits for the other's end.
        self._queue.extend(self._claim_of_newsletters())
        self._queue.extend(self._claim_for_people(Priority.IN_BULK))
        if not self._queue and self._has_put_off:
            return  # whoever is next in the order may go to another domain
        self._batches -= 1
        if not self._queue:
            self._claim_again_at = monotonic() + self._pace.idle_seconds

    def _claim_of_newsletters(self) -> list[Claim]:
        def ask(session: Session, room: int) -> list[Claim]:
            lease = self._pace.lease
            return claiming.claim_newsletter(session, self._owner, self._clock(), lease, room)

        return self._claim(ask, is_urgent=False)

    def _claim_for_people(self, priority: Priority) -> list[Claim]:
        def ask(session: Session, room: int) -> list[Claim]:
            if priority == Priority.IN_BULK and find_restore(session):
                return []  # a restored backup does not know whom it has asked since
            lease = self._pace.lease
            return claiming.claim_transactional(
                session, self._owner, self._clock(), lease, room, priority
            )

        return self._claim(ask, is_urgent=priority == Priority.WAITED_FOR)

    def _claim(self, ask: Callable[[Session, int], list[Claim]], *, is_urgent: bool) -> list[Claim]:
        """As many as the limits have room for; whose domain takes no more now is put off."""
        now, limits = self._clock(), self._limits
        with self._sessions() as session:
            room = throttles.count_room(
                session, limits, self._pace.claim_size, now, is_urgent=is_urgent
            )
            claims = ask(session, room) if room else []
            addresses = {claim.id: claim.address for claim in claims}
            later = throttles.book(session, limits, addresses, now, is_urgent=is_urgent)
            claiming.put_off(session, self._owner, later, now)
        self._has_put_off |= bool(later)
        if claims:
            crash_point("after_claim")
        return [claim for claim in claims if claim.id not in later]
