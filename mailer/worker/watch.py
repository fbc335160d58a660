"""Notices newsletters that must not go on by themselves: their mail is refused too often, or cannot
leave at all. What all processes hear is counted together, in the database; pauses nothing itself.

A refusal is counted with the outcome it belongs to. Mails that are taken wait up to a second for
that, so as long as all goes well counting costs next to nothing; who dies forgets that second.
"""

from collections.abc import Iterable
from time import monotonic

from sqlalchemy.orm import Session

from mailer.domain.pausing import NOT_TAKEN, Reason, Refusals
from mailer.providers.base import Fate, Outcome
from mailer.storage import refusals
from mailer.storage.deliveries import Claim

COUNT_SECONDS = 1.0


class Watch:
    """What one process heard and has not counted yet."""

    def __init__(self) -> None:
        self._heard: dict[int, Refusals] = {}
        self._count_at = 0.0

    def find_reasons(
        self, session: Session, settled: Iterable[tuple[Claim, Outcome]]
    ) -> dict[int, Reason]:
        """Newsletter → why it should pause, after these outcomes. Belongs into the transaction that
        writes them down, as the last thing: others wait for the counts, so whoever has locked
        them must not wait for a mail."""
        reasons, last_words = dict[int, Reason](), dict[int, str]()
        for claim, outcome in settled:
            if claim.newsletter_id is None:
                continue
            if outcome.fate is Fate.UNFIT:
                reasons[claim.newsletter_id] = Reason(NOT_TAKEN, said=outcome.text)
            elif outcome.fate in (Fate.ACCEPTED, Fate.REFUSED):
                self._note(claim.newsletter_id, is_refused=outcome.fate is Fate.REFUSED)
            if outcome.fate is Fate.REFUSED:
                last_words[claim.newsletter_id] = outcome.text
        if not last_words and not (self._heard and monotonic() >= self._count_at):
            return reasons
        counted = self._count(session)
        for newsletter_id, words in last_words.items():
            if reason := counted[newsletter_id].find_reason(words):
                reasons[newsletter_id] = reason
        return reasons

    def _note(self, newsletter_id: int, *, is_refused: bool) -> None:
        self._heard.setdefault(newsletter_id, Refusals()).note(is_refused=is_refused)

    def _count(self, session: Session) -> dict[int, Refusals]:
        self._count_at = monotonic() + COUNT_SECONDS
        session.flush()  # what is still to be written may have to wait for others
        # In one order, so that no two processes wait for each other.
        heard, self._heard = sorted(self._heard.items()), {}
        return {number: refusals.add(session, number, theirs) for number, theirs in heard}
