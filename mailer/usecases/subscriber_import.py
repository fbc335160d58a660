"""Brings people from elsewhere onto the list: plans it, carries it out. `import_records` undoes it.

Only addresses that nobody here has seen are added. Whoever left, bounced or complained stays out,
whatever the file or the coordinator says; a repeated import changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.domain.consent import ConsentAction, SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState, Priority
from mailer.domain.errors import Invalid, Refused
from mailer.domain.imports import Fate, Standing, decide_fate, suggest_domain
from mailer.i18n import interface_for
from mailer.message.vocabulary import N_
from mailer.storage import audit, import_records
from mailer.storage.subscribers import list_states
from mailer.storage.suppressions import Scope, list_scopes
from mailer.usecases import letters
from mailer.usecases.addresses import Address
from mailer.usecases.import_files import People, Unusable
from mailer.usecases.import_records import IMPORTED, THING, make_source
from mailer.usecases.import_wishes import load_vocabulary
from mailer.usecases.preferences import Wishes, fit

GRACE = timedelta(minutes=10)
"""Nobody is asked before that: time to notice that it was the wrong file."""
MAIL_LIVES = timedelta(days=3)
LONGEST_EVIDENCE = 500
_CHUNK = 1000

_NO_EVIDENCE = N_("Write down where and when these people agreed.")
_LONG_EVIDENCE = N_("This is too long. Use at most 500 characters.")
_MEANWHILE = N_("Somebody from this list signed up at this very moment. Please try again.")


class Mode(StrEnum):
    """ask: each person gets a mail and joins by pressing the button in it. confirmed: they have
    agreed elsewhere, in a way that can be proved, and join at once."""

    ASK = "ask"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Person:
    """One address of the file and what becomes of it."""

    line: int
    address: Address
    key: str
    fate: Fate
    wishes: Wishes
    is_unconfirmed: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A new address that looks like a slip. It is imported as it is: only a person may mend it."""

    line: int
    address: str
    meant: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do at this moment. Nothing has happened yet."""

    people: tuple[Person, ...]
    unusable: tuple[Unusable, ...]
    suggestions: tuple[Suggestion, ...]

    def list_people(self, fate: Fate) -> list[Person]:
        """Those of one fate, in the order of the file."""
        return [person for person in self.people if person.fate is fate]

    def count(self) -> dict[str, int]:
        """How many addresses meet each fate, and how many lines are no use."""
        fates = Counter(person.fate for person in self.people)
        return {fate.value: fates[fate] for fate in Fate} | {"invalid": len(self.unusable)}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`asked` and `confirmed` are how many were added in each way."""

    number: int
    asked: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class _Proof:
    """How newcomers enter: what goes into their rows and into their proof of consent."""

    source: str
    evidence: str
    now: datetime
    is_confirmed: bool


def plan_import(
    session: Session, people: People, defaults: Wishes, address_key: Callable[[str], str]
) -> ImportPlan:
    """Decide about every row; changes nothing.

    `defaults` is what people get whose row says nothing about languages or topics. Of an address
    that the file has twice the first row counts, unless one of them says that the person left.
    Raises Invalid for unusable defaults.
    """
    granted = fit(session, defaults)
    vocabulary = load_vocabulary(session)
    keys = [address_key(address.key_text) for _, address in people.rows]
    keyed = list(zip(people.rows, keys, strict=True))
    gone = {key for (row, _), key in keyed if row.standing is Standing.GONE}
    known = _Known(session, keys)
    planned: dict[str, Person] = {}
    doubles: list[Person] = []
    for (row, address), key in keyed:
        standing = Standing.GONE if key in gone else row.standing
        wishes = Wishes(
            vocabulary.read_languages(row.languages) or granted.languages,
            vocabulary.read_topics(row.topics) or granted.topics,
            granted.cadence,
        )
        fate = Fate.DOUBLE if key in planned else known.decide(key, standing)
        person = Person(row.line, address, key, fate, wishes, standing is Standing.UNCONFIRMED)
        if fate is Fate.DOUBLE:
            doubles.append(person)
        else:
            planned[key] = person
    return ImportPlan(
        (*planned.values(), *doubles), people.unusable, tuple(_suggest(planned.values()))
    )


def carry_out(
    session: Session,
    plan: ImportPlan,
    mode: Mode,
    *,
    number: int,
    evidence: str,
    who: str,
    now: datetime,
) -> ImportResult:
    """Add the new people of a plan made in this same transaction; `number` is a new one.

    `evidence` says where and when they agreed and goes into each one's proof of consent. In the
    mode `confirmed`, whoever the file marks as unconfirmed is asked all the same. Raises Invalid
    without evidence, Refused when somebody of the plan signs up at this very moment.
    """
    proof = read_evidence(evidence)
    newcomers = plan.list_people(Fate.NEW)
    asked = [one for one in newcomers if mode is Mode.ASK or one.is_unconfirmed]
    let_in = [] if mode is Mode.ASK else [one for one in newcomers if not one.is_unconfirmed]
    source = make_source(number)
    try:
        _add(session, asked, _Proof(source, proof, now, is_confirmed=False))
        _add(session, let_in, _Proof(source, proof, now, is_confirmed=True))
    except IntegrityError as error:
        raise Refused(_MEANWHILE) from error
    counts = plan.count()
    audit.record(
        session, who, IMPORTED, now, thing=THING, thing_id=number, mode=mode.value, **counts
    )
    return ImportResult(number, len(asked), len(let_in))


def read_evidence(text: str, missing: str = _NO_EVIDENCE) -> str:
    """Where and when somebody agreed or left, as it is kept. Raises Invalid, with the sentence
    `missing` when there is none."""
    evidence = " ".join(text.split())
    if not evidence:
        raise Invalid("evidence", missing)
    if len(evidence) > LONGEST_EVIDENCE:
        raise Invalid("evidence", _LONG_EVIDENCE)
    return evidence


class _Known:
    """What is known here about the addresses of a file: asked once, in large pieces."""

    def __init__(self, session: Session, keys: Sequence[str]) -> None:
        self._states: dict[str, SubscriberState] = {}
        self._suppressed: set[tuple[str, Scope]] = set()
        for chunk in _chunks(keys):
            self._states.update(list_states(session, chunk))
            self._suppressed.update(list_scopes(session, chunk))

    def decide(self, key: str, standing: Standing) -> Fate:
        return decide_fate(
            standing,
            self._states.get(key),
            has_left=(key, Scope.NEWSLETTERS) in self._suppressed,
            is_dead=(key, Scope.EVERYTHING) in self._suppressed,
        )


def _chunks(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (things[at : at + _CHUNK] for at in range(0, len(things), _CHUNK))


def _suggest(people: Iterable[Person]) -> Iterator[Suggestion]:
    for person in people:
        mailbox = person.address.mailbox
        if person.fate is Fate.NEW and (meant := suggest_domain(mailbox)):
            yield Suggestion(person.line, mailbox, meant)


def _add(session: Session, people: Sequence[Person], proof: _Proof) -> None:
    """Rows for people, their consent, and the mail that asks them: a statement per thousand."""
    for chunk in _chunks(people):
        names = [uuid4() for _ in chunk]
        rows = [_subscriber(one, name, proof) for one, name in zip(chunk, names, strict=True)]
        ids = import_records.add_people(session, rows)
        added = list(zip(chunk, ids, names, strict=True))
        import_records.add_proofs(session, [_consent(one, id_, proof) for one, id_, _ in added])
        if not proof.is_confirmed:
            import_records.add_questions(session, [_question(*one, proof.now) for one in added])


def _subscriber(person: Person, public_id: UUID, proof: _Proof) -> dict[str, Any]:
    is_confirmed = proof.is_confirmed
    return {
        "public_id": public_id,
        "address": person.address.mailbox,
        "address_key": person.key,
        "state": SubscriberState.CONFIRMED if is_confirmed else SubscriberState.PENDING,
        "language": person.wishes.languages[0],
        "content_languages": person.wishes.languages,
        "topics": person.wishes.topics,
        "cadence": person.wishes.cadence,
        "source": proof.source,
        "created_at": proof.now,
        "confirmed_at": proof.now if is_confirmed else None,
    }


def _consent(person: Person, subscriber_id: int, proof: _Proof) -> dict[str, Any]:
    """They saw no words of ours, so no wording is claimed."""
    is_confirmed = proof.is_confirmed
    return {
        "subscriber_id": subscriber_id,
        "action": ConsentAction.IMPORTED if is_confirmed else ConsentAction.REQUESTED,
        "at": proof.now,
        "source": proof.source,
        "topics": person.wishes.topics,
        "evidence": proof.evidence,
    }


def _question(person: Person, subscriber_id: int, reader_id: UUID, now: datetime) -> dict[str, Any]:
    """The same mail that a sign-up sets off (see `letters.queue`), a little later."""
    return {
        "subscriber_id": subscriber_id,
        "reader_id": reader_id,
        "kind": DeliveryKind.TRANSACTIONAL,
        "language": interface_for(person.wishes.languages[0]),
        "address": person.address.mailbox,
        "address_key": person.key,
        "priority": Priority.IN_BULK,
        "state": DeliveryState.QUEUED,
        "template": "confirm",
        "context": {"jti": letters.make_jti()},
        "next_at": now + GRACE,
        "expires_at": now + GRACE + MAIL_LIVES,
        "created_at": now,
        "changed_at": now,
    }
