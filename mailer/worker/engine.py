"""The sending loop of one process: give the sender mail, mend what broke, wait when there is
nothing to do (see docs/delivery.md).

It never opens a transaction around a network call, and decides nothing that `domain/delivery`
can decide.
"""

import math
import threading
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mailer.clock import Clock
from mailer.domain.throttle import Limits
from mailer.providers.base import ProviderDown, Sender
from mailer.storage import claiming
from mailer.storage.db import Sessions
from mailer.storage.presence import Presence
from mailer.usecases.outages import end_trouble, note_trouble
from mailer.worker.builder import Builder
from mailer.worker.circuit import Circuit
from mailer.worker.claims import USUAL_PACE, Claims, Pace
from mailer.worker.journal import Journal, is_about
from mailer.worker.round import Round, Settled, Tools
from mailer.worker.settling import Settler
from mailer.worker.signing import UNSIGNED, Signing
from mailer.worker.watch import Watch
from mailer.worker.watermark import Watermark

UNLIMITED = Limits()

log = structlog.get_logger()


class Engine:
    """Sends what the ledger says is due. `owner` names this process in the ledger. Once `stop` is
    set, a round takes no more mail and finishes what is in hand, and `run` ends. `close` lets go
    of what `sessions` keep open."""

    def __init__(
        self,
        sessions: Sessions,
        sender: Sender,
        builder: Builder,
        clock: Clock,
        owner: str,
        presence: Presence,
        journal: Journal,
        watermark: Watermark,
        *,
        pace: Pace = USUAL_PACE,
        signing: Signing = UNSIGNED,
        limits: Limits = UNLIMITED,
        stop: threading.Event | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._sessions, self._sender, self._clock = sessions, sender, clock
        self._presence, self._pace = presence, pace
        self._journal, self._watermark = journal, watermark
        self._circuit = Circuit()
        self._stop, self._close = stop or threading.Event(), close
        self._claims = Claims(sessions, clock, owner, presence, pace, limits)
        self._settler = Settler(sender.name, pace.resends_unknown)
        self._builder, self._signing = builder, signing
        self._watch = Watch()
        self._unwritten: list[Settled] = []
        self._must_mend = True
        # Perhaps by a predecessor, when this engine is new.
        self._has_noted_trouble = True

    def run(self) -> None:
        """Send until told to stop; finish the mail in hand, give back the rest."""
        try:
            while not self._stop.is_set():
                if not self._try_once():
                    self._stop.wait(self._pace.idle_seconds)
        finally:
            # However this thread ends, others must not take us for alive.
            self.shut_down()

    def _try_once(self) -> int:
        """A round that outlives every mistake."""
        try:
            return self.run_once(math.inf)
        except SQLAlchemyError as error:
            log.warning("database out of reach", error=str(error))
        except Exception as error:
            log.exception("the round broke off")
            self._circuit.trip(f"A mistake of ours: {error}", self._clock())
            self._sender.close()
        self._must_mend = True
        return 0

    def run_once(self, batches: float = 1, ends_at: float = math.inf) -> int:
        """Everything urgent, and `batches` claims of the rest; from `ends_at` on, by the monotonic
        clock, nothing more is begun. Returns how many mails were tried; 0 also while the provider
        or the database is out of reach."""
        if (self._must_mend and not self.mend()) or self._circuit.is_open(self._clock()):
            return 0
        going = Round(self._gather_tools(), ends_at)
        self._claims.begin(batches)
        try:
            self._sender.send(going)
        except ProviderDown as fault:
            self._trip(fault)
        self._must_mend |= going.is_broken
        if not self._must_mend and (going.has_loose_ends or len(self._claims)):
            self._claims.forget()
        return going.tried

    def shut_down(self) -> None:
        """Give back claimed rows and say goodbye to the provider."""
        self.mend()
        self._presence.leave()
        self._sender.close()
        self._signing.close()
        if self._close:
            self._close()

    def _gather_tools(self) -> Tools:
        return Tools(
            sessions=self._sessions,
            clock=self._clock,
            claims=self._claims,
            builder=self._builder,
            signing=self._signing,
            settler=self._settler,
            watch=self._watch,
            stop=self._stop,
            keep=self._keep,
            note_health=self._note_health,
        )

    def _keep(self, settled: Sequence[Settled]) -> None:
        """What is known now must not be lost because the database is out of reach."""
        self._must_mend = True
        try:
            self._journal.keep(settled, self._sender.name)
        except OSError as error:
            log.warning("the journal cannot be written", error=str(error))
            self._unwritten.extend(settled)

    def mend(self) -> bool:
        """Carry over what waits in the journal, and begin from a clean table. False while the
        database is still out of reach.

        It may have been away because it was put back to a backup: that is looked at before
        anything else, and nothing is kept that was read from it before.
        """
        try:
            self._watermark.follow(self._sessions, self._clock)
            self._builder.forget()
            self._settle_unwritten()
            self._journal.replay(
                self._sessions, self._clock, resends_unknown=self._pace.resends_unknown
            )
            self._claims.forget()
        except SQLAlchemyError as error:
            log.warning("database out of reach", error=str(error))
            return False
        self._must_mend = False
        return True

    def _settle_unwritten(self) -> None:
        with self._sessions() as session:
            known = [
                (claim, outcome)
                for claim, outcome in self._unwritten
                if is_about(claiming.find_claim(session, claim.id, claim.generation), claim)
            ]
            self._settler.settle(session, known, self._clock())
        self._unwritten.clear()

    def _note_health(self) -> None:
        """The provider answers."""
        self._circuit.close()
        if not self._has_noted_trouble:
            return
        try:
            with self._sessions() as session:
                end_trouble(session)
        except SQLAlchemyError as error:
            log.warning("the end of the trouble is not noted yet", error=str(error))
            self._must_mend = True
            return
        self._has_noted_trouble = False

    def _trip(self, fault: ProviderDown) -> None:
        now = self._clock()
        self._circuit.trip(fault.text, now, fault.retry_at)
        log.warning("provider down", reason=fault.text, retry_at=str(self._circuit.retry_at))
        with self._sessions() as session:
            note_trouble(session, fault.text, fault.code, now)
        self._has_noted_trouble = True
