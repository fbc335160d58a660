"""The look into the mailbox of bounces: each mail once, whatever happens meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from mailer.domain.delivery import DeliveryState
from mailer.message.headers import read_message_id
from mailer.message.render import Renderer
from mailer.providers import mailbox
from mailer.sections.mail import Bounces
from mailer.storage.bounce_box import BounceBox
from mailer.storage.db import Sessions
from mailer.storage.feedback import KeptFeedback
from mailer.usecases.outages import Outage, find_box_trouble
from mailer.worker import bounces
from mailer.worker.bounces import BounceReader
from mailer.worker.timetable import Jobs
from tests.bounces import read_sample
from tests.letters import BASE_URL, GRACE, start_letter
from tests.mailboxes import Dovecot, silent_imap
from tests.people import add_people
from tests.sinks import free_port
from tests.worker.engines import KEY, ScriptedSender, run_round
from tests.worker.ledger import read_copies, read_deliveries

READERS = 4
GREETING = b"From: Eva <eva@example.org>\r\nSubject: Hello\r\n\r\nHow are you?\r\n"
_S = DeliveryState


@pytest.fixture
def ids(sessions: Sessions, now: datetime) -> list[str]:
    """The Message-IDs of a letter that everybody's server has accepted."""
    with sessions() as session:
        add_people(session, READERS, now)
    start_letter(sessions, now)
    sender = ScriptedSender()
    run_round(sessions, sender, now)
    copies = read_copies(mail.content for mail in sender.sent)
    return [found[0] for _, found in sorted(copies.items())]


@pytest.fixture
def owner() -> str:
    return uuid4().hex


@pytest.fixture
def reader(sessions: Sessions, now: datetime, dovecot: Dovecot, owner: str) -> BounceReader:
    config = Bounces.model_validate(dovecot.section(owner))
    return BounceReader(sessions, config, identify, lambda: now)


def identify(text: str) -> int | None:
    return read_message_id(text, KEY.encode())


def look(reader: BounceReader) -> None:
    reader.look(threading.Event())


def read_states(sessions: Sessions) -> list[DeliveryState]:
    return [row.state for row in read_deliveries(sessions)]


def read_trouble(sessions: Sessions) -> str:
    with sessions() as session:
        outage = find_box_trouble(session)
        return outage.reason if outage else ""


def read_place(sessions: Sessions) -> int:
    """The number of the last mail that was read."""
    with sessions() as session:
        return session.scalars(select(BounceBox.uid)).one()


def count_kept(sessions: Sessions) -> int:
    with sessions() as session:
        return len(session.scalars(select(KeptFeedback)).all())


def test_box_is_read_on_from_where_it_was_left(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, GREETING, read_sample("postfix", ids[0]), GREETING)
    look(reader)
    first = read_states(sessions)
    dovecot.put(owner, read_sample("exchange", ids[2]))

    look(reader)

    assert first == [_S.BOUNCED, _S.ACCEPTED, _S.ACCEPTED, _S.ACCEPTED]
    assert read_states(sessions) == [_S.BOUNCED, _S.ACCEPTED, _S.BOUNCED, _S.ACCEPTED]
    assert len(dovecot.list_flags(owner)) == 4


def test_look_that_finds_nothing_reads_nothing_again(
    dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, GREETING, read_sample("postfix", ids[0]))
    seen: list[str] = []
    watching = replace(reader, identify=lambda text: seen.append(text) or identify(text))
    look(watching)
    first = len(seen)

    look(watching)

    assert first > 0
    assert len(seen) == first


def test_renumbered_box_is_read_again_and_changes_nothing(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, read_sample("postfix", ids[0]))
    look(reader)
    dovecot.renumber(owner)
    dovecot.put(owner, read_sample("gmail", ids[1]), read_sample("postfix", ids[0]))

    look(reader)

    assert read_states(sessions)[:3] == [_S.BOUNCED, _S.BOUNCED, _S.ACCEPTED]
    assert count_kept(sessions) == 2


def test_look_ends_early_and_goes_on_with_the_next(
    sessions: Sessions,
    dovecot: Dovecot,
    owner: str,
    reader: BounceReader,
    ids: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounces, "MOST_AT_ONCE", 3)
    dovecot.put(owner, *[GREETING] * 5, read_sample("postfix", ids[0]))
    look(reader)
    first = read_states(sessions)[0]

    look(reader)

    assert (first, read_states(sessions)[0]) == (_S.ACCEPTED, _S.BOUNCED)


def test_look_ends_when_the_worker_stops(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    stopping = threading.Event()
    stopping.set()
    dovecot.put(owner, read_sample("postfix", ids[0]))

    reader.look(stopping)

    assert read_states(sessions)[0] == _S.ACCEPTED


def test_bounce_whose_commit_failed_is_read_again(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    """What a bounce means and that it was read are written down together or not at all."""
    dovecot.put(owner, read_sample("postfix", ids[0]))
    number = 0

    @contextmanager
    def failing() -> Iterator[Session]:
        nonlocal number
        number += 1
        with sessions() as session:
            yield session
            if number > 1:  # the first one finds the place
                raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    with pytest.raises(OperationalError):
        look(replace(reader, sessions=failing))
    failed = read_states(sessions)[0]

    look(reader)

    assert (failed, read_states(sessions)[0]) == (_S.ACCEPTED, _S.BOUNCED)


def test_of_two_readers_one_gives_way(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    """The other one reads it all while this one has the first bounce in hand."""
    dovecot.put(owner, *[read_sample("postfix", each) for each in ids])
    is_first = True
    found: list[int | None] = []

    def interrupted(text: str) -> int | None:
        nonlocal is_first
        if is_first:
            is_first = False
            look(reader)
        found.append(identify(text))
        return found[-1]

    look(replace(reader, identify=interrupted))

    assert read_states(sessions) == [_S.BOUNCED] * READERS
    assert count_kept(sessions) == READERS
    assert [each for each in found if each] == [read_deliveries(sessions)[0].id]


def test_mail_that_cannot_be_read_keeps_nobody_waiting(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, read_sample("postfix", ids[0]), read_sample("postfix", ids[1]))

    def stumbling(text: str) -> int | None:
        delivery_id = identify(text)
        if delivery_id == read_deliveries(sessions)[0].id:
            raise RuntimeError("a bug that only this mail wakes")
        return delivery_id

    look(replace(reader, identify=stumbling))

    assert read_states(sessions)[:2] == [_S.ACCEPTED, _S.BOUNCED]


def test_clock_looks_into_the_box_every_minute_where_there_is_one(
    sessions: Sessions, now: datetime, reader: BounceReader
) -> None:
    without, with_box = (
        Jobs(sessions, Renderer(BASE_URL), lambda: now, GRACE, bounces=each)
        for each in (None, reader)
    )

    assert with_box.table()[-1] == (60, with_box.read_bounces)
    assert [seconds for seconds, _ in with_box.table()[:-1]] == [
        seconds for seconds, _ in without.table()
    ]


def test_trouble_with_the_box_is_noted_until_it_is_over(
    sessions: Sessions, now: datetime, reader: BounceReader
) -> None:
    shut = replace(reader, config=reader.config.model_copy(update={"imap_port": free_port()}))
    noted: list[Outage | None] = []
    for each, at in ((shut, now), (shut, now + timedelta(hours=1)), (reader, now)):
        look(replace(each, clock=lambda at=at: at))
        with sessions() as session:
            noted.append(find_box_trouble(session))

    trouble = Outage("Connection refused", now)
    assert noted == [trouble, trouble, None]


def test_mail_that_the_server_does_not_give_out_is_stepped_over_in_the_end(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, GREETING, *[read_sample("postfix", each) for each in ids[:2]])
    dovecot.find_file(owner, ids[0].encode()).chmod(0)
    waiting, troubles = [], []
    with capture_logs() as lines:
        for _ in range(bounces.MOST_REFUSALS):
            look(reader)
            waiting.append(read_states(sessions)[1])
        troubles.append(read_trouble(sessions))
        look(reader)
        troubles.append(read_trouble(sessions))

    assert waiting == [_S.ACCEPTED] * bounces.MOST_REFUSALS
    assert read_states(sessions)[:2] == [_S.ACCEPTED, _S.BOUNCED]
    assert "FETCH failed" in troubles[0]
    assert troubles[1] == ""
    assert [line["uid"] for line in lines if line["log_level"] == "error"] == [2]


def test_account_that_gets_no_mail_at_all_loses_none(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    """As when it has fetched too much today: then it is not about this mail."""
    dovecot.put(owner, *[read_sample("postfix", each) for each in ids[:2]])
    files = [dovecot.find_file(owner, each.encode()) for each in ids[:2]]
    for file in files:
        file.chmod(0)
    for _ in range(bounces.MOST_REFUSALS + 2):
        look(reader)
    place = read_place(sessions)
    for file in files:
        file.chmod(0o666)

    look(reader)

    assert place == 0
    assert read_states(sessions)[:2] == [_S.BOUNCED, _S.BOUNCED]


def test_last_mail_is_stepped_over_only_when_another_one_can_be_had(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, read_sample("postfix", ids[0]))
    dovecot.find_file(owner, ids[0].encode()).chmod(0)
    for _ in range(bounces.MOST_REFUSALS + 1):
        look(reader)
    alone = read_place(sessions)
    dovecot.put(owner, GREETING)

    look(reader)

    assert (alone, read_place(sessions)) == (0, 1)


def test_damaged_mails_one_after_the_other_do_not_stop_the_reading(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, *[read_sample("postfix", each) for each in ids[:3]])
    for each in ids[:2]:
        dovecot.find_file(owner, each.encode()).chmod(0)

    for _ in range(2 * bounces.MOST_REFUSALS + 2):
        look(reader)

    assert read_states(sessions)[:3] == [_S.ACCEPTED, _S.ACCEPTED, _S.BOUNCED]


def test_mails_before_one_that_is_not_given_out_are_not_fetched_again(
    sessions: Sessions, dovecot: Dovecot, owner: str, reader: BounceReader, ids: list[str]
) -> None:
    dovecot.put(owner, GREETING, GREETING, read_sample("postfix", ids[0]))
    dovecot.find_file(owner, ids[0].encode()).chmod(0)

    look(reader)

    assert read_place(sessions) == 2


def test_silence_steps_over_no_mail(
    sessions: Sessions, reader: BounceReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network may swallow what is big: then no mail is to blame."""
    monkeypatch.setattr(mailbox, "TIMEOUT", 0.1)
    with silent_imap() as section:
        silent = replace(reader, config=Bounces.model_validate(section))
        for _ in range(bounces.MOST_REFUSALS + 1):
            look(silent)

    assert read_place(sessions) == 0
    assert "timed out" in read_trouble(sessions)
