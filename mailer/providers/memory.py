"""A Sender that keeps what it is given, for tests and rehearsals. Opens no connection.

It follows the same contract as the real ones: a verdict before each mail, an outcome after it.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Work

Answer = Fate | ProviderDown

_CODES = {
    Fate.ACCEPTED: 250,
    Fate.RETRY: 451,
    Fate.REFUSED: 550,
    Fate.UNFIT: 552,
    Fate.UNKNOWN: 0,
}


class MemorySender:
    """`accepted` holds every mail that was taken, in order.

    `script` says, per recipient, how its first, second … offer ends; after that, and for anybody
    not named, mail is accepted. ProviderDown in it is raised before the verdict. A mail that is
    scripted UNKNOWN did not arrive. HELD cannot be scripted: the ledger decides that.
    """

    name = "memory"

    def __init__(self, script: Mapping[str, Iterable[Answer]] | None = None) -> None:
        self.accepted: list[Mail] = []
        self._script: defaultdict[str, deque[Answer]] = defaultdict(deque)
        for recipient, answers in (script or {}).items():
            self._script[recipient].extend(answers)

    def send(self, work: Work) -> None:
        """See Sender. One mail at a time, its outcome committed at once."""
        while mail := work.take():
            work.commit([self._offer(mail, work)], [])

    def close(self) -> None:
        """Nothing to close; `accepted` stays readable."""

    def _offer(self, mail: Mail, work: Work) -> Outcome:
        answers = self._script[mail.recipient]
        answer = answers.popleft() if answers else Fate.ACCEPTED
        if isinstance(answer, ProviderDown):
            raise answer
        words = f"{answer} by the memory sender"
        if answer is Fate.UNFIT:
            return Outcome(mail.key, answer, "mail", _CODES[answer], words)
        if mail.key not in work.commit([], [mail.key]):
            answers.appendleft(answer)
            return Outcome(mail.key, Fate.HELD, "data")
        if answer is Fate.ACCEPTED:
            self.accepted.append(mail)
        return Outcome(mail.key, answer, "dot", _CODES[answer], words)
