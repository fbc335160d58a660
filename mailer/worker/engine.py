"""The sending loop: claim, build, hand off, record, in that order, two commits around the one
dangerous moment (see docs/delivery.md). One thread, one connection.

It never opens a transaction around a network call, and decides nothing that `domain/delivery`
can decide.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from mailer.clock import Clock
from mailer.domain import delivery
from mailer.domain.delivery import DeliveryState, Next, Priority
from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Sender
from mailer.storage import ledger
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim
from mailer.storage.settings import drop_setting, find_setting, save_setting
from mailer.usecases.feedback import note_refusal
from mailer.usecases.outages import PROVIDER_TROUBLE
from mailer.worker.builder import Builder
from mailer.worker.circuit import Circuit
from mailer.worker.crash import crash_point

RECORD_TRIES = 30
LOOK_AROUND_EVERY = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How the engine works: rows per claim, how long a claim holds, how long it sleeps when idle,
    and whether a newsletter mail of unknown fate is sent once more."""

    claim_size: int = 100
    lease: timedelta = timedelta(minutes=15)
    idle_seconds: float = 1.0
    resends_unknown: bool = True


class Engine:
    """Sends what the ledger says is due. `owner` names this process in the ledger."""

    def __init__(
        self,
        sessions: Sessions,
        sender: Sender,
        builder: Builder,
        clock: Clock,
        owner: str,
        pace: Pace = Pace(),
    ) -> None:
        self._sessions, self._sender, self._builder = sessions, sender, builder
        self._clock, self._owner, self._pace = clock, owner, pace
        self._circuit = Circuit()
        self._stop = threading.Event()
        self._looked_around_at = clock()
        self._has_stale_claims = False
        # Perhaps by a predecessor, when this engine is new.
        self._has_noted_trouble = True

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop; finish the mail in hand, give back the rest."""
        self._stop = stop
        while not stop.is_set():
            try:
                worked = self.run_once()
            except SQLAlchemyError as error:
                log.warning("database out of reach", error=str(error))
                self._has_stale_claims, worked = True, 0
            except Exception as error:
                log.exception("the round broke off")
                self._circuit.trip(f"A mistake of ours: {error}", self._clock())
                self._has_stale_claims, worked = True, 0
            if not worked:
                stop.wait(self._pace.idle_seconds)
        self.shut_down()

    def run_once(self) -> int:
        """One round: everything urgent, then one claim of newsletter mail. Returns how many
        mails were tried."""
        if self._has_stale_claims:
            self._release_untouched()
        if self._circuit.is_open(self._clock()):
            return 0
        try:
            # Newsletters and questions asked in bulk take turns: neither waits for the other's end.
            return self._send_urgent() + self._send_newsletters() + self._send_bulk()
        except ProviderDown as fault:
            self._trip(fault)
            return 0

    def shut_down(self) -> None:
        """Give back claimed rows and say goodbye to the provider."""
        self._release_untouched()
        self._sender.close()

    def _send_urgent(self) -> int:
        sent = 0
        while not self._stop.is_set() and (claims := self._claim_for_people(Priority.WAITED_FOR)):
            sent += self._send_all(claims, is_urgent=True)
        self._looked_around_at = self._clock()
        return sent

    def _send_newsletters(self) -> int:
        with self._sessions() as session:
            now, pace = self._clock(), self._pace
            claims = ledger.claim_newsletter(session, self._owner, now, pace.lease, pace.claim_size)
        return self._send_all(claims, is_urgent=False)

    def _send_bulk(self) -> int:
        return self._send_all(self._claim_for_people(Priority.IN_BULK), is_urgent=False)

    def _send_all(self, claims: Sequence[Claim], *, is_urgent: bool) -> int:
        """Send what was claimed, looking round in between. Returns how many mails were tried."""
        if claims:
            crash_point("after_claim")
        size, tried = self._sender.batch_size, 0
        for start in range(0, len(claims), size):
            batch = claims[start : start + size]
            mails = self._build(batch)
            while mails and not self._stop.is_set():
                if not is_urgent and self._is_time_to_look_around():
                    self._look_around()
                settled = self._send(batch, mails)
                mails = [mail for mail in mails if mail.key not in settled]
                tried += len(settled)
        return tried

    def _is_time_to_look_around(self) -> bool:
        return self._clock() - self._looked_around_at > LOOK_AROUND_EVERY

    def _look_around(self) -> None:
        # Somebody may be waiting for a confirmation while ten thousand digests go out.
        self._renew_leases()
        self._send_urgent()

    def _claim_for_people(self, priority: Priority) -> list[Claim]:
        with self._sessions() as session:
            now, pace = self._clock(), self._pace
            return ledger.claim_transactional(
                session, self._owner, now, pace.lease, pace.claim_size, priority
            )

    def _renew_leases(self) -> None:
        with self._sessions() as session:
            ledger.keep_leases(session, self._owner, self._clock() + self._pace.lease)

    def _send(self, claims: Sequence[Claim], mails: Sequence[Mail]) -> frozenset[int]:
        """Hand over `mails` until it is time for something else, but never leave while a mail
        is between gate and answer. Returns the keys of those whose fate is recorded."""
        by_key = {claim.id: claim for claim in claims}
        passed, settled = set[int](), set[int]()

        def gate(keys: Sequence[int]) -> frozenset[int]:
            crash_point("before_gate")
            open_keys = self._hand_off([by_key[key] for key in keys])
            passed.update(open_keys)
            crash_point("after_gate")
            return open_keys

        try:
            for outcome in self._sender.send(mails, gate):
                crash_point("after_outcome")
                self._record(by_key[outcome.key], outcome)
                settled.add(outcome.key)
                crash_point("after_record")
                is_free = passed <= settled
                if is_free and (self._stop.is_set() or self._is_time_to_look_around()):
                    break
        except ProviderDown:
            self._release_untouched()
            raise
        return frozenset(settled)

    def _hand_off(self, claims: Sequence[Claim]) -> frozenset[int]:
        """Commit A."""
        with self._sessions() as session:
            now = self._clock()
            return frozenset(
                claim.id
                for claim in claims
                if ledger.hand_off(session, claim.id, claim.generation, now)
            )

    def _build(self, claims: Sequence[Claim]) -> list[Mail]:
        """The bytes of each mail; one that cannot be built is set aside and the rest go on."""
        mails = []
        with self._sessions() as session:
            for claim in claims:
                try:
                    mails.append(self._builder.build(session, claim, self._clock()))
                except SQLAlchemyError:
                    raise
                except Exception as error:  # noqa: BLE001  one poisoned mail must not stop the rest
                    self._set_aside(session, claim, error)
        return mails

    def _set_aside(self, session: Session, claim: Claim, error: Exception) -> None:
        log.error("mail cannot be built", delivery=claim.id, error=str(error))
        ledger.record(
            session,
            claim,
            Next(DeliveryState.REJECTED),
            self._clock(),
            outcome="unbuildable",
            phase="build",
            text=str(error),
        )

    def _record(self, claim: Claim, outcome: Outcome) -> None:
        """Commit B. What is known now must not be lost because the database is busy: a mail that
        was accepted and not written down is sent again."""
        for _ in range(RECORD_TRIES - 1):
            try:
                self._write_down(claim, outcome)
            except DBAPIError as error:
                log.warning("outcome not written yet", delivery=claim.id, error=str(error.orig))
                time.sleep(self._pace.idle_seconds)
            else:
                return
        self._write_down(claim, outcome)

    def _write_down(self, claim: Claim, outcome: Outcome) -> None:
        now = self._clock()
        with self._sessions() as session:
            if outcome.fate == Fate.HELD:
                ledger.settle_held(session, claim.id, claim.generation, now)
                return
            ledger.record(
                session,
                claim,
                self._decide(claim, outcome, now),
                now,
                outcome=outcome.fate,
                provider=self._sender.name,
                phase=outcome.phase,
                code=outcome.code,
                text=outcome.text,
                provider_message_id=outcome.provider_message_id,
            )
            if outcome.fate == Fate.REFUSED:
                note_refusal(session, claim, outcome.phase, outcome.code, outcome.text, now)
            is_up = outcome.fate in (Fate.ACCEPTED, Fate.REFUSED)  # it answers
            if is_up and self._has_noted_trouble:
                drop_setting(session, PROVIDER_TROUBLE)
        if is_up:
            self._circuit.close()
            self._has_noted_trouble = False

    def _decide(self, claim: Claim, outcome: Outcome, now: datetime) -> Next:
        if outcome.fate == Fate.ACCEPTED:
            return Next(DeliveryState.ACCEPTED)
        if outcome.fate == Fate.REFUSED:
            return Next(DeliveryState.REJECTED)
        attempts = claim.attempts + 1
        if outcome.fate == Fate.RETRY:
            return delivery.after_retry(attempts, claim.expires_at, now)
        return delivery.after_unknown(
            claim.kind,
            attempts,
            now,
            is_second=claim.is_repeat,
            resends=self._pace.resends_unknown,
        )

    def _release_untouched(self) -> None:
        with self._sessions() as session:
            ledger.release(session, self._owner, self._clock())
        self._has_stale_claims = False

    def _trip(self, fault: ProviderDown) -> None:
        now = self._clock()
        self._circuit.trip(fault.text, now, fault.retry_at)
        log.warning("provider down", reason=fault.text, retry_at=str(self._circuit.retry_at))
        with self._sessions() as session:
            since = (find_setting(session, PROVIDER_TROUBLE) or {}).get("since", now.isoformat())
            trouble = {"reason": fault.text, "code": fault.code, "since": since}
            save_setting(session, PROVIDER_TROUBLE, trouble, now)
        self._has_noted_trouble = True
