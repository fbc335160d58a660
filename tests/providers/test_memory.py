"""The sender that keeps its mail, which the tests of higher floors lean on."""

import pytest

from mailer.providers.base import Fate, Outcome, ProviderDown
from mailer.providers.memory import MemorySender
from tests.providers.mails import RecordingGate, a_mail

ANN, BOB = a_mail(1, "ann@example.org"), a_mail(2, "bob@example.org")


def test_unscripted_mail_is_accepted_and_kept() -> None:
    sender, gate = MemorySender(), RecordingGate()

    outcomes = list(sender.send([ANN, BOB], gate))

    assert [outcome.fate for outcome in outcomes] == [Fate.ACCEPTED, Fate.ACCEPTED]
    assert sender.accepted == [ANN, BOB]
    assert gate.asked == [[1], [2]]


@pytest.mark.parametrize(
    ("fate", "code"), [(Fate.RETRY, 451), (Fate.REFUSED, 550), (Fate.UNKNOWN, 0)]
)
def test_scripted_outcome_is_given_once(fate: Fate, code: int) -> None:
    sender = MemorySender({"ann@example.org": [fate]})

    first = list(sender.send([ANN, BOB], RecordingGate()))
    second = list(sender.send([ANN], RecordingGate()))

    assert first[0] == Outcome(1, fate, "dot", code, f"{fate} by the memory sender")
    assert [outcome.fate for outcome in first + second] == [fate, Fate.ACCEPTED, Fate.ACCEPTED]
    assert sender.accepted == [BOB, ANN]


def test_held_mail_is_not_kept_and_keeps_its_script() -> None:
    sender = MemorySender({"ann@example.org": [Fate.REFUSED]})

    held = list(sender.send([ANN, BOB], RecordingGate(closed_for=[1, 2])))
    later = list(sender.send([ANN, BOB], RecordingGate()))

    assert [outcome.fate for outcome in held] == [Fate.HELD, Fate.HELD]
    assert [outcome.fate for outcome in later] == [Fate.REFUSED, Fate.ACCEPTED]
    assert sender.accepted == [BOB]


def test_provider_goes_down_before_the_gate() -> None:
    sender, gate = (
        MemorySender({"bob@example.org": [ProviderDown("421 gone", 421)]}),
        RecordingGate(),
    )
    outcomes: list[Outcome] = []

    with pytest.raises(ProviderDown):
        outcomes.extend(sender.send([ANN, BOB], gate))

    assert [outcome.key for outcome in outcomes] == [1]
    assert gate.asked == [[1]]
