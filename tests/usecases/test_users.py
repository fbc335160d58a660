"""Coordinators: who is added by whom, and that nobody can lock everybody out."""

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.permissions import ROLES
from mailer.storage import audit
from mailer.storage.deliveries import Delivery
from mailer.storage.settings import find_setting
from mailer.storage.users import Role, User, find_user
from mailer.usecases import passwords, users
from mailer.usecases.users import NewUser

ANNA = NewUser("Anna@Example.org", " Anna  Nováková ", "admin", "cs")
BORIS = NewUser("boris@example.org", "Boris", "editor")
PASSWORD = "correct horse battery"


def log_of(session: Session) -> list[tuple[str, str, int | None]]:
    entries = session.scalars(select(audit.AuditEntry).order_by(audit.AuditEntry.id))
    return [(entry.who, entry.action, entry.thing_id) for entry in entries]


def test_added_user_is_stored_tidy_and_logged(session: Session, now: datetime) -> None:
    user = users.add_user(session, ANNA, PASSWORD, "command line", now)

    assert (user.email, user.name, user.language) == ("Anna@example.org", "Anna Nováková", "cs")
    assert ([role.name for role in user.roles], user.active) == (["admin"], True)
    assert passwords.is_password(user, PASSWORD)
    assert log_of(session) == [("command line", "coordinator added", user.id)]


def test_roles_are_seeded_once(session: Session) -> None:
    users.ensure_roles(session)
    users.ensure_roles(session)

    assert sorted(session.scalars(select(Role.name))) == sorted(ROLES)


@pytest.mark.parametrize("email", ["anna@example.org", "ANNA@EXAMPLE.ORG", "anna@ｅxample.org"])
def test_person_who_is_there_is_not_added_again(
    session: Session, now: datetime, email: str
) -> None:
    users.add_user(session, ANNA, PASSWORD, "test", now)

    with pytest.raises(Invalid, match="coordinator already") as caught:
        users.add_user(session, NewUser(email, "Anna", "viewer"), None, "test", now)

    assert caught.value.field == "email"


def test_setup_code_is_stored_as_a_hash_and_used_up(session: Session, now: datetime) -> None:
    code = users.make_setup_code(session, now)
    stored = find_setting(session, "setup_code")

    user = users.add_first(session, code, ANNA, PASSWORD, now)

    assert len(code.replace("-", "")) == 16
    assert code.replace("-", "") not in stored
    assert find_setting(session, "setup_code") is None
    assert log_of(session) == [("setup page", "coordinator added", user.id)]


@pytest.mark.parametrize("code", ["", "-", "AAAA-AAAA-AAAA-AAAA"])
def test_wrong_setup_code_makes_nobody(session: Session, now: datetime, code: str) -> None:
    users.make_setup_code(session, now)

    with pytest.raises(Invalid) as caught:
        users.add_first(session, code, ANNA, PASSWORD, now)

    assert caught.value.field == "code"
    assert session.scalars(select(User)).all() == []


def test_setup_is_over_when_there_is_somebody(session: Session, now: datetime) -> None:
    code = users.make_setup_code(session, now)
    users.add_user(session, BORIS, PASSWORD, "command line", now)

    with pytest.raises(Refused, match="set up already"):
        users.add_first(session, code, ANNA, PASSWORD, now)
    with pytest.raises(Refused, match="set up already"):
        users.make_setup_code(session, now)


def test_invitation_queues_one_mail_without_a_link(session: Session, now: datetime) -> None:
    user = users.invite(session, BORIS, "anna@example.org", now)

    (mail,) = session.scalars(select(Delivery)).all()
    assert (mail.template, mail.address, mail.language) == ("account", "boris@example.org", "en")
    assert mail.expires_at == now + passwords.INVITE_LIVES
    assert {key: mail.context[key] for key in ("purpose", "user_id", "hours")} == {
        "purpose": "invite",
        "user_id": user.id,
        "hours": 48,
    }
    assert not any(user.fs_uniquifier in str(value) for value in mail.context.values())
    assert user.password is None


def test_last_administrator_can_neither_go_nor_change(session: Session, now: datetime) -> None:
    anna = users.add_user(session, ANNA, PASSWORD, "test", now)
    other = users.add_user(
        session, NewUser("carla@example.org", "Carla", "admin"), PASSWORD, "test", now
    )
    users.deactivate(session, other.id, "test", now)

    with pytest.raises(Refused, match="must stay administrator"):
        users.change_role(session, anna.id, "viewer", "test", now)
    with pytest.raises(Refused, match="must stay administrator"):
        users.deactivate(session, anna.id, "test", now)

    assert [role.name for role in anna.roles] == ["admin"]


def test_changed_role_replaces_all_roles_and_ends_the_sessions(
    session: Session, now: datetime
) -> None:
    user = users.add_user(session, BORIS, PASSWORD, "test", now)
    epoch = user.fs_uniquifier

    users.change_role(session, user.id, "sender", "anna@example.org", now)

    assert [role.name for role in user.roles] == ["sender"]
    assert user.fs_uniquifier != epoch
    assert log_of(session)[-1] == ("anna@example.org", "role changed", user.id)


def test_shutting_out_twice_is_logged_once(session: Session, now: datetime) -> None:
    user = users.add_user(session, BORIS, PASSWORD, "test", now)

    for _ in range(2):
        users.deactivate(session, user.id, "test", now)
    for _ in range(2):
        users.reactivate(session, user.id, "test", now)

    assert [action for _who, action, _thing in log_of(session)] == [
        "coordinator added",
        "coordinator shut out",
        "coordinator let in again",
    ]


def test_person_who_was_shut_out_while_invited_is_not_invited_again(
    session: Session, now: datetime
) -> None:
    user = users.invite(session, BORIS, "test", now)
    users.deactivate(session, user.id, "test", now)

    with pytest.raises(Refused, match="invited again"):
        users.invite_again(session, user.id, "test", now)


def test_user_is_found_by_number_or_said_to_be_missing(session: Session, now: datetime) -> None:
    user = users.add_user(session, BORIS, PASSWORD, "test", now)

    assert users.get_user(session, user.id) is find_user(session, "BORIS@example.org")
    with pytest.raises(NotFound):
        users.get_user(session, user.id + 1)
