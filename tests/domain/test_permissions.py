"""The one table of what each role may do."""

import pytest

from mailer.domain.errors import NotPermitted
from mailer.domain.permissions import ROLES, Permission, check, may

TABLE = {
    "viewer": "view",
    "editor": "view write",
    "sender": "view write send people",
    "admin": "view write send people admin",
    "somebody": "",
}


@pytest.mark.parametrize("role", TABLE)
@pytest.mark.parametrize("permission", Permission)
def test_roles_include_what_the_table_says(role: str, permission: Permission) -> None:
    assert may([role], permission) == (permission in TABLE[role].split())


def test_the_table_names_every_role() -> None:
    assert set(ROLES) | {"somebody"} == set(TABLE)


def test_check_says_what_is_missing() -> None:
    with pytest.raises(NotPermitted, match="send"):
        check(["editor"], Permission.SEND)
    check(["viewer", "sender"], Permission.SEND)
