"""F20 to F23: what an HTTP interface may do to us, and what becomes of the mail."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mailer import clock
from mailer.domain.delivery import DeliveryState
from tests.faults.workers import (
    ALL_AT_ONCE,
    NOTHING_TRIED,
    Install,
    Watch,
    hire,
    list_readers,
    read_fates,
    read_trouble,
    start_newsletter,
)
from tests.service import Installation
from tests.sinks import BrevoAnswer, BrevoStub, brevo_stub, free_port
from tests.worker.ledger import read_account, read_deliveries

READERS = 6


@pytest.fixture
def stub() -> Iterator[BrevoStub]:
    with brevo_stub() as stub:
        yield stub


@pytest.fixture
def worker(install_worker: Install, sqlite_url: str, stub: BrevoStub) -> Installation:
    """Sends through the stub, three mails in a request; a newsletter is under way."""
    brevo = {"base_url": stub.url, "api_key": "key", "batch_size": 3, "timeout_seconds": 0.4}
    return install_worker(
        sqlite_url, free_port(), mail={"provider": "brevo"}, brevo=brevo, engine=ALL_AT_ONCE
    )


def list_recipients(stub: BrevoStub) -> list[str]:
    """Whom the stub was asked to write to, in order."""
    return [
        version["to"][0]["email"] for body in stub.posts() for version in body["messageVersions"]
    ]


def test_limit_of_the_provider_is_waited_out_in_order(
    worker: Installation, stub: BrevoStub
) -> None:
    """F20: 429 with Retry-After. Nobody's attempt is spent, nothing is asked before the time that
    was given, and then everything leaves in its old order."""
    newsletter_id, watch = start_newsletter(worker, READERS), Watch()
    watch.now = clock.now()  # the sender looks at the wall when it hears how long to wait
    stub.answers.append(BrevoAnswer(429, {"code": "too_many"}, {"Retry-After": "120"}))
    with hire(worker, watch) as engine:
        engine.run_once()
        fates, trouble = read_fates(worker.parts.sessions), read_trouble(worker.parts.sessions)
        watch.pass_time(timedelta(seconds=110))
        engine.run_once()
        asked_early = len(stub.posts())
        watch.pass_time(timedelta(seconds=20))
        engine.run_once()

    assert fates == NOTHING_TRIED
    assert trouble == "Brevo answered 429: too_many"
    assert asked_early == 1
    assert list_recipients(stub) == list_readers(3) + list_readers(READERS)
    assert read_account(worker.parts.sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: READERS
    }
    assert read_trouble(worker.parts.sessions) == ""


def test_answer_that_does_not_come_is_asked_for_with_the_same_key(
    worker: Installation, stub: BrevoStub
) -> None:
    """F21: the request was sent whole and may have been read: it is sent again just as it was,
    under the key by which Brevo knows it for 15 minutes."""
    newsletter_id = start_newsletter(worker, READERS)
    stub.answers.append(BrevoAnswer(201, {"messageIds": ["a", "b", "c"]}, delay=1))
    with hire(worker, Watch()) as engine:
        engine.run_once()

    first, again, other = (body["headers"]["idempotencyKey"] for body in stub.posts())
    assert list_recipients(stub) == list_readers(3) + list_readers(READERS)
    assert again == first
    assert other != first
    assert read_account(worker.parts.sessions, newsletter_id).by_state == {
        DeliveryState.ACCEPTED: READERS
    }


def test_answer_that_never_comes_leaves_the_batch_unknown(
    worker: Installation, stub: BrevoStub
) -> None:
    """F21: the rest goes on; what is unknown is sent once more when no key is known any more."""
    newsletter_id, watch = start_newsletter(worker, READERS), Watch()
    stub.answers.extend([BrevoAnswer(201, {"messageIds": ["a", "b", "c"]}, delay=1)] * 2)
    with hire(worker, watch) as engine:
        engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    waits = {row.next_at for row in read_deliveries(worker.parts.sessions)[:3]}
    assert account.by_state == {DeliveryState.UNKNOWN: 3, DeliveryState.ACCEPTED: 3}
    assert waits == {watch.now + timedelta(minutes=15)}
    assert account.adds_up


@pytest.mark.parametrize(
    "answer",
    [
        BrevoAnswer(500, {"code": "internal_error"}),
        BrevoAnswer(503, b"<html>try later</html>"),
        BrevoAnswer(201, b"thank you"),
        BrevoAnswer(201, {"messageIds": ["only one"]}),
    ],
)
def test_answer_that_proves_nothing_fails_nobody(
    worker: Installation, stub: BrevoStub, answer: BrevoAnswer
) -> None:
    """F22: they may have been sent, so they are neither failed nor tried at once."""
    newsletter_id = start_newsletter(worker, READERS)
    stub.answers.extend([answer, answer])
    with hire(worker, Watch()) as engine:
        engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    assert account.by_state == {DeliveryState.UNKNOWN: 3, DeliveryState.ACCEPTED: 3}
    assert account.adds_up


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("is_new", [True, False])
def test_closed_account_fails_nobody(
    worker: Installation, stub: BrevoStub, status: int, is_new: bool
) -> None:
    """F23: the key is refused from the start, or only when mail is sent. The circuit opens."""
    refusal = BrevoAnswer(status, {"code": "unauthorized", "message": "Key not found"})
    if is_new:
        stub.account = refusal
    else:
        stub.answers.append(refusal)
    start_newsletter(worker, READERS)

    with hire(worker, Watch()) as engine:
        tried = [engine.run_once() for _ in range(3)]
        asked = len(stub.requests)

    assert tried == [0, 0, 0]
    assert asked == (1 if is_new else 2)
    assert read_fates(worker.parts.sessions) == NOTHING_TRIED
    assert read_trouble(worker.parts.sessions) == (
        f"Brevo answered {status}: unauthorized Key not found"
    )


def test_mail_that_brevo_has_had_before_is_left_to_a_person(
    worker: Installation, stub: BrevoStub
) -> None:
    """F21: that its key is known proves that a mail came in, not what became of it."""
    newsletter_id, watch = start_newsletter(worker, READERS), Watch()
    seen = BrevoAnswer(400, {"code": "duplicate_parameter", "message": "used"})
    stub.answers.extend([BrevoAnswer(201, {"messageIds": ["a", "b", "c"]}, delay=1), seen])
    with hire(worker, watch) as engine:
        engine.run_once()
        watch.pass_time(timedelta(minutes=16))
        worker.parts.build_jobs().sort_out_mail()
        engine.run_once()

    account = read_account(worker.parts.sessions, newsletter_id)
    assert len(stub.posts()) == 3
    assert account.by_state == {DeliveryState.UNKNOWN: 3, DeliveryState.ACCEPTED: 3}
    assert account.open == 0
