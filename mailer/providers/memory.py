"""A Sender that keeps what it is given, for tests and rehearsals. Opens no connection.

It follows the same contract as the real ones: one outcome per mail, the gate asked right before.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mailer.providers.base import Fate, Gate, Mail, Outcome, ProviderDown

Answer = Fate | ProviderDown

_CODES = {Fate.ACCEPTED: 250, Fate.RETRY: 451, Fate.REFUSED: 550, Fate.UNKNOWN: 0}


class MemorySender:
    """`accepted` holds every mail that was taken, in order.

    `script` says, per recipient, how its first, second … offer ends; after that, and for anybody
    not named, mail is accepted. ProviderDown in it is raised before the gate. A mail that is
    scripted UNKNOWN did not arrive. HELD cannot be scripted: the gate decides that.
    """

    name = "memory"

    def __init__(
        self, script: Mapping[str, Iterable[Answer]] | None = None, *, batch_size: int = 100
    ) -> None:
        self.batch_size = batch_size
        self.accepted: list[Mail] = []
        self._script: defaultdict[str, deque[Answer]] = defaultdict(deque)
        for recipient, answers in (script or {}).items():
            self._script[recipient].extend(answers)

    def send(self, batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        """See Sender. The gate is asked for one key at a time."""
        for mail in batch:
            answers = self._script[mail.recipient]
            answer = answers.popleft() if answers else Fate.ACCEPTED
            if isinstance(answer, ProviderDown):
                raise answer
            if mail.key not in gate([mail.key]):
                answers.appendleft(answer)
                yield Outcome(mail.key, Fate.HELD, "data")
                continue
            if answer is Fate.ACCEPTED:
                self.accepted.append(mail)
            yield Outcome(mail.key, answer, "dot", _CODES[answer], f"{answer} by the memory sender")

    def close(self) -> None:
        """Nothing to close; `accepted` stays readable."""
