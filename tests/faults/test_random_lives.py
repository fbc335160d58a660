"""F44 and F50: whatever people, machines and the provider do, in whatever order, the promise holds
at any time and the books are closed in the end. Hypothesis writes the histories."""

import shutil
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mailer.domain.delivery import UNKNOWN_WAIT, DeliveryState
from mailer.domain.feedback import FeedbackKind
from mailer.providers.base import ProviderDown
from mailer.storage.db import open_engine, open_sessions
from mailer.usecases import sending
from mailer.usecases.setup import set_up
from tests.conftest import NOW
from tests.faults.workers import add_readers
from tests.faults.world import BATCH, Answer, Died, Moment, Plan, World
from tests.letters import start_letter

READERS = 6
Verb = Callable[..., object]
LETTERS = 2

any_answers = st.lists(st.sampled_from(Answer), max_size=BATCH).map(deque)
any_moment = st.tuples(st.integers(1, BATCH), st.sampled_from(Moment))
any_verb = st.sampled_from([sending.pause, sending.resume, sending.cancel, sending.leave])
any_failures = st.lists(
    st.sampled_from([DeliveryState.REJECTED, DeliveryState.UNKNOWN, DeliveryState.EXPIRED]),
    min_size=1,
    unique=True,
).map(tuple)
any_number = st.integers(0, 99)
any_kind = st.sampled_from(FeedbackKind)


def die() -> None:
    raise Died


def go_down() -> None:
    raise ProviderDown("421 try later", 421)


class Histories(RuleBasedStateMachine):
    """`template` is a database with two newsletters under way."""

    template: Path

    @initialize(width=st.sampled_from([1, 2, 3]))
    def begin(self, width: int) -> None:
        self.folder = Path(mkdtemp(prefix="world-"))
        shutil.copy(self.template, self.folder / "mailer.db")
        self.world = World(self.folder / "mailer.db", width, NOW)

    @rule(answers=any_answers)
    def send(self, answers: deque[Answer]) -> None:
        self.world.send(Plan(answers, (-1, Moment.BEFORE_VERDICT), lambda: None))

    @rule(answers=any_answers, at=any_moment)
    def send_and_die(self, answers: deque[Answer], at: tuple[int, Moment]) -> None:
        self.world.send(Plan(answers, at, die))

    @rule(answers=any_answers, at=st.integers(1, BATCH))
    def send_until_the_provider_goes_down(self, answers: deque[Answer], at: int) -> None:
        self.world.send(Plan(answers, (at, Moment.BEFORE_VERDICT), go_down))

    @rule(answers=any_answers, at=any_moment, number=any_number)
    def somebody_leaves_in_mid_send(
        self, answers: deque[Answer], at: tuple[int, Moment], number: int
    ) -> None:
        self.world.send(Plan(answers, at, lambda: self._leave(number)))

    @rule(answers=any_answers, at=any_moment, verb=any_verb, number=any_number)
    def somebody_gives_an_order_in_mid_send(
        self,
        answers: deque[Answer],
        at: tuple[int, Moment],
        verb: Callable[..., object],
        number: int,
    ) -> None:
        self.world.send(Plan(answers, at, lambda: self._order(verb, number)))

    @rule(answers=any_answers, at=any_moment, kind=any_kind, number=any_number)
    def something_comes_back_in_mid_send(
        self, answers: deque[Answer], at: tuple[int, Moment], kind: FeedbackKind, number: int
    ) -> None:
        self.world.send(Plan(answers, at, lambda: self.world.report(kind, number)))

    @rule(answers=any_answers, at=any_moment, times=st.integers(1, 4))
    def database_goes_away_in_mid_send(
        self, answers: deque[Answer], at: tuple[int, Moment], times: int
    ) -> None:
        self.world.send(Plan(answers, at, lambda: self.world.lose_database(times)))

    @rule(number=any_number)
    def somebody_leaves(self, number: int) -> None:
        self._leave(number)

    @rule(kind=any_kind, number=any_number)
    def something_comes_back_while_a_repeat_is_handed_over(
        self, kind: FeedbackKind, number: int
    ) -> None:
        self.world.pass_time(UNKNOWN_WAIT)
        at = (self.world.width, Moment.AFTER_VERDICT)
        self.world.send(Plan(deque(), at, lambda: self.world.report(kind, number)))

    @rule(kind=any_kind, number=any_number)
    def something_comes_back(self, kind: FeedbackKind, number: int) -> None:
        self.world.report(kind, number)

    @rule(verb=any_verb, number=any_number)
    def somebody_gives_an_order(self, verb: Verb, number: int) -> None:
        self._order(verb, number)

    @rule(number=any_number, states=any_failures)
    def somebody_tries_again(self, number: int, states: tuple[DeliveryState, ...]) -> None:
        letters = self.world.letters
        self.world.retry(letters[number % len(letters)], states)

    @rule(minutes=st.sampled_from([-60, -1, 1, 16, 31, 180, 1500, 8000]))
    def time_passes(self, minutes: int) -> None:
        self.world.pass_time(timedelta(minutes=minutes))

    @rule()
    def the_worker_is_restarted(self) -> None:
        self.world.restart()

    @invariant()
    def the_promise_is_kept(self) -> None:
        if hasattr(self, "world"):
            self.world.expect_promise()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.come_to_rest()
            self.world.expect_promise()
            self.world.expect_rest()
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    def _leave(self, number: int) -> None:
        readers = self.world.list_readers()
        self.world.leave(readers[number % len(readers)])

    def _order(self, verb: Verb, number: int) -> None:
        letters = self.world.letters
        self.world.order(verb, letters[number % len(letters)])


def run_histories(template: Path, examples: int, *, same_each_time: bool) -> None:
    database = open_engine(f"sqlite:///{template}")
    sessions = open_sessions(database)
    with sessions() as session:
        set_up(session, None, NOW)
    add_readers(sessions, READERS, NOW)
    for _ in range(LETTERS):
        start_letter(sessions, NOW)
    database.dispose()
    of_these = type("Histories", (Histories,), {"template": template})
    run_state_machine_as_test(
        of_these,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=same_each_time,
            # A history of thirty steps is short enough to read; to shorten one takes minutes.
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_history_breaks_the_promise(sqlite_url: str) -> None:
    """F44, F50."""
    run_histories(Path(sqlite_url.removeprefix("sqlite:///")), 60, same_each_time=True)
