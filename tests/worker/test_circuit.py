"""A provider in trouble is left alone for a while, longer each time."""

from datetime import datetime, timedelta

import pytest

from mailer.worker.circuit import Circuit


def test_circuit_is_closed_while_all_is_well(now: datetime) -> None:
    circuit = Circuit()

    assert not circuit.is_open(now)


def test_circuit_waits_twice_as_long_after_each_fault(now: datetime) -> None:
    circuit, waits = Circuit(), []

    for _ in range(7):
        circuit.trip("connection refused", now)
        assert circuit.retry_at
        waits.append((circuit.retry_at - now).total_seconds())

    assert waits == [30, 60, 120, 240, 480, 900, 900]


@pytest.mark.parametrize(("seconds", "is_open"), [(0, True), (29, True), (30, False), (31, False)])
def test_circuit_opens_for_half_a_minute_at_first(
    now: datetime, seconds: int, is_open: bool
) -> None:
    circuit = Circuit()

    circuit.trip("connection refused", now)

    assert circuit.is_open(now + timedelta(seconds=seconds)) == is_open


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(seconds=5), timedelta(seconds=30)),
        (-timedelta(hours=1), timedelta(seconds=30)),
    ],
)
def test_circuit_waits_at_least_as_long_as_the_provider_asks(
    now: datetime, asked: timedelta, waits: timedelta
) -> None:
    circuit = Circuit()

    circuit.trip("429", now, now + asked)

    assert circuit.retry_at == now + waits


def test_circuit_forgets_its_faults_when_something_goes_through(now: datetime) -> None:
    circuit = Circuit()
    circuit.trip("connection refused", now)
    circuit.trip("connection refused", now)

    circuit.close()

    assert (circuit.is_open(now), circuit.reason) == (False, "")
    circuit.trip("connection refused", now)
    assert circuit.retry_at == now + timedelta(seconds=30)


def test_circuit_outlives_a_long_outage(now: datetime) -> None:
    circuit = Circuit()

    for _ in range(100):
        circuit.trip("down", now)
        now = circuit.retry_at or now

    assert circuit.retry_at is not None
    assert circuit.is_open(circuit.retry_at - timedelta(minutes=15))
