"""Coordinators: who may sign in to the desk and in which role. The columns that Flask-Security
asks for keep its names."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, String, Table, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from mailer.storage.db import Base, BigId, Identified, Moment

user_role = Table(
    "user_role",
    Base.metadata,
    Column("user_id", BigId, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", BigId, ForeignKey("role.id"), primary_key=True),
)


class Role(Identified, Base):
    __tablename__ = "role"

    name: Mapped[str] = mapped_column(String(24), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")
    permissions: Mapped[Any] = mapped_column(JSON, default=list)


class User(Identified, Base):
    """`fs_uniquifier` is the session epoch: a new one signs every device out."""

    __tablename__ = "user"

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100), default="")
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    language: Mapped[str] = mapped_column(String(16), default="en")
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    roles: Mapped[list[Role]] = relationship(secondary=user_role, lazy="selectin")


def list_roles(session: Session) -> list[Role]:
    return list(session.scalars(select(Role)))


def get_role(session: Session, name: str) -> Role:
    return session.scalars(select(Role).where(Role.name == name)).one()


def find_user(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(func.lower(User.email) == email.lower()))


def list_users(session: Session) -> list[User]:
    return list(session.scalars(select(User).order_by(User.email)))


def list_users_in(session: Session, role: str) -> list[User]:
    """Active users of one role."""
    return list(
        session.scalars(
            select(User).where(User.active, User.roles.any(Role.name == role)).order_by(User.email)
        )
    )


def count_users(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(User)) or 0
