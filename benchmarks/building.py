"""Splicing a letter per person against building it with the standard library."""

from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.letters import BASE_URL, ENVELOPE, make_letter, make_person
from benchmarks.rounds import Watch, Work, take_turns
from benchmarks.rows import OURS, Row, compare
from benchmarks.scale import Stand
from mailer.message.build import build
from mailer.message.splice import Cut, cut
from mailer.message.values import Rendered

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
SIZES = (8_000, 20_000, 60_000)
LIBRARY = "built by the standard library"


def measure(stand: Stand) -> Iterator[Row]:
    scale = stand.scale
    for size in SIZES:
        letter = make_letter(size)
        pieces = cut(letter, ENVELOPE, base_url=BASE_URL)
        ways = {OURS: _splice(pieces, scale.splices), LIBRARY: _build(letter, scale.splices // 100)}
        what = f"{size // 1000} KB letter personalised, its tokens signed, on one core"
        yield compare(what, take_turns(ways, scale.rounds), OURS, LIBRARY)


def _splice(pieces: Cut, number: int) -> Work:
    def work(watch: Watch) -> int:
        with watch.running():
            for reader in range(number):
                pieces.splice(make_person(reader, NOW))
        return number

    return work


def _build(letter: Rendered, number: int) -> Work:
    def work(watch: Watch) -> int:
        with watch.running():
            for reader in range(number):
                build(letter, ENVELOPE, make_person(reader, NOW), base_url=BASE_URL)
        return number

    return work
