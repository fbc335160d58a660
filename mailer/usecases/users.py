"""Coordinators come, change roles and leave. Nobody is deleted: the log names them. Whatever
changes what a person may do also ends all of that person's sessions."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.permissions import ROLES
from mailer.i18n import INTERFACE
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.settings import drop_setting, find_setting, save_setting
from mailer.storage.users import (
    Role,
    User,
    count_users,
    find_user,
    get_role,
    list_roles,
    list_users_in,
)
from mailer.usecases.addresses import read_address
from mailer.usecases.passwords import (
    INVITE,
    check_password,
    hash_password,
    make_epoch,
    new_epoch,
    queue_link,
)

ADMIN = "admin"
LONGEST_NAME = 100

_SETUP_CODE = "setup_code"
_CODE_SIGNS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that look like another

_LAST_ADMIN = N_("Somebody must stay administrator. Make another person one first.")
_KNOWN = N_("This person is a coordinator already.")
_NO_NAME = N_("Type the person's name.")
_LONG_NAME = N_("This name is too long. Use at most 100 characters.")
_NO_ROLE = N_("Choose one of the roles.")
_NO_LANGUAGE = N_("Choose one of the languages.")
_WRONG_CODE = N_("This is not the setup code. It was shown in the console at the first start.")
_SET_UP = N_("This service is set up already. Sign in, or ask an administrator for an invitation.")


@dataclass(frozen=True, slots=True)
class NewUser:
    """A coordinator as typed into a form or on the command line."""

    email: str
    name: str
    role: str
    language: str = "en"


def ensure_roles(session: Session) -> None:
    """Add the roles that are missing. What each may do is decided in `domain.permissions`."""
    present = {role.name for role in list_roles(session)}
    session.add_all(Role(name=name) for name in ROLES if name not in present)
    session.flush()


def make_setup_code(session: Session, now: datetime) -> str:
    """A new one-time code for the first administrator; an earlier one stops working.

    It is stored hashed and shown once, where only the operator can see it. Raises Refused when
    there is a user already.
    """
    _check_no_users(session)
    code = "-".join("".join(secrets.choice(_CODE_SIGNS) for _ in range(4)) for _ in range(4))
    save_setting(session, _SETUP_CODE, _hash_code(code), now)
    return code


def has_setup_code(session: Session) -> bool:
    """Whether a code was made that nobody has used yet."""
    return find_setting(session, _SETUP_CODE) is not None


def add_first(session: Session, code: str, new: NewUser, password: str, now: datetime) -> User:
    """Make the first administrator out of whoever knows the setup code, which is used up.

    Raises Invalid with the field "code" before it looks at anything else that was typed.
    """
    _check_no_users(session)
    stored = find_setting(session, _SETUP_CODE)
    if not hmac.compare_digest(str(stored or ""), _hash_code(code)):
        raise Invalid("code", _WRONG_CODE)
    user = add_user(session, new, password, "setup page", now)
    drop_setting(session, _SETUP_CODE)
    session.flush()
    return user


def add_user(session: Session, new: NewUser, password: str | None, who: str, now: datetime) -> User:
    """Add a coordinator; without a password nobody can sign in until one is set by a link."""
    email = read_address(new.email).mailbox
    name = _read_name(new.name)
    role = _get_role(session, new.role)
    _check_language(new.language)
    if find_user(session, email):
        raise Invalid("email", _KNOWN)
    if password is not None:
        check_password(password, email)
    user = User(
        email=email,
        name=name,
        password=hash_password(password) if password is not None else None,
        fs_uniquifier=make_epoch(),
        language=new.language,
        roles=[role],
        created_at=now,
    )
    session.add(user)
    session.flush()
    audit.record(
        session, who, "coordinator added", now, thing="user", thing_id=user.id, role=new.role
    )
    return user


def invite(session: Session, new: NewUser, who: str, now: datetime) -> User:
    """Add a coordinator and mail a link, good for 48 hours, to choose a password by."""
    user = add_user(session, new, None, who, now)
    queue_link(session, user, INVITE, now)
    return user


def invite_again(session: Session, user_id: int, who: str, now: datetime) -> User:
    """Mail a new link to somebody who has not chosen a password yet."""
    user = get_user(session, user_id)
    if user.password or not user.active:
        raise Refused(N_("Only somebody who has never signed in can be invited again."))
    queue_link(session, user, INVITE, now)
    audit.record(session, who, "coordinator invited again", now, thing="user", thing_id=user.id)
    return user


def change_account(session: Session, user: User, name: str, language: str, now: datetime) -> None:
    """Change one's own name and the language of the desk."""
    _check_language(language)
    user.name, user.language = _read_name(name), language
    audit.record(session, user.email, "account changed", now, thing="user", thing_id=user.id)


def change_role(session: Session, user_id: int, role: str, who: str, now: datetime) -> User:
    """Give the person one role instead of what they had. The last administrator stays one."""
    user = get_user(session, user_id)
    wanted = _get_role(session, role)
    if role != ADMIN:
        _check_not_last_admin(session, user)
    user.roles = [wanted]
    new_epoch(user)
    audit.record(session, who, "role changed", now, thing="user", thing_id=user.id, role=role)
    return user


def deactivate(session: Session, user_id: int, who: str, now: datetime) -> User:
    """Shut the person out, at once and on every device. A repeat changes nothing."""
    user = get_user(session, user_id)
    _check_not_last_admin(session, user)
    if user.active:
        user.active = False
        new_epoch(user)
        audit.record(session, who, "coordinator shut out", now, thing="user", thing_id=user.id)
    return user


def reactivate(session: Session, user_id: int, who: str, now: datetime) -> User:
    """Let the person sign in again, in the role and with the password they had."""
    user = get_user(session, user_id)
    if not user.active:
        user.active = True
        audit.record(session, who, "coordinator let in again", now, thing="user", thing_id=user.id)
    return user


def get_user(session: Session, user_id: int) -> User:
    """The coordinator, or NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("coordinator", user_id)
    return user


def _hash_code(code: str) -> str:
    signs = "".join(sign for sign in code.upper() if sign.isalnum())
    return sha256(signs.encode()).hexdigest()


def _check_no_users(session: Session) -> None:
    if count_users(session):
        raise Refused(_SET_UP)


def _check_not_last_admin(session: Session, user: User) -> None:
    if [admin.id for admin in list_users_in(session, ADMIN)] == [user.id]:
        raise Refused(_LAST_ADMIN)


def _check_language(language: str) -> None:
    if language not in INTERFACE:
        raise Invalid("language", _NO_LANGUAGE)


def _read_name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise Invalid("name", _NO_NAME)
    if len(name) > LONGEST_NAME:
        raise Invalid("name", _LONG_NAME)
    return name


def _get_role(session: Session, name: str) -> Role:
    if name not in ROLES:
        raise Invalid("role", _NO_ROLE)
    ensure_roles(session)
    return get_role(session, name)
