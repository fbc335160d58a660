"""When a newsletter is paused by itself: mail refused ten times in a row, or too often lately."""

import pytest

from mailer.domain.pausing import (
    CALLED_SPAM,
    IN_A_ROW,
    REFUSED_IN_A_ROW,
    REFUSED_LATELY,
    WINDOW,
    Reason,
    Refusals,
    find_dislike,
)


def answers(pattern: str) -> Refusals:
    """What was noted of a newsletter: `.` for a mail that was taken, `x` for one refused."""
    refusals = Refusals()
    for each in pattern:
        refusals.note(is_refused=each == "x")
    return refusals


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", None),
        ("x" * (IN_A_ROW - 1), None),
        ("x" * IN_A_ROW, Reason(REFUSED_IN_A_ROW, {"number": 10})),
        ("x" * 9 + "." + "x" * 9, None),
        ("." * 500 + "x" * 12, Reason(REFUSED_IN_A_ROW, {"number": 12})),
        # five in a hundred are too many, once there are enough to tell
        ("." * (WINDOW - 11) + "x." * 5 + ".", None),
        ("x." * 5 + "." * (WINDOW - 10), None),
        ("x." * 10 + "." * (WINDOW - 20), None),
        ("x." * 11 + "." * (WINDOW - 22), Reason(REFUSED_LATELY, {"number": 11, "all": WINDOW})),
        ("x." * 11 + "." * (WINDOW - 23), None),
        # and of as many as there are
        ("x." * 20 + "." * 360, None),
        ("x." * 21 + "." * 358, Reason(REFUSED_LATELY, {"number": 21, "all": 400})),
    ],
)
def test_newsletter_pauses_when_too_much_is_refused(pattern: str, reason: Reason | None) -> None:
    assert answers(pattern).find_reason("") == reason


def test_reason_repeats_what_the_server_said() -> None:
    reason = answers("x" * IN_A_ROW).find_reason("5.7.1 spam")

    assert str(reason) == ("Too many mails were refused one after another: 10. It said: 5.7.1 spam")


@pytest.mark.parametrize(
    ("complaints", "sent", "reason"),
    [
        (0, 0, None),
        (2, 2, None),
        (3, 300, Reason(CALLED_SPAM, {"number": 3, "all": 300})),
        (3, 1000, None),
        (4, 1000, Reason(CALLED_SPAM, {"number": 4, "all": 1000})),
    ],
)
def test_newsletter_pauses_when_too_many_call_it_spam(
    complaints: int, sent: int, reason: Reason | None
) -> None:
    assert find_dislike(complaints, sent) == reason
