"""The whole sending loop, ledger written, against Postfix's own load generator, into the same
smtp-sink over the same number of connections: one worker on SQLite, two on PostgreSQL."""

from collections.abc import Iterator

from benchmarks.letters import make_letter
from benchmarks.rounds import Work, take_turns
from benchmarks.rows import Row, compare
from benchmarks.scale import Stand
from benchmarks.service import CONNECTIONS, send
from benchmarks.sinks import send_by_postfix

SIZES = (8_000, 20_000)
GOAL = 1.0
PROCESSES = 2
ONE, TWO, POSTFIX = "one worker on SQLite", "two workers on PostgreSQL", "smtp-source -d"
_HOW = "personalised, unsigned, ledger written, 16 connections"


def measure(stand: Stand) -> Iterator[Row]:
    for size in SIZES:
        rates = take_turns(_ways(stand, size), stand.scale.rounds)
        what = f"{size // 1000} KB, {_HOW}"
        yield compare(f"{what}, SQLite", rates, ONE, POSTFIX, GOAL)
        yield compare(f"{what}, PostgreSQL, 2 processes", rates, TWO, POSTFIX, GOAL)


def _ways(stand: Stand, size: int) -> dict[str, Work]:
    letter, number = make_letter(size), stand.scale.messages
    return {
        ONE: send(stand, letter, number),
        TWO: send(stand, letter, number, make_url=stand.make_database, processes=PROCESSES),
        POSTFIX: send_by_postfix(stand.port, size, number, CONNECTIONS),
    }
