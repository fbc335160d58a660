"""A small world for random histories: newsletters, readers who come to their senses, an operator
who changes their mind, a provider and a database with moods, and processes that die.

It remembers what really arrived and why anything may have gone wrong, and holds the ledger
against that.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from enum import Enum
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from mailer.domain.delivery import UNKNOWN_WAIT, DeliveryState
from mailer.domain.errors import WrongState
from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.domain.newsletter import NewsletterState
from mailer.message.render import Renderer
from mailer.providers.base import Fate, Mail, Outcome, ProviderDown, Work
from mailer.storage import recovery
from mailer.storage.accounts import get_accounts
from mailer.storage.db import open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Suppression
from mailer.usecases import feedback, sending, subscriptions
from mailer.usecases.consents import Trace
from mailer.worker.claims import Pace
from mailer.worker.engine import Engine
from mailer.worker.timetable import Jobs
from tests.letters import BASE_URL, GRACE, WHO
from tests.worker.engines import build_engine

_S = DeliveryState

BATCH = 3
"""How many mails a worker claims at once: few, so that more can happen between them."""

REPORTED = frozenset({_S.DELIVERED, _S.BOUNCED, _S.COMPLAINED})
"""What a mail becomes only by what comes back, and never leaves again."""

OVER = (NewsletterState.SENT, NewsletterState.CANCELLED, NewsletterState.SKIPPED_EMPTY)


class Died(BaseException):
    """`kill -9`: nothing of the process goes on."""


class Answer(Enum):
    """How the provider answers one mail, and whether it arrives."""

    TAKEN = (Fate.ACCEPTED, "dot", 250, "2.0.0 queued", True)
    LATER = (Fate.RETRY, "dot", 451, "4.7.1 greylisted", False)
    NEVER = (Fate.REFUSED, "dot", 554, "5.7.1 not wanted", False)
    NOBODY = (Fate.REFUSED, "rcpt", 550, "5.1.1 no such user", False)
    LOST_AFTER = (Fate.UNKNOWN, "dot", 0, "connection lost", True)
    LOST_BEFORE = (Fate.UNKNOWN, "dot", 0, "connection lost", False)


REFUSALS = frozenset({Answer.NEVER, Answer.NOBODY})


class Moment(Enum):
    """When something happens in the course of a mail."""

    BEFORE_VERDICT = 1
    AFTER_VERDICT = 2
    AFTER_ARRIVAL = 3


@dataclass
class Plan:
    """What one round will be like: the answers in order (then everything is taken), and what
    happens at a moment of the mail of that number."""

    answers: deque[Answer]
    at: tuple[int, Moment]
    happens: Callable[[], None]


class World:
    """`database` has newsletters under way; `width` is how many mails are in hand at once. Close
    it."""

    def __init__(self, database: Path, width: int, now: datetime) -> None:
        self.now, self.width = now, width
        self._engine = open_engine(f"sqlite:///{database}")
        self.sessions = open_sessions(self._engine)
        self._journal = database.parent / "journal"
        self._failing = 0
        self._plan = Plan(deque(), (-1, Moment.BEFORE_VERDICT), lambda: None)
        self._offered = 0
        self._in_hand: set[int] = set()
        self.arrived: defaultdict[int, list[str]] = defaultdict(list)
        self.uncertain: Counter[int] = Counter()
        self.said: defaultdict[int, set[Answer]] = defaultdict(set)
        self.pardoned: Counter[int] = Counter()
        self.gone: set[str] = set()
        self.reported: dict[int, int] = {}
        with self.sessions() as session:
            self.letters = list(session.scalars(select(Newsletter.id).order_by(Newsletter.id)))
        self._sender = _Provider(self)
        self._start()

    def close(self) -> None:
        self.worker.shut_down()
        self._engine.dispose()

    # What people do.

    def leave(self, address: str) -> None:
        with self.sessions() as session:
            reader = session.scalars(select(Subscriber).where(Subscriber.address == address)).one()
            trace = Trace("one click", "en")
            subscriptions.unsubscribe(session, reader, trace=trace, now=self.now)
        self.gone.add(address)

    def order(self, verb: Callable[..., object], newsletter_id: int) -> None:
        """What a coordinator may ask for; what cannot be is refused."""
        with suppress(WrongState), self.sessions() as session:
            verb(session, get_newsletter(session, newsletter_id), WHO, self.now)

    def retry(self, newsletter_id: int, states: tuple[DeliveryState, ...]) -> None:
        of_these = {
            row.id
            for row in self.read_rows()
            if row.newsletter_id == newsletter_id and row.state in states
        }
        with suppress(WrongState), self.sessions() as session:
            sending.retry(session, get_newsletter(session, newsletter_id), states, WHO, self.now)
            self.pardoned.update(of_these)

    def report(self, kind: FeedbackKind, number: int) -> None:
        """Somebody's server says something about a mail that arrived, perhaps once more: about one
        whose repeat is in hand, if there is one."""
        known = sorted(self.arrived.keys() & self._in_hand) or sorted(self.arrived)
        if not known:
            return
        key = known[number % len(known)]
        said = Feedback("world", f"{kind} {key}", kind, self.now, key)
        with self.sessions() as session:
            feedback.take(session, said, self.now)
        self._note_reports()

    def _note_reports(self) -> None:
        """What stands in the ledger by now: how many copies of each mail there are for good, and
        who gets nothing more."""
        for row in self.read_rows():
            if row.state in REPORTED:
                self.reported.setdefault(row.id, len(self.arrived[row.id]))
        with self.sessions() as session:
            self.gone.update(session.scalars(select(Suppression.address_key)))

    # What happens to machines.

    def send(self, plan: Plan) -> None:
        """One round of the worker; it may not survive it."""
        self._plan, self._offered = plan, 0
        try:
            self.worker.run_once()
        except Died:
            self.uncertain.update(self._in_hand)
            self._start_anew()
        except SQLAlchemyError:
            self.worker._must_mend = True  # as its loop would note
        self._in_hand.clear()

    def lose_database(self, times: int) -> None:
        """The next commits fail."""
        self._failing = times

    def restart(self) -> None:
        """In good order."""
        self.worker.shut_down()
        self._start_anew()

    def pass_time(self, length: timedelta) -> None:
        self._failing = 0
        if self.worker._must_mend:
            self.worker.mend()  # its loop looks every second whether the database is back
        self.now += length
        jobs = Jobs(self.sessions, Renderer(BASE_URL), lambda: self.now, GRACE)
        jobs.move_newsletters()
        jobs.apply_feedback()
        jobs.sort_out_mail()
        self._note_reports()
        self._expect_nothing_left_of_cancelled_ones()

    def _expect_nothing_left_of_cancelled_ones(self) -> None:
        with self.sessions() as session:
            accounts = get_accounts(session, self.list_newsletters())
        held = (_S.CLAIMED, _S.HANDING_OFF)  # by a worker that lost its database
        for letter in self._list_in(NewsletterState.CANCELLED):
            assert accounts[letter].open == accounts[letter].count(*held)

    def _start_anew(self) -> None:
        self._failing = 0
        if stream := self.worker._journal._stream:
            stream.close()  # as the end of a process does
        self._start()

    def _start(self) -> None:
        self.worker: Engine = build_engine(
            self._moody_sessions,
            self._sender,
            lambda: self.now,
            self._journal,
            pace=Pace(claim_size=BATCH),
        )
        self.worker.mend()
        with self.sessions() as session:
            recovery.recover(session, self.now, UNKNOWN_WAIT, sole_sender=True)

    @contextmanager
    def _moody_sessions(self) -> Iterator[Session]:
        with self.sessions() as session:
            yield session
            if self._failing:
                self._failing -= 1
                raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    # What the provider sees.

    def begin(self, mails: Sequence[Mail]) -> None:
        for _ in mails:
            self._offered += 1
            self._come_to(Moment.BEFORE_VERDICT)

    def take_over(self, mails: Sequence[Mail]) -> list[Outcome]:
        """These may pass, and what became of those before is written down: their outcomes."""
        self._in_hand = {mail.key for mail in mails}
        self._note_bounces()
        in_hand = [row for row in self.read_rows() if row.id in self._in_hand]
        assert all(row.state == _S.HANDING_OFF for row in in_hand)
        assert {row.newsletter_id for row in in_hand} <= self._list_in(NewsletterState.SENDING)
        assert not self.gone & {mail.recipient for mail in mails}, "mail to somebody who had left"
        for _ in mails:
            self._come_to(Moment.AFTER_VERDICT)
        return [self._answer(mail) for mail in mails]

    def _answer(self, mail: Mail) -> Outcome:
        answers = self._plan.answers
        answer = answers.popleft() if answers else Answer.TAKEN
        fate, phase, code, text, arrives = answer.value
        if arrives:
            self.arrived[mail.key].append(message_from_bytes(mail.content)["Message-ID"])
        self._come_to(Moment.AFTER_ARRIVAL)
        self.said[mail.key].add(answer)
        if fate is Fate.UNKNOWN:
            self.uncertain[mail.key] += 1
        return Outcome(mail.key, fate, phase, code, text)

    def _come_to(self, moment: Moment) -> None:
        if (self._offered, moment) == self._plan.at:
            happens, self._plan.happens = self._plan.happens, lambda: None
            happens()

    def _note_bounces(self) -> None:
        """Who does not exist is not written to any more once that stands in the ledger."""
        for row in self.read_rows():
            if row.state == _S.REJECTED and Answer.NOBODY in self.said[row.id]:
                self.gone.add(row.address)

    # What must hold.

    def read_rows(self) -> Sequence[Delivery]:
        with self.sessions() as session:
            return session.scalars(select(Delivery).order_by(Delivery.id)).all()

    def list_readers(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(Subscriber.address).order_by(Subscriber.id)))

    def _list_in(self, state: NewsletterState) -> set[int]:
        return {letter.id for letter in self.list_newsletters() if letter.state == state}

    def list_newsletters(self) -> list[Newsletter]:
        with self.sessions() as session:
            return [get_newsletter(session, number) for number in self.letters]

    def expect_promise(self) -> None:
        """At any time: the books agree, one identity per mail, a copy more only where the fate of
        the one before was uncertain, and never a third by itself."""
        self._note_bounces()
        with self.sessions() as session:
            accounts = get_accounts(session, self.list_newsletters())
        assert all(account.adds_up for account in accounts.values())
        for key, copies in self.reported.items():
            assert len(self.arrived[key]) == copies, "a copy of what was known to have arrived"
        for key, ids in self.arrived.items():
            assert len(set(ids)) == 1
            assert len(ids) <= 1 + self.uncertain[key]
            assert len(ids) <= 2 + self.pardoned[key]

    def come_to_rest(self) -> None:
        """A week goes by in which all is well."""
        self._failing = 0
        for _ in range(60):
            for letter in self.list_newsletters():
                if letter.state == NewsletterState.PAUSED:
                    self.order(sending.resume, letter.id)
            self.send(Plan(deque(), (-1, Moment.BEFORE_VERDICT), lambda: None))
            self.pass_time(timedelta(hours=3))
            if self._is_at_rest():
                return

    def _is_at_rest(self) -> bool:
        with self.sessions() as session:
            letters = self.list_newsletters()
            accounts = get_accounts(session, letters)
        return all(letter.state in OVER and not accounts[letter.id].open for letter in letters)

    def expect_rest(self) -> None:
        """Nothing is left that nobody will resolve, and every end has its reason."""
        cancelled = self._list_in(NewsletterState.CANCELLED)
        assert {letter.state for letter in self.list_newsletters()} <= set(OVER)
        for row in self.read_rows():
            reasons = {
                _S.ACCEPTED: bool(self.arrived[row.id]),
                _S.UNKNOWN: self.uncertain[row.id] > 0 and row.next_at is None,
                _S.REJECTED: bool(REFUSALS & self.said[row.id]),
                _S.SUPPRESSED: row.address in self.gone,
                _S.EXPIRED: row.expires_at <= self.now or Answer.LATER in self.said[row.id],
                _S.CANCELLED: row.newsletter_id in cancelled,
                **dict.fromkeys(REPORTED, row.id in self.reported),
            }
            assert reasons.get(row.state), (row.id, row.state)


class _Provider:
    """A Sender with several mails in hand at once, whose answers and moods the world decides."""

    name = "world"

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, work: Work) -> None:
        outcomes: list[Outcome] = []
        while True:
            mails = list(_take(work, self._world.width))
            try:
                self._world.begin(mails)
            except ProviderDown:
                work.commit(outcomes, [])
                raise
            passed = work.commit(outcomes, [mail.key for mail in mails])
            held = [Outcome(mail.key, Fate.HELD) for mail in mails if mail.key not in passed]
            outcomes = held + self._world.take_over([m for m in mails if m.key in passed])
            if not outcomes:
                return

    def close(self) -> None:
        pass


def _take(work: Work, width: int) -> Iterator[Mail]:
    for _ in range(width):
        mail = work.take()
        if mail is None:
            return
        yield mail
