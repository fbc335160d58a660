"""What the engine gives a sender: mails, built when they are asked for, and the ledger.

One transaction serves every connection that is waiting: the outcomes of the last mails and the
verdicts on the next ones. No transaction is open while a provider is talked to.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer.clock import Clock
from mailer.domain.delivery import DeliveryState, Next
from mailer.domain.errors import NotNow
from mailer.domain.pausing import Reason
from mailer.providers.base import Fate, Mail, Outcome
from mailer.storage import ledger
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim
from mailer.usecases import sending
from mailer.worker.builder import Builder
from mailer.worker.claims import Claims
from mailer.worker.crash import crash_point
from mailer.worker.settling import Settler
from mailer.worker.signing import Finish, Signing
from mailer.worker.watch import Watch

NOT_NOW_FOR = timedelta(minutes=1)
"""How long a mail waits that this machine could not write; somebody may be waiting for it, too."""

log = structlog.get_logger()

Settled = tuple[Claim, Outcome]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a round works with. `keep` stores outcomes that the database cannot take now,
    `note_health` is told once that the provider answers."""

    sessions: Sessions
    clock: Clock
    claims: Claims
    builder: Builder
    signing: Signing
    settler: Settler
    watch: Watch
    stop: threading.Event
    keep: Callable[[Sequence[Settled]], None]
    note_health: Callable[[], None]


class Round:
    """The Work of one call of the sender. `ends_at`: when it begins no more mail, by the monotonic
    clock. `tried`: how many mails ended, however. `is_broken`: the database is out of reach, so
    nothing more is begun."""

    def __init__(self, tools: Tools, ends_at: float) -> None:
        self._tools, self._ends_at = tools, ends_at
        self._prepared: deque[tuple[Claim, Finish]] = deque()
        self._begun: dict[int, Claim] = {}
        self._pauses: dict[int, Reason] = {}
        self.tried = 0
        self.is_broken = False
        self._is_up = False

    @property
    def has_loose_ends(self) -> bool:
        """Whether mails were prepared or taken, and nothing came of them."""
        return bool(self._begun or self._prepared)

    def take(self) -> Mail | None:
        """See Work."""
        if self._tools.stop.is_set() or self.is_broken or monotonic() >= self._ends_at:
            return None
        try:
            self._prepare()
            return self._pop()
        except SQLAlchemyError as error:
            self._break(error)
            return None

    def _pop(self) -> Mail | None:
        """The first mail of those prepared that can be finished."""
        while self._prepared:
            claim, finish = self._prepared.popleft()
            if mail := self._try(claim, finish):
                self._begun[claim.id] = claim
                return mail
        return None

    def commit(self, outcomes: Sequence[Outcome], keys: Sequence[int]) -> frozenset[int]:
        """See Work."""
        if self.is_broken:
            keys = ()  # it may be another database by now: `Engine.mend` looks before mail leaves
        if not outcomes and not keys:
            return frozenset()
        _crash_before(outcomes, keys)
        settled = [(self._begun.pop(outcome.key), outcome) for outcome in outcomes]
        try:
            with self._tools.sessions() as session:
                passed = self._write(session, settled, keys)
                reasons = self._tools.watch.find_reasons(session, settled)
        except SQLAlchemyError as error:
            self._break(error)
            self._tools.keep(settled)
            return frozenset()
        except Exception:
            self._tools.keep(settled)
            raise
        if len(passed) < len(keys):
            self._tools.claims.doubt()
        self.tried += sum(outcome.fate is not Fate.HELD for outcome in outcomes)
        _crash_after(outcomes, keys)
        self._pause_all(reasons)
        if not self._is_up and any(o.fate in (Fate.ACCEPTED, Fate.REFUSED) for o in outcomes):
            self._is_up = True
            self._tools.note_health()
        return passed

    def _pause_all(self, reasons: Mapping[int, Reason]) -> None:
        self._pauses.update(reasons)
        try:
            self._pause()
        except SQLAlchemyError as error:
            self._break(error)

    def _write(
        self, session: Session, settled: Sequence[Settled], keys: Sequence[int]
    ) -> frozenset[int]:
        now = self._tools.clock()
        self._tools.settler.settle(session, settled, now)
        held = sum(outcome.fate is Fate.HELD for _, outcome in settled)
        self._tools.claims.free_places(session, held)
        return ledger.hand_off(session, [(key, self._begun[key].generation) for key in keys], now)

    def _pause(self) -> None:
        """Pause what was noticed: in a transaction of its own, since whoever cancels a newsletter
        locks it before its mails, and we have just locked mails."""
        for newsletter_id, reason in self._pauses.items():
            with self._tools.sessions() as session:
                now = self._tools.clock()
                if sending.pause_by_itself(
                    session, newsletter_id, reason.sentence, now, reason.facts
                ):
                    log.warning("newsletter paused", newsletter=newsletter_id, reason=str(reason))
            self._tools.claims.doubt()
        self._pauses.clear()

    def _prepare(self) -> None:
        """Build the next mails, as far ahead as it pays."""
        tools = self._tools
        while len(self._prepared) < tools.signing.ahead and (claim := tools.claims.next()):
            build = partial(tools.builder.build, claim, tools.clock())
            if mail := self._try(claim, build):
                self._prepared.append((claim, tools.signing.begin(mail)))

    def _try(self, claim: Claim, make: Callable[[], Mail]) -> Mail | None:
        """The mail; one that cannot be made is set aside and the rest go on."""
        try:
            return make()
        except SQLAlchemyError:
            raise
        except NotNow as fault:
            self._put_off(claim, fault, self._tools.clock())
        except Exception as error:  # noqa: BLE001  one poisoned mail must not stop the rest
            self._set_aside(claim, error, self._tools.clock())
        return None

    def _put_off(self, claim: Claim, fault: NotNow, now: datetime) -> None:
        log.warning("mail cannot be built yet", delivery=claim.id, error=str(fault))
        untried = claim._replace(attempts=claim.attempts - 1)  # this one is not to count
        later = Next(DeliveryState.DEFERRED, now + NOT_NOW_FOR)
        with self._tools.sessions() as session:
            ledger.record(
                session, untried, later, now, outcome="retry", phase="build", text=str(fault)
            )
            self._tools.claims.free_places(session, 1)

    def _set_aside(self, claim: Claim, error: Exception, now: datetime) -> None:
        log.error("mail cannot be built", delivery=claim.id, error=str(error))
        with self._tools.sessions() as session:
            ledger.record(
                session,
                claim,
                Next(DeliveryState.REJECTED),
                now,
                outcome="unbuildable",
                phase="build",
                text=str(error),
            )
            # What one letter lacks its sisters will lack, too.
            refused = Outcome(claim.id, Fate.REFUSED, text=str(error))
            reasons = self._tools.watch.find_reasons(session, [(claim, refused)])
        self._pauses.update(reasons)
        self._pause()

    def _break(self, error: SQLAlchemyError) -> None:
        log.warning("database out of reach", error=str(error))
        self.is_broken = True


def _crash_before(outcomes: Sequence[Outcome], keys: Sequence[int]) -> None:
    if outcomes:
        crash_point("after_outcome")
    if keys:
        crash_point("before_gate")


def _crash_after(outcomes: Sequence[Outcome], keys: Sequence[int]) -> None:
    if outcomes:
        crash_point("after_record")
    if keys:
        crash_point("after_gate")
