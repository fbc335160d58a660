"""Splicing a letter per person against building it with the standard library."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from benchmarks.letters import BASE_URL, ENVELOPE, make_letter, make_person
from benchmarks.rounds import Watch, Work, compare
from mailer.message.build import build
from mailer.message.splice import Cut, cut
from mailer.message.values import Rendered

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
MANY, FEW = 20_000, 200


def measure() -> Iterator[dict[str, Any]]:
    for size in (8_000, 20_000, 60_000):
        letter = make_letter(size)
        pieces = cut(letter, ENVELOPE, base_url=BASE_URL)

        what = f"personalise a {size // 1000} KB letter, tokens signed"
        yield compare(
            what, _splice(pieces), "building each with the standard library", _build(letter)
        )


def _splice(pieces: Cut) -> Work:
    def work(watch: Watch) -> int:
        with watch.running():
            for number in range(MANY):
                pieces.splice(make_person(number, NOW))
        return MANY

    return work


def _build(letter: Rendered) -> Work:
    def work(watch: Watch) -> int:
        with watch.running():
            for number in range(FEW):
                build(letter, ENVELOPE, make_person(number, NOW), base_url=BASE_URL)
        return FEW

    return work
