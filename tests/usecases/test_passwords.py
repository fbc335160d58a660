"""Passwords: how they are kept, and the links by which they are set."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.errors import BadLink, ExpiredLink, Invalid
from mailer.message.links import Links, Purpose
from mailer.storage.audit import AuditEntry
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.users import User, find_user
from mailer.usecases import passwords, users
from mailer.usecases.users import NewUser

LINKS = Links(["k" * 40])
OLD, NEW = "correct horse battery", "a river runs through it"


@pytest.fixture
def user(session: Session, now: datetime) -> User:
    return users.add_user(session, NewUser("anna@example.org", "Anna", "admin"), OLD, "test", now)


def ask(session: Session, now: datetime) -> str:
    """The token of a link that was just asked for."""
    passwords.ask_link(session, "anna@example.org", now)
    mail = session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
    assert mail is not None
    return passwords.link_path(LINKS, mail.context, now).removeprefix(passwords.LINK_PATH)


def test_password_is_hashed_as_owasp_advises(user: User) -> None:
    assert user.password is not None
    assert user.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("typed", "is_right"),
    [(OLD, True), (OLD.upper(), False), (OLD + " ", False), ("", False), ("\udcff", False)],
)
def test_only_the_password_is_the_password(user: User, typed: str, is_right: bool) -> None:
    assert passwords.is_password(user, typed) is is_right


def test_user_without_a_password_has_none_that_fits() -> None:
    assert not passwords.is_password(User(password=None), "")


@pytest.mark.parametrize(
    "password", ["řeka teče městem", "x y z w " * 20, "пароль з чотирьох слів"]
)
def test_long_password_of_any_letters_is_good(password: str) -> None:
    passwords.check_password(password, "anna@example.org")


@pytest.mark.parametrize(
    "password",
    ["", "elevenchars", "abcdabcdabcdabcd", "x1y2z" * 41, "Anna@example.org", "anna-1234567"],
)
def test_weak_password_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as caught:
        passwords.check_password(password, "anna@example.org")

    assert caught.value.field == "password"


def test_link_sets_the_password_and_ends_all_sessions(
    session: Session, user: User, now: datetime
) -> None:
    epoch = user.fs_uniquifier

    passwords.set_by_link(session, LINKS, ask(session, now), NEW, now)

    assert passwords.is_password(user, NEW)
    assert user.fs_uniquifier != epoch
    assert user.confirmed_at == now


def test_weak_password_does_not_use_up_the_link(
    session: Session, user: User, now: datetime
) -> None:
    token = ask(session, now)

    with pytest.raises(Invalid):
        passwords.set_by_link(session, LINKS, token, "short", now)
    passwords.set_by_link(session, LINKS, token, NEW, now)

    assert passwords.is_password(user, NEW)


def test_many_at_once_with_one_link_are_one(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        users.add_user(session, NewUser("anna@example.org", "Anna", "admin"), OLD, "test", now)
        token = ask(session, now)

    def set_one(number: int) -> bool:
        with sessions() as session:
            try:
                passwords.set_by_link(session, LINKS, token, f"{NEW} {number}", now)
            except BadLink:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(set_one, range(20)))

    assert done.count(True) == 1
    with sessions() as session:
        user = find_user(session, "anna@example.org")
        assert user is not None
        assert passwords.is_password(user, f"{NEW} {done.index(True)}")


@pytest.mark.parametrize("change", ["password", "role", "shut out"])
def test_link_is_dead_after_any_change_of_the_account(
    session: Session, user: User, now: datetime, change: str
) -> None:
    users.add_user(session, NewUser("b@example.org", "Boris", "admin"), OLD, "test", now)
    token = ask(session, now)

    if change == "password":
        passwords.change(session, user, OLD, NEW, now)
    elif change == "role":
        users.change_role(session, user.id, "viewer", "test", now)
    else:
        users.deactivate(session, user.id, "test", now)

    with pytest.raises(BadLink):
        passwords.find_link_owner(session, LINKS, token, now)


def test_link_of_an_hour_ends_after_an_hour(session: Session, user: User, now: datetime) -> None:
    token = ask(session, now)

    owner = passwords.find_link_owner(session, LINKS, token, now + timedelta(hours=1))
    with pytest.raises(ExpiredLink):
        passwords.find_link_owner(session, LINKS, token, now + timedelta(hours=1, seconds=1))

    assert owner is user


def test_link_for_readers_sets_no_password(session: Session, user: User, now: datetime) -> None:
    token = LINKS.make(Purpose.CONFIRM, user.id, {"purpose": "reset"}, now, "jti")

    with pytest.raises(BadLink):
        passwords.find_link_owner(session, LINKS, token, now)


def test_asking_writes_the_same_log_entry_for_known_and_unknown(
    session: Session, user: User, now: datetime
) -> None:
    for email in ("anna@example.org", " ANNA@example.org", "nobody@example.org", ""):
        passwords.ask_link(session, email, now)

    asked = session.scalars(
        select(AuditEntry.thing_id).where(AuditEntry.action == "password link asked for")
    ).all()
    assert asked == [user.id, user.id, None, None]
    assert len(session.scalars(select(Delivery)).all()) == 2


def test_wrong_present_password_changes_nothing(
    session: Session, user: User, now: datetime
) -> None:
    with pytest.raises(Invalid) as caught:
        passwords.change(session, user, "wrong", NEW, now)

    assert caught.value.field == "present"
    assert passwords.is_password(user, OLD)
