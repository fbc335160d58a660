"""What was used of the limits, in the database: kept over a restart, shared by workers."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select

from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import Limits, Meter
from mailer.storage import throttles
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.throttles import Throttle

PER_MINUTE = Limits("smtp", (Rate(30, Unit.MINUTE),))
WARM_UP = Limits("smtp", warm_up=(50, 100))
GMAIL = Limits("smtp", domains={"gmail.com": Rate(2, Unit.MINUTE)})
BOTH = Limits("smtp", PER_MINUTE.rates, domains=GMAIL.domains)
STAR = Limits("smtp", domains={"*": Rate(2, Unit.MINUTE)})
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def write_to(number: int, domain: str = "example.org", first: int = 1) -> dict[int, str]:
    """Claimed mails: id → address."""
    return {place: f"reader{place}@{domain}" for place in range(first, first + number)}


def claim(sessions: Sessions, limits: Limits, wanted: int, now: datetime) -> int:
    """As the engine does it: how many may go, and that they went."""
    with sessions() as session:
        room = throttles.count_room(session, limits, wanted, now)
        put_off = throttles.book(session, limits, write_to(room), now)
        return room - len(put_off)


def list_keys(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Throttle.key).order_by(Throttle.key)))


def test_what_left_is_remembered(sessions: Sessions, now: datetime) -> None:
    left = [
        claim(sessions, PER_MINUTE, 20, now),
        claim(sessions, PER_MINUTE, 20, now + SECOND),
        claim(sessions, PER_MINUTE, 20, now + MINUTE),
        claim(sessions, PER_MINUTE, 20, now + MINUTE + SECOND),
    ]

    assert left == [20, 7, 0, 20]


def test_asking_uses_nothing(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        rooms = [throttles.count_room(session, PER_MINUTE, 99, now) for _ in range(2)]

    assert rooms == [27, 27]


def test_what_is_urgent_takes_what_newsletters_leave(sessions: Sessions, now: datetime) -> None:
    claim(sessions, PER_MINUTE, 99, now)

    with sessions() as session:
        urgent = throttles.count_room(session, PER_MINUTE, 99, now, is_urgent=True)

    assert urgent == 3


def test_what_did_not_leave_may_be_used_again(sessions: Sessions, now: datetime) -> None:
    claim(sessions, PER_MINUTE, 27, now)

    with sessions() as session:
        throttles.give_back(session, PER_MINUTE, 5)

    assert claim(sessions, PER_MINUTE, 99, now) == 5


def test_next_is_told_until_it_may_leave(sessions: Sessions, now: datetime) -> None:
    claim(sessions, PER_MINUTE, 99, now)

    with sessions() as session:
        moments = [
            throttles.find_next(session, PER_MINUTE, now + wait) for wait in (SECOND, MINUTE)
        ]

    assert moments == [now + MINUTE, None]


def test_each_provider_has_limits_of_its_own(sessions: Sessions, now: datetime) -> None:
    claim(sessions, PER_MINUTE, 99, now)

    other = Limits("brevo", PER_MINUTE.rates)

    assert claim(sessions, other, 99, now) == 27


def test_a_warm_up_goes_on_after_a_restart(sqlite_url: str, now: datetime) -> None:
    left = []
    for day in range(3):
        engine = open_engine(sqlite_url)
        sessions = open_sessions(engine)
        left.append(claim(sessions, WARM_UP, 999, now + day * DAY))
        engine.dispose()

    assert left == [45, 90, 999]


def test_meter_survives_the_database_to_the_microsecond(sessions: Sessions, now: datetime) -> None:
    odd = now + timedelta(microseconds=123_457)
    claim(sessions, WARM_UP, 7, odd)

    with sessions() as session:
        meter = throttles.find_meter(session, WARM_UP)

    assert (meter.day_began_at, meter.day_number) == (odd, 7)
    assert meter.bursts[Unit.DAY][0].ended_at == odd


def test_whoever_only_looks_writes_nothing(sessions: Sessions) -> None:
    with sessions() as session:
        found = throttles.find_meter(session, PER_MINUTE)

    assert found == Meter()
    assert list_keys(sessions) == []


def test_a_domain_that_takes_no_more_is_put_off_and_the_others_go(
    sessions: Sessions, now: datetime
) -> None:
    mails = write_to(3, "gmail.com") | write_to(3, "Seznam.cz", first=4)
    mails |= write_to(2, "GMAIL.com", first=7)

    with sessions() as session:
        put_off = throttles.book(session, GMAIL, mails, now)

    step = timedelta(seconds=63)
    assert put_off == {3: now + step, 7: now + step, 8: now + 2 * step}


def test_what_is_put_off_takes_no_place_at_the_provider(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        throttles.book(session, BOTH, write_to(20, "gmail.com"), now)

        room = throttles.count_room(session, BOTH, 99, now)

    assert room == 25


def test_promises_are_remembered(sessions: Sessions, now: datetime) -> None:
    found = []
    for _ in range(3):
        with sessions() as session:
            put_off = throttles.book(session, GMAIL, write_to(2, "gmail.com"), now)
            found.append(set(put_off.values()))

    step = timedelta(seconds=63)
    assert found == [set(), {now + step}, {now + 2 * step}]


def test_urgent_mail_to_a_full_domain_goes(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        throttles.book(session, GMAIL, write_to(5, "gmail.com"), now)

        put_off = throttles.book(session, GMAIL, write_to(5, "gmail.com"), now, is_urgent=True)

    assert put_off == {}


def test_domains_that_nothing_is_sent_to_are_forgotten(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        throttles.book(session, STAR, write_to(1, "early.org"), now - MINUTE)
        throttles.book(session, STAR, write_to(1, "late.org"), now - SECOND)

        throttles.forget_idle(session, now)

    assert list_keys(sessions) == ["domain late.org", "provider smtp"]


@pytest.mark.parametrize(
    ("limits", "queries"),
    [
        pytest.param(Limits("smtp"), 0, id="no limit"),
        pytest.param(PER_MINUTE, 3, id="the provider"),
        pytest.param(GMAIL, 0, id="a domain that nothing goes to"),
        pytest.param(STAR, 3, id="a hundred domains"),
    ],
)
def test_a_claim_asks_as_little_as_it_can(
    sessions: Sessions, now: datetime, limits: Limits, queries: int
) -> None:
    """However many mails: with 20,000 of them a second every question counts."""
    mails = {place: f"a@d{place}.org" for place in range(100)}
    asked: list[str] = []
    with sessions() as session:
        throttles.count_room(session, limits, 100, now)
        throttles.book(session, limits, mails, now)  # the first one ever makes the row
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

        throttles.count_room(session, limits, 100, now)
        throttles.book(session, limits, mails, now)

    assert len(asked) == queries


def work(
    url: str,
    limits: Limits,
    now: datetime,
    meet: threading.Barrier,
    granted: list[int],
    put_off: list[int],
) -> None:
    """A worker that claims again and again, always at the same time as the others."""
    engine = open_engine(url)
    sessions = open_sessions(engine)
    for _ in range(10):
        meet.wait()
        with sessions() as session:
            room = throttles.count_room(session, limits, 7, now)
            mails = write_to(room, "gmail.com")
            later = throttles.book(session, limits, mails, now)
            granted.append(room - len(later))
            put_off.append(len(later))
    engine.dispose()


def run_workers(url: str, limits: Limits, now: datetime) -> tuple[list[int], list[int]]:
    granted: list[int] = []
    put_off: list[int] = []
    call = (url, limits, now, threading.Barrier(4, timeout=30), granted, put_off)
    workers = [threading.Thread(target=work, args=call) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return granted, put_off


@pytest.mark.parametrize("database", ["sqlite_url", "postgres_url"])
@pytest.mark.parametrize("rates", [(), (Rate(100, Unit.DAY),)], ids=["domain", "both"])
def test_workers_together_never_pass_a_limit(
    request: pytest.FixtureRequest, now: datetime, database: str, rates: tuple[Rate, ...]
) -> None:
    url = request.getfixturevalue(database)
    limits = Limits("smtp", rates, domains={"gmail.com": Rate(33, Unit.DAY)})

    granted, put_off = run_workers(url, limits, now)

    assert sum(granted) == 33
    assert sum(put_off) == 40 * 7 - 33
