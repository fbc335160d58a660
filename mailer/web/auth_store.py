"""Coordinators as Flask-Security wants to see them: thin views of our own rows. Never commits."""

from typing import Any

from flask_security.core import RoleMixin, UserMixin
from flask_security.datastore import UserDatastore
from sqlalchemy import select

from mailer.storage.users import User, find_user
from mailer.web.parts import session


class Coordinator(UserMixin):
    """One of our users, with the methods Flask-Security calls. `row` is the stored user.

    It has no `roles` for Flask-Security: what ours may do is decided in `domain.permissions`.
    """

    def __init__(self, row: User) -> None:
        self.row = row
        self.id, self.email, self.active = row.id, row.email, row.active
        self.roles = []

    @property
    def role_names(self) -> list[str]:
        return [role.name for role in self.row.roles]

    @property
    def password(self) -> str | None:
        return self.row.password

    @password.setter
    def password(self, value: str | None) -> None:
        self.row.password = value

    @property
    def fs_uniquifier(self) -> str:
        return self.row.fs_uniquifier

    @fs_uniquifier.setter
    def fs_uniquifier(self, value: str) -> None:
        self.row.fs_uniquifier = value


class Coordinators(UserDatastore):
    """The datastore. Users are made by use-cases, never from here."""

    def __init__(self) -> None:
        super().__init__(Coordinator, RoleMixin)

    def find_user(
        self,
        case_insensitive: bool = False,  # noqa: ARG002, FBT001, FBT002  # the library's signature
        **wanted: Any,
    ) -> Coordinator | None:
        """By `email` or by `fs_uniquifier`; nothing else identifies a coordinator."""
        if "email" in wanted:
            row = find_user(session(), str(wanted["email"]))
        else:
            epoch = str(wanted["fs_uniquifier"])
            row = session().scalar(select(User).where(User.fs_uniquifier == epoch))
        return Coordinator(row) if row else None

    def put(self, model: Any) -> Any:
        """Rows already belong to the request's transaction."""
        return model

    def commit(self) -> None:
        # Only the edge commits (see requests.py); Flask-Security asks for it in mid-request.
        session().flush()
