"""What must not stand in the log."""

import pytest

from mailer.log import mask_secrets
from mailer.usecases.passwords import LINK_PATH


@pytest.mark.parametrize("path", ["/u/", "/p/", "/c/", "/a/", "/d/", "/hooks/brevo/", LINK_PATH])
def test_the_token_of_a_link_is_masked(path: str) -> None:
    line = f"GET {path}eyJzIjoxfQ.aTr4kQ.Z2hvc3QtdG9rZW4_x-1?next=1"

    assert mask_secrets(line) == f"GET {path}…?next=1"


def test_an_address_is_masked() -> None:
    assert mask_secrets("to <anna@example.org>, later") == "to <<address>>, later"
