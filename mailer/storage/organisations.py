"""Organisations under all the names people write them, and their part in events and projects."""

from enum import StrEnum

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from mailer.storage.db import Base, BigId, Identified, enum_type


class OrganisationRole(StrEnum):
    ORGANISER = "organiser"
    CO_ORGANISER = "co_organiser"
    PARTNER = "partner"
    FUNDER = "funder"
    IMPLEMENTER = "implementer"
    LEAD = "lead"
    PARTICIPANT = "participant"
    HOST = "host"
    PATRON = "patron"


class Organisation(Identified, Base):
    __tablename__ = "organisation"

    name: Mapped[str] = mapped_column(String(200))
    legal_form: Mapped[str] = mapped_column(String(40), default="")
    url: Mapped[str] = mapped_column(String(500), default="")
    aliases: Mapped[list["OrganisationAlias"]] = relationship(
        back_populates="organisation", cascade="all, delete-orphan"
    )


class OrganisationAlias(Base):
    """`folded` is the name without accents and case: InBáze, InBaze and Inbaze are one."""

    __tablename__ = "organisation_alias"

    folded: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    organisation_id: Mapped[int] = mapped_column(BigId, ForeignKey("organisation.id"), index=True)
    organisation: Mapped[Organisation] = relationship(back_populates="aliases")


class OrganisationLink(Base):
    """The part an organisation has in an event or a project. Exactly one of the two is set."""

    __tablename__ = "organisation_link"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(BigId, ForeignKey("organisation.id"), index=True)
    event_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("event.id"), index=True)
    project_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("project.id"), index=True)
    role: Mapped[OrganisationRole] = mapped_column(enum_type(OrganisationRole))
    position: Mapped[int] = mapped_column(default=0)
    organisation: Mapped[Organisation] = relationship()


def find_organisation(session: Session, folded: str) -> Organisation | None:
    """The organisation known under that folded name."""
    alias = session.get(OrganisationAlias, folded)
    return alias.organisation if alias else None


def list_organisations(session: Session) -> list[Organisation]:
    return list(session.scalars(select(Organisation).order_by(Organisation.name)))
