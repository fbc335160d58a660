"""How much is measured (the whole, or a try-out), and what every part of the run shares."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.service import Installation


@dataclass(frozen=True, slots=True)
class Scale:
    """`messages` leave per round at full speed, `slow_messages` by ways that take milliseconds
    for each, `distant_messages` over the slow line. `few`, `some` and `many` are audiences,
    `crowd` is the one that is mailed while people sign up."""

    rounds: int
    messages: int
    slow_messages: int
    distant_messages: int
    signatures: int
    splices: int
    few: int
    some: int
    many: int
    crowd: int


@dataclass(frozen=True, slots=True)
class Stand:
    """`port` is that of a sink. `make_database` gives the address of an empty PostgreSQL database,
    `run_worker` a worker of that installation at work, by its process id."""

    scale: Scale
    port: int
    make_database: Callable[[], str]
    run_worker: Callable[[Installation], AbstractContextManager[int]]


FULL = Scale(
    rounds=3,
    messages=30_000,
    slow_messages=500,
    distant_messages=500,
    signatures=20_000,
    splices=20_000,
    few=10_000,
    some=100_000,
    many=1_000_000,
    crowd=300_000,
)

QUICK = Scale(
    rounds=1,
    messages=2_000,
    slow_messages=50,
    distant_messages=50,
    signatures=2_000,
    splices=1_000,
    few=1_000,
    some=3_000,
    many=9_000,
    crowd=5_000,
)
