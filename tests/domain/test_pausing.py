"""When a newsletter is paused by itself: mail refused ten times in a row, or too often lately."""

import pytest

from mailer.domain.pausing import IN_A_ROW, WINDOW, Refusals, find_dislike


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
        ("x" * IN_A_ROW, "10 mails in a row were refused."),
        ("x" * 9 + "." + "x" * 9, None),
        ("." * 500 + "x" * 12, "12 mails in a row were refused."),
        # five in a hundred are too many, once there are enough to tell
        ("." * (WINDOW - 11) + "x." * 5 + ".", None),
        ("x." * 5 + "." * (WINDOW - 10), None),
        ("x." * 10 + "." * (WINDOW - 20), None),
        ("x." * 11 + "." * (WINDOW - 22), "11 of the last 200 mails were refused."),
        ("x." * 11 + "." * (WINDOW - 23), None),
        # what was long ago does not count
        ("x." * 11 + "." * WINDOW, None),
    ],
)
def test_newsletter_pauses_when_too_much_is_refused(pattern: str, reason: str | None) -> None:
    assert answers(pattern).find_reason("") == reason


def test_reason_repeats_what_the_server_said() -> None:
    assert answers("x" * IN_A_ROW).find_reason("5.7.1 spam") == (
        "10 mails in a row were refused. The last answer: 5.7.1 spam"
    )


@pytest.mark.parametrize(
    ("complaints", "sent", "reason"),
    [
        (0, 0, None),
        (2, 2, None),
        (3, 300, "3 of 300 readers reported it as spam."),
        (3, 1000, None),
        (4, 1000, "4 of 1000 readers reported it as spam."),
    ],
)
def test_newsletter_pauses_when_too_many_call_it_spam(
    complaints: int, sent: int, reason: str | None
) -> None:
    assert find_dislike(complaints, sent) == reason
