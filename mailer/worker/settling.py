"""Commit B, mail by mail: what an outcome makes of a delivery, written into the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain import delivery
from mailer.domain.delivery import DeliveryState, Next
from mailer.providers.base import Fate, Outcome
from mailer.storage import ledger
from mailer.storage.deliveries import Claim
from mailer.usecases.feedback import note_refusal


@dataclass(frozen=True, slots=True)
class Settler:
    """`provider` is who carried the mail; `resends_unknown`: a newsletter mail of unknown fate is
    sent once more."""

    provider: str
    resends_unknown: bool

    def settle(
        self, session: Session, settled: Iterable[tuple[Claim, Outcome]], now: datetime
    ) -> None:
        """Write down what became of these mails. Repeating it changes nothing."""
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
        if outcome.fate in (Fate.REFUSED, Fate.UNFIT):
            return Next(DeliveryState.REJECTED)
        attempts = claim.attempts + 1
        if outcome.fate is Fate.RETRY:
            return delivery.after_retry(attempts, claim.expires_at, now)
        # The provider has had it before: a further copy is for a person to ask for.
        resends = self.resends_unknown and outcome.fate is not Fate.SEEN
        return delivery.after_unknown(
            claim.kind, attempts, now, is_second=claim.is_repeat, resends=resends
        )
