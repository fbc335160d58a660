"""What a worker process does with a task: its engine, on a ledger of both kinds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from mailer.clock import fixed
from mailer.domain.delivery import DeliveryState, Priority
from mailer.providers.base import Mail
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.worker import celery_hand
from mailer.worker.celery_hand import Hand
from mailer.worker.claims import Pace
from tests.letters import start_letter
from tests.people import add_people
from tests.worker.engines import ScriptedSender, build_engine
from tests.worker.ledger import read_account

LONG = 60.0
"""Seconds for a batch: more than these take."""

MakeHand = Callable[..., Hand]


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def sender() -> ScriptedSender:
    return ScriptedSender()


@pytest.fixture
def newsletter_id(sessions: Sessions, now: datetime) -> int:
    """A newsletter to ten readers."""
    with sessions() as session:
        add_people(session, 10, now)
    return start_letter(sessions, now)


@pytest.fixture
def make_hand(
    sessions: Sessions,
    now: datetime,
    stop: threading.Event,
    sender: ScriptedSender,
    tmp_path: Path,
) -> Iterator[MakeHand]:
    with ExitStack() as stack:

        def make(batch_seconds: float = LONG, claim_size: int = 3) -> Hand:
            clock, pace = fixed(now), Pace(claim_size=claim_size)
            build = partial(build_engine, sessions, sender, clock, tmp_path, pace=pace, stop=stop)
            hand = Hand(build, batch_seconds, stop)
            stack.callback(hand.let_go)
            return hand

        yield make


def test_hand_goes_on_until_nothing_is_due(make_hand: MakeHand, newsletter_id: int) -> None:
    hand = make_hand()

    assert [hand.deliver(), hand.deliver()] == [10, 0]


@pytest.mark.parametrize("claim_size", [3, 10])
def test_hand_lets_the_next_task_have_its_turn(
    sessions: Sessions,
    make_hand: MakeHand,
    newsletter_id: int,
    sender: ScriptedSender,
    claim_size: int,
) -> None:
    """However slow the server is: what was claimed and not begun is given back."""
    sender.after_outcome = lambda _mail: time.sleep(1.0)

    tried = make_hand(batch_seconds=1.0, claim_size=claim_size).deliver()

    assert tried == 1
    assert read_account(sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: 1,
        DeliveryState.QUEUED: 9,
    }


def test_hand_told_to_stop_gives_back_what_it_has_not_begun(
    sessions: Sessions,
    make_hand: MakeHand,
    newsletter_id: int,
    sender: ScriptedSender,
    stop: threading.Event,
) -> None:
    def stop_at_the_second(_mail: Mail) -> None:
        if len(sender.sent) == 2:
            stop.set()

    sender.after_outcome = stop_at_the_second

    tried = make_hand().deliver()

    assert tried == 2
    assert read_account(sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: 2,
        DeliveryState.QUEUED: 8,
    }


def test_hand_for_urgent_mail_leaves_newsletters_alone(
    sessions: Sessions, make_hand: MakeHand, newsletter_id: int, sender: ScriptedSender
) -> None:
    with sessions() as session:
        for mail in session.query(Delivery).order_by(Delivery.id).limit(2):
            mail.newsletter_id, mail.priority = None, Priority.WAITED_FOR

    tried = make_hand().deliver_urgent()

    assert tried == 2
    assert [mail.recipient for mail in sender.sent] == [
        "reader0000@example.org",
        "reader0001@example.org",
    ]


@pytest.mark.parametrize(
    "fault",
    [OperationalError("SELECT 1", None, Exception("gone")), ValueError("a mistake of ours")],
    ids=["database", "mistake"],
)
def test_hand_survives_what_breaks_its_engine(
    make_hand: MakeHand,
    newsletter_id: int,
    sender: ScriptedSender,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    monkeypatch.setattr(celery_hand, "REST_SECONDS", 0.01)

    def break_once(_mail: Mail) -> None:
        if len(sender.sent) == 1:
            raise fault

    sender.after_outcome = break_once
    hand = make_hand()

    assert [hand.deliver(), hand.deliver()] == [0, 9]
    assert len({mail.recipient for mail in sender.sent}) == len(sender.sent) == 10
