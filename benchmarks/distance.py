"""A server that is 10 ms away, over one connection: what pipelining is worth."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.letters import make_letter
from benchmarks.naive import send_ready_made
from benchmarks.rounds import take_turns
from benchmarks.rows import OURS, Row, compare
from benchmarks.scale import Stand
from benchmarks.service import send
from benchmarks.sinks import run_distant_sink

SIZE = 8_000
GOAL = 3.5
SMTPLIB = "smtplib, connection kept"


def measure(stand: Stand) -> Iterator[Row]:
    letter, number = make_letter(SIZE), stand.scale.distant_messages
    with run_distant_sink() as port:
        ways = {
            OURS: send(replace(stand, port=port), letter, number, connections=1),
            SMTPLIB: send_ready_made(port, letter, max(number // 4, 1)),
        }
        rates = take_turns(ways, stand.scale.rounds)
    what = "8 KB over one connection to a server that answers after 10 ms"
    yield compare(what, rates, OURS, SMTPLIB, GOAL)
