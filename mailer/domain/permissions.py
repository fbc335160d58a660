"""What each role may do. The one table behind every check, on pages and on the command line."""

from collections.abc import Iterable
from enum import StrEnum

from mailer.domain.errors import NotPermitted


class Permission(StrEnum):
    """view: see content, newsletters, reports. write: edit content and drafts. send: approve,
    test, pause, cancel. people: see, add, import and export subscribers. admin: coordinators,
    settings, imports without confirmation, the log."""

    VIEW = "view"
    WRITE = "write"
    SEND = "send"
    PEOPLE = "people"
    ADMIN = "admin"


ROLES: dict[str, frozenset[Permission]] = {
    "viewer": frozenset({Permission.VIEW}),
    "editor": frozenset({Permission.VIEW, Permission.WRITE}),
    "sender": frozenset({Permission.VIEW, Permission.WRITE, Permission.SEND, Permission.PEOPLE}),
    "admin": frozenset(Permission),
}


def may(roles: Iterable[str], permission: Permission) -> bool:
    """Whether any of the roles includes the permission; unknown roles include nothing."""
    return any(permission in ROLES.get(role, frozenset()) for role in roles)


def check(roles: Iterable[str], permission: Permission) -> None:
    """Raise NotPermitted unless one of the roles includes the permission."""
    if not may(roles, permission):
        raise NotPermitted(permission)
