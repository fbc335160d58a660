"""Commit B, mail by mail: what an outcome makes of a delivery, written into the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain import delivery
from mailer.domain.delivery import DeliveryState, Next
from mailer.domain.feedback import is_dead_address
from mailer.providers.base import Fate, Outcome
from mailer.storage import ledger
from mailer.storage.deliveries import Claim
from mailer.storage.feedback import hold_people
from mailer.usecases.feedback import note_refusal


@dataclass(frozen=True, slots=True)
class Settler:
    """`provider` is who carried the mail; `resends_unknown`: a newsletter mail of unknown fate is
    sent once more."""

    provider: str
    resends_unknown: bool

    def settle(
        self, session: Session, settled: Sequence[tuple[Claim, Outcome]], now: datetime
    ) -> None:
        """Write down what became of these mails. Repeating it changes nothing."""
        gone = [claim.address_key for claim, said in settled if _is_about_a_dead_address(said)]
        if gone:
            # Before their mails, as wherever people act themselves: else two would wait for each
            # other.
            hold_people(session, gone)
        smooth = []
        for claim, outcome in settled:
            if outcome.fate is Fate.ACCEPTED and not claim.attempts:
                smooth.append(
                    (
                        claim.id,
                        claim.generation,
                        outcome.code,
                        outcome.text[:500],
                        outcome.provider_message_id[:200],
                    )
                )
            else:
                self._settle_one(session, claim, outcome, now)
        ledger.accept(session, self.provider, smooth, now)

    def _settle_one(self, session: Session, claim: Claim, outcome: Outcome, now: datetime) -> None:
        is_unfit = outcome.fate is Fate.UNFIT and claim.newsletter_id is not None
        if outcome.fate is Fate.HELD or is_unfit:
            ledger.settle_held(session, claim.id, claim.generation, now)
            return
        ledger.record(
            session,
            claim,
            self._decide(claim, outcome, now),
            now,
            outcome=outcome.fate,
            provider=self.provider,
            phase=outcome.phase,
            code=outcome.code,
            text=outcome.text,
            provider_message_id=outcome.provider_message_id,
        )
        if outcome.fate is Fate.REFUSED:
            note_refusal(session, claim, outcome.phase, outcome.code, outcome.text, now)

    def _decide(self, claim: Claim, outcome: Outcome, now: datetime) -> Next:
        if outcome.fate is Fate.ACCEPTED:
            return Next(DeliveryState.ACCEPTED)
        if outcome.fate is Fate.SEEN:
            # The provider has had it before: a further copy is for a person to ask for.
            return Next(DeliveryState.UNKNOWN)
        if outcome.fate in (Fate.REFUSED, Fate.UNFIT):
            return self._reject(claim, outcome)
        attempts = claim.attempts + 1
        if outcome.fate is Fate.RETRY:
            return delivery.after_retry(attempts, claim.expires_at, now, is_repeat=claim.is_repeat)
        return delivery.after_unknown(
            claim.kind,
            attempts,
            now,
            is_second=claim.is_repeat,
            resends=self.resends_unknown,
        )

    def _reject(self, claim: Claim, outcome: Outcome) -> Next:
        # Where there is such a mailbox, the first copy may lie in it.
        may_have_arrived = claim.is_repeat and not _is_about_a_dead_address(outcome)
        return Next(DeliveryState.UNKNOWN if may_have_arrived else DeliveryState.REJECTED)


def _is_about_a_dead_address(outcome: Outcome) -> bool:
    return outcome.fate is Fate.REFUSED and is_dead_address(
        outcome.phase, outcome.code, outcome.text
    )
