"""Which codes end a subscription, which are counted, and which are nobody's fault (RFC 3463)."""

import pytest

from mailer.domain.feedback import FeedbackKind
from mailer.providers.bounce_codes import find_status, judge

K = FeedbackKind


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", K.HARD_BOUNCE),
        ("failed", "5.1.10", K.HARD_BOUNCE),
        ("Failed (no such user)", "5.1.1", K.HARD_BOUNCE),
        ("error", "5.1.2", K.HARD_BOUNCE),
        ("failed", "5.2.1", K.HARD_BOUNCE),
        ("failed", "5.2.2", K.SOFT_BOUNCE),
        ("failed", "5.2.3", K.BLOCKED),
        ("failed", "5.1.8", K.BLOCKED),
        ("failed", "5.0.0", K.SOFT_BOUNCE),
        ("failed", "5.3.0", K.SOFT_BOUNCE),
        ("failed", "5.3.4", K.BLOCKED),
        ("failed", "5.4.4", K.SOFT_BOUNCE),
        ("failed", "5.5.2", K.BLOCKED),
        ("failed", "5.6.1", K.BLOCKED),
        ("failed", "5.7.26", K.BLOCKED),
        ("failed", "5.99.1", K.SOFT_BOUNCE),
        ("failed", "4.4.7", K.SOFT_BOUNCE),
        ("failed", "", K.SOFT_BOUNCE),
        ("delayed", "4.4.1", K.DELAYED),
        ("delivered", "2.1.5", K.DELIVERED),
        ("relayed", "2.1.9", K.DELIVERED),
        ("expanded", "2.1.5", K.DELIVERED),
        ("lost", "5.1.1", None),
        ("", "5.1.1", None),
    ],
)
def test_codes_are_read_in_our_words(action: str, status: str, kind: K | None) -> None:
    assert judge(action, status) == kind


@pytest.mark.parametrize(
    ("texts", "status"),
    [
        (("5.1.1",), "5.1.1"),
        (("5.1.1 (bad mailbox)", "smtp; 550 5.7.1 no"), "5.1.1"),
        (("5.0.0", "smtp; 550-5.1.1 no such user"), "5.1.1"),
        (("5.0.0", "smtp; 550 no"), "5.0.0"),
        (("", "no mailbox here by that name. (#5.1.1)"), "5.1.1"),
        (("", "host 192.5.1.1 and 5.1.1.192 said 3.1.1"), ""),
        ((), ""),
    ],
)
def test_status_is_the_first_code_that_says_something(texts: tuple[str, ...], status: str) -> None:
    assert find_status(*texts) == status
