"""When newsletters pause by themselves: what several processes hear, counted together."""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from mailer.clock import fixed
from mailer.domain.pausing import (
    NOT_TAKEN,
    REFUSED_IN_A_ROW,
    REFUSED_LATELY,
    WINDOW,
    Reason,
)
from mailer.providers.base import Fate, Outcome
from mailer.storage.db import Sessions
from mailer.storage.newsletters import get_newsletter
from mailer.storage.refusals import RefusalCount
from mailer.usecases import sending
from mailer.worker import watch
from mailer.worker.claims import Pace
from mailer.worker.watch import Watch
from tests.letters import WHO, start_letter
from tests.people import add_people
from tests.storage.ledgers import claim
from tests.worker.engines import Answer, ScriptedSender, answer, build_engine, run_round

NO = answer(Fate.REFUSED, "dot", 554, "5.7.1 spam")


def start(sessions: Sessions, now: datetime, readers: int) -> int:
    with sessions() as session:
        add_people(session, readers, now)
    return start_letter(sessions, now)


def refuse(readers: Iterable[int]) -> dict[str, Answer]:
    return {f"reader{number:04}": NO for number in readers}


def read_counts(sessions: Sessions) -> list[tuple[int, int, int]]:
    with sessions() as session:
        rows = session.scalars(select(RefusalCount))
        return [(row.answered, row.refused, row.in_a_row) for row in rows]


def read_pause(sessions: Sessions, newsletter_id: int) -> tuple[str, dict[str, object] | None]:
    with sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
        return newsletter.reason, newsletter.reason_facts


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize(
    ("refused_each", "tried", "sentence"),
    [(1, 10, REFUSED_IN_A_ROW), (10, WINDOW, REFUSED_LATELY)],
)
def test_more_processes_let_no_more_be_refused(
    sessions: Sessions,
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processes: int,
    refused_each: int,
    tried: int,
    sentence: str,
) -> None:
    monkeypatch.setattr(watch, "COUNT_SECONDS", 0.0)  # else the others know a second too little
    readers, pace = WINDOW + 30, Pace(claim_size=3)
    newsletter_id = start(sessions, now, readers)
    sender = ScriptedSender(**refuse(range(refused_each - 1, readers, refused_each)))

    with ExitStack() as stack:
        engines = [
            build_engine(sessions, sender, fixed(now), tmp_path, owner=str(owner), pace=pace)
            for owner in range(processes)
        ]
        for engine in engines:
            stack.callback(engine.shut_down)
        while sum([engine.run_once() for engine in engines]):
            pass

    assert read_pause(sessions, newsletter_id)[0] == sentence
    assert len(sender.sent) == tried


def test_restart_goes_on_counting(sessions: Sessions, now: datetime) -> None:
    newsletter_id = start(sessions, now, 12)
    sender = ScriptedSender(**refuse(range(12)))

    tried = [run_round(sessions, sender, now, Pace(claim_size=6)) for _ in range(3)]

    assert tried == [6, 4, 0]
    assert read_pause(sessions, newsletter_id) == (
        REFUSED_IN_A_ROW,
        {"number": 10, "said": "5.7.1 spam"},
    )


def test_newsletter_that_a_person_lets_go_on_begins_anew(sessions: Sessions, now: datetime) -> None:
    newsletter_id = start(sessions, now, 25)
    sender = ScriptedSender(**refuse(range(25)))
    run_round(sessions, sender, now)
    with sessions() as session:
        sending.resume(session, get_newsletter(session, newsletter_id), WHO, now)

    assert run_round(sessions, sender, now) == 10


def test_nothing_is_kept_of_a_newsletter_that_is_over(sessions: Sessions, now: datetime) -> None:
    start(sessions, now, 2)
    run_round(sessions, ScriptedSender(**refuse(range(1))), now)
    counted = len(read_counts(sessions))
    with sessions() as session:
        sending.finish_done(session, now)

    assert (counted, read_counts(sessions)) == (1, [])


def test_nothing_is_kept_of_a_newsletter_that_is_cancelled(
    sessions: Sessions, now: datetime
) -> None:
    newsletter_id = start(sessions, now, 2)
    run_round(sessions, ScriptedSender(**refuse(range(1))), now)
    counted = len(read_counts(sessions))
    with sessions() as session:
        sending.cancel(session, get_newsletter(session, newsletter_id), WHO, now)

    assert (counted, read_counts(sessions)) == (1, [])


@pytest.mark.parametrize(
    ("seconds", "fates", "counts"),
    [
        (60.0, "a", [(1, 0, 0)]),
        # taken, and not worth a statement
        (60.0, "aaa", [(1, 0, 0)]),
        # until a refusal carries them along, in their order
        (60.0, "aaar", [(4, 1, 1)]),
        (60.0, "aaraa", [(3, 1, 1)]),
        (60.0, "aararr", [(6, 3, 2)]),
        # or their second is over
        (0.0, "aaa", [(3, 0, 0)]),
    ],
)
def test_mails_that_are_taken_are_counted_once_a_second(
    sessions: Sessions,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    fates: str,
    counts: list[tuple[int, int, int]],
) -> None:
    monkeypatch.setattr(watch, "COUNT_SECONDS", seconds)
    readers = range(len(fates))
    start(sessions, now, len(fates))
    sender = ScriptedSender(**refuse(number for number in readers if fates[number] == "r"))

    run_round(sessions, sender, now)

    assert read_counts(sessions) == counts


def test_what_has_no_newsletter_or_no_answer_is_not_counted(
    sessions: Sessions, now: datetime
) -> None:
    start(sessions, now, 4)
    claims = claim(sessions, now)
    for_a_person = claims[0]._replace(newsletter_id=None)
    settled = [
        (for_a_person, Outcome(for_a_person.id, Fate.REFUSED)),
        *(
            (claim, Outcome(claim.id, fate))
            for claim, fate in zip(claims[1:], (Fate.RETRY, Fate.UNKNOWN, Fate.HELD), strict=True)
        ),
    ]

    with sessions() as session:
        reasons = Watch().find_reasons(session, settled)

    assert (reasons, read_counts(sessions)) == ({}, [])


def test_letter_that_cannot_leave_is_reason_enough(sessions: Sessions, now: datetime) -> None:
    newsletter_id = start(sessions, now, 1)
    (only,) = claim(sessions, now)

    with sessions() as session:
        outcome = Outcome(only.id, Fate.UNFIT, "mail", 552, "too big")
        reasons = Watch().find_reasons(session, [(only, outcome)])

    assert reasons == {newsletter_id: Reason(NOT_TAKEN, said="too big")}
