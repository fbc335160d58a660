"""The sender that keeps its mail, which the tests of higher floors lean on."""

import pytest

from mailer.providers.base import Fate, Outcome, ProviderDown
from mailer.providers.memory import MemorySender
from tests.providers.mails import a_mail
from tests.providers.works import hand_over, try_to_hand_over

ANN, BOB = a_mail(1, "ann@example.org"), a_mail(2, "bob@example.org")


def test_unscripted_mail_is_accepted_and_kept() -> None:
    sender = MemorySender()

    work = hand_over(sender, [ANN, BOB])

    assert [outcome.fate for outcome in work.outcomes] == [Fate.ACCEPTED, Fate.ACCEPTED]
    assert sender.accepted == [ANN, BOB]
    assert work.asked == [[1], [2]]


@pytest.mark.parametrize(
    ("fate", "code"), [(Fate.RETRY, 451), (Fate.REFUSED, 550), (Fate.UNKNOWN, 0)]
)
def test_scripted_outcome_is_given_once(fate: Fate, code: int) -> None:
    sender = MemorySender({"ann@example.org": [fate]})

    first = hand_over(sender, [ANN, BOB]).outcomes
    second = hand_over(sender, [ANN]).outcomes

    assert first[0] == Outcome(1, fate, "dot", code, f"{fate} by the memory sender")
    assert [outcome.fate for outcome in first + second] == [fate, Fate.ACCEPTED, Fate.ACCEPTED]
    assert sender.accepted == [BOB, ANN]


def test_unfit_mail_asks_for_no_verdict() -> None:
    sender = MemorySender({"ann@example.org": [Fate.UNFIT]})

    work = hand_over(sender, [ANN, BOB])

    assert work.outcomes[0] == Outcome(1, Fate.UNFIT, "mail", 552, "unfit by the memory sender")
    assert work.asked == [[2]]
    assert sender.accepted == [BOB]


def test_held_mail_is_not_kept_and_keeps_its_script() -> None:
    sender = MemorySender({"ann@example.org": [Fate.REFUSED]})

    held = hand_over(sender, [ANN, BOB], closed_for=[1, 2]).outcomes
    later = hand_over(sender, [ANN, BOB]).outcomes

    assert [outcome.fate for outcome in held] == [Fate.HELD, Fate.HELD]
    assert [outcome.fate for outcome in later] == [Fate.REFUSED, Fate.ACCEPTED]
    assert sender.accepted == [BOB]


def test_provider_goes_down_before_the_verdict() -> None:
    sender = MemorySender({"bob@example.org": [ProviderDown("421 gone", 421)]})

    work, down = try_to_hand_over(sender, [ANN, BOB])

    assert down is not None
    assert [outcome.key for outcome in work.outcomes] == [1]
    assert work.asked == [[1]]
    assert work.left == [2]
