"""What a refusal says about an address, in the words of real servers' codes."""

import pytest

from mailer.domain.feedback import is_dead_address


@pytest.mark.parametrize(
    ("phase", "code", "text", "is_dead"),
    [
        ("rcpt", 550, "5.1.1 User unknown", True),
        ("rcpt", 550, "5.1.10 null MX", True),
        ("rcpt", 553, "5.1.3 bad syntax", True),
        ("request", 550, "5.1.1 mailbox unavailable", True),
        ("rcpt", 550, "5.7.1 policy", False),
        ("rcpt", 552, "5.2.2 mailbox full", False),
        ("rcpt", 550, "5.1.15 something else", False),
        ("rcpt", 550, "15.1.1 no code", False),
        ("rcpt", 450, "4.1.1 try later", False),
        ("dot", 554, "5.1.1 in the wrong phase", False),
        ("rcpt", 550, "no such user", False),
    ],
)
def test_only_a_plain_statement_buries_an_address(
    phase: str, code: int, text: str, is_dead: bool
) -> None:
    assert is_dead_address(phase, code, text) == is_dead
