"""F42 and A51: storms of bounces, huge ones, loops and forgeries; and one whole way, from a letter
through a mail server and the box back to the report."""

import io
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from itertools import cycle, islice
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from mailer import clock
from mailer.boot import Parts
from mailer.boot_web import build_web_app
from mailer.cli.bounces import read_beginning
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.message.headers import message_id, read_message_id
from mailer.sections.mail import Bounces
from mailer.storage.db import Sessions, has_one_writer
from mailer.storage.feedback import KeptFeedback
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Suppression
from mailer.usecases import feedback, users
from mailer.worker.bounces import BounceReader, read_safely
from tests.bounces import SYSTEMS, read_sample
from tests.faults.workers import (
    ALL_AT_ONCE,
    Install,
    add_readers,
    send_to_the_end,
    start_newsletter,
)
from tests.letters import start_letter
from tests.mailboxes import Dovecot
from tests.sinks import Sink, SinkMail
from tests.web.desk import PASSWORD, Browser
from tests.web.newsletters import say
from tests.worker.engines import KEY, ScriptedSender, run_round
from tests.worker.ledger import read_account, read_copies, read_deliveries

MEGABYTE = 1024 * 1024
HUGE = 20 * MEGABYTE
READERS, DEAD, STORM = 60, 30, 10_000
KINDS = (*SYSTEMS, "full", "postfix-delayed")
"""Hard, soft and delayed: three kinds of feedback about each of the dead."""
LOOPS = ("own", "report-about-report", "vacation")
_S = DeliveryState


@dataclass(frozen=True)
class Letter:
    """A letter that every reader's server has accepted. `ids` are the Message-IDs of its mails, by
    address."""

    newsletter_id: int
    ids: dict[str, str]


@pytest.fixture
def letter(sessions: Sessions, now: datetime) -> Letter:
    add_readers(sessions, READERS, now)
    newsletter_id = start_letter(sessions, now)
    sender = ScriptedSender()
    run_round(sessions, sender, now)
    copies = read_copies(mail.content for mail in sender.sent)
    return Letter(newsletter_id, {address: found[0] for address, found in copies.items()})


@pytest.fixture
def reader(sessions: Sessions, now: datetime, dovecot: Dovecot) -> BounceReader:
    """Who looks into a box of its own."""
    config = Bounces.model_validate(dovecot.section(uuid4().hex))
    return BounceReader(sessions, config, identify, lambda: now)


def identify(text: str) -> int | None:
    return read_message_id(text, KEY.encode())


def make_storm(
    letter: Letter,
    number: int,
    kinds: Sequence[str] = KINDS,
    ids: Callable[[str], str] = str,
) -> Iterator[bytes]:
    """Bounces of the dead among the readers, again and again, from all kinds of servers. `ids` may
    make other Message-IDs out of ours."""
    dead = islice(cycle(list(letter.ids.items())[:DEAD]), number)
    for (address, own_id), kind in zip(dead, cycle(kinds), strict=False):
        yield read_sample(kind, ids(own_id), address)


def count_kept(sessions: Sessions, table: type) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def count_states(sessions: Sessions) -> Counter[str]:
    return Counter(row.state.value for row in read_deliveries(sessions))


def expect_dead_bounced(sessions: Sessions, letter: Letter, kept: int) -> None:
    """One suppression per dead address, so many words kept about each, and the books agree."""
    assert count_states(sessions) == {"bounced": DEAD, "accepted": READERS - DEAD}
    assert count_kept(sessions, Suppression) == DEAD
    assert count_kept(sessions, KeptFeedback) == DEAD * kept
    assert read_account(sessions, letter.newsletter_id).adds_up


@contextmanager
def little_memory(most: float) -> Iterator[None]:
    """The block needs no more than that many bytes at any time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak / MEGABYTE:.1f} MB"


def take(sessions: Sessions, message: bytes, now: datetime) -> None:
    """As `mailer bounce` does."""
    if found := read_safely(message, identify, lambda: now):
        with sessions() as session:
            feedback.take(session, found, now)


def test_storm_of_bounces_ends_in_one_suppression_for_each_address(
    sessions: Sessions, now: datetime, letter: Letter
) -> None:
    """F42: ten thousand, or as many as PostgreSQL takes in the same time."""
    with sessions() as session:
        number = STORM if has_one_writer(session) else STORM // 4

    for message in make_storm(letter, number):
        take(sessions, message, now)

    expect_dead_bounced(sessions, letter, kept=3)


def test_storm_that_fills_the_box_is_read_in_little_memory(
    sessions: Sessions, letter: Letter, dovecot: Dovecot, reader: BounceReader
) -> None:
    """F42, with our own mails coming round and answers to answers among them."""
    owner, some_id = reader.config.username, next(iter(letter.ids.values()))
    loops = [read_sample(name, some_id) for name in LOOPS]
    dovecot.put(owner, *loops, *make_storm(letter, 5 * DEAD, SYSTEMS), *loops)

    with little_memory(8 * MEGABYTE):
        reader.look(threading.Event())

    expect_dead_bounced(sessions, letter, kept=1)


def test_huge_bounce_in_the_box_is_read_in_little_memory(
    sessions: Sessions, letter: Letter, dovecot: Dovecot, reader: BounceReader
) -> None:
    """F42: a server that returns the photographs, too."""
    address, own_id = next(iter(letter.ids.items()))
    returned = b"x" * 998 + b"\r\n"
    dovecot.put(
        reader.config.username,
        read_sample("postfix", own_id, address) + returned * (HUGE // len(returned)),
    )

    with little_memory(4 * MEGABYTE):
        reader.look(threading.Event())

    assert count_states(sessions) == {"bounced": 1, "accepted": READERS - 1}


def test_huge_bounce_in_the_pipe_is_read_in_little_memory(
    sessions: Sessions, now: datetime, letter: Letter
) -> None:
    """F42."""
    address, own_id = next(iter(letter.ids.items()))
    pipe = Pipe(read_sample("postfix", own_id, address), HUGE)

    with little_memory(4 * MEGABYTE):
        take(sessions, read_beginning(pipe), now)

    assert pipe.left == 0
    assert count_states(sessions) == {"bounced": 1, "accepted": READERS - 1}


class Pipe(io.RawIOBase):
    """A mail that is made while it is read: `beginning`, then `left` bytes more."""

    def __init__(self, beginning: bytes, left: int) -> None:
        self._beginning, self.left = beginning, left

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all at once"
        beginning, self._beginning = self._beginning[:size], self._beginning[size:]
        number = min(self.left, size - len(beginning))
        self.left -= number
        return beginning + b"x" * number


def test_forged_bounces_change_nothing(
    sessions: Sessions, now: datetime, letter: Letter, dovecot: Dovecot, reader: BounceReader
) -> None:
    """A51: whoever writes to the box can end nobody's subscription, by neither way in."""
    makers: tuple[Callable[[str], str], ...] = (
        lambda own_id: own_id.replace("<0", "<1"),
        lambda own_id: message_id(read_message_id(own_id, KEY.encode()) or 0, b"?", "example.org"),
        lambda _: "<1@example.org>",
        lambda _: "",
    )
    forged = [mail for maker in makers for mail in make_storm(letter, len(KINDS), ids=maker)]
    dovecot.put(reader.config.username, *forged)

    reader.look(threading.Event())
    for message in forged:
        take(sessions, message, now)

    assert count_states(sessions) == {"accepted": READERS}
    assert count_kept(sessions, Suppression) == 0
    assert count_kept(sessions, KeptFeedback) == 0


def test_letter_that_comes_back_is_on_the_report(
    install_worker: Install, url: str, sink: Sink, dovecot: Dovecot
) -> None:
    """The whole way: out through a mail server with a return path of its own for each mail, back
    through the box, once with a copy of the letter and once without; and to the report."""
    owner = uuid4().hex
    way_back = dovecot.section(owner, address="bounces@example.org", verp=True)
    worker = install_worker(url, sink.port, engine=ALL_AT_ONCE, bounces=way_back)
    newsletter_id = start_newsletter(worker, 3)
    send_to_the_end(worker, newsletter_id)
    with_copy, without_copy, _arrived = sink.mails()
    dovecot.put(owner, bounce(with_copy, has_copy=True), bounce(without_copy, has_copy=False))

    worker.parts.build_jobs().read_bounces()

    page = read_report(worker.parts, newsletter_id)
    assert "Everyone is accounted for: 3 = 1 accepted + 2 bounced" in page
    assert [row.state for row in read_deliveries(worker.parts.sessions)] == [
        _S.BOUNCED,
        _S.BOUNCED,
        _S.ACCEPTED,
    ]
    assert read_reader_states(worker.parts.sessions) == [
        SubscriberState.BOUNCED,
        SubscriberState.BOUNCED,
        SubscriberState.CONFIRMED,
    ]


def bounce(mail: SinkMail, *, has_copy: bool) -> bytes:
    """What Postfix returns of a mail that the sink took: to where its envelope says."""
    headers = BytesHeaderParser().parsebytes(mail.content)
    sample = read_sample("postfix", headers["Message-ID"] if has_copy else "", headers["To"])
    sender = mail.sender_args.partition("<")[2].partition(">")[0]
    return sample.replace(b"Delivered-To: bounces@example.org", f"Delivered-To: {sender}".encode())


def read_report(parts: Parts, newsletter_id: int) -> str:
    """As a coordinator sees it."""
    with parts.sessions() as session:
        users.ensure_roles(session)
        new = users.NewUser("admin@example.org", "Admin", "admin")
        users.add_user(session, new, PASSWORD, "test", clock.now())
    browser = Browser(build_web_app(parts).test_client())
    browser.sign_in("admin@example.org")
    return say(browser.read(f"/desk/newsletters/{newsletter_id}/report"))


def read_reader_states(sessions: Sessions) -> list[SubscriberState]:
    with sessions() as session:
        return list(session.scalars(select(Subscriber.state).order_by(Subscriber.id)))
