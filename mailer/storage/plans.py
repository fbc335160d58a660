"""Plans: digests that come round by themselves."""

from datetime import datetime, time, timedelta

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.consent import Cadence
from mailer.domain.errors import NotFound
from mailer.domain.newsletter import LATE_LIMIT
from mailer.domain.when import DEFAULT_TZ
from mailer.storage.db import Base, Identified, Moment, enum_type


class Plan(Identified, Base):
    """`at` is local time in `tz`; `weekday` 0 is Monday. A draft is made `draft_lead_hours`
    before, and sent without approval only when `is_automatic`. `last_period` is the key of the
    newest issue that the clock has dealt with; one made ahead of its time does not move it."""

    __tablename__ = "plan"

    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    cadence: Mapped[Cadence] = mapped_column(enum_type(Cadence), default=Cadence.WEEKLY)
    weekday: Mapped[int] = mapped_column(default=3)
    at: Mapped[time] = mapped_column(default=time(9, 0))
    tz: Mapped[str] = mapped_column(String(64), default=DEFAULT_TZ)
    draft_lead_hours: Mapped[int] = mapped_column(default=17)
    late_limit_hours: Mapped[int] = mapped_column(default=LATE_LIMIT // timedelta(hours=1))
    is_automatic: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    last_period: Mapped[str] = mapped_column(String(16), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)


def get_plan(session: Session, slug: str) -> Plan:
    plan = session.scalar(select(Plan).where(Plan.slug == slug))
    if plan is None:
        raise NotFound("plan", slug)
    return plan


def list_active_plans(session: Session) -> list[Plan]:
    return list(session.scalars(select(Plan).where(Plan.is_active).order_by(Plan.id)))


def hold_plan(session: Session, plan: Plan) -> None:
    """See the plan as it is now and hold it until the transaction ends: its next issue is made by
    one at a time, the clock or a person."""
    session.flush()  # refreshing would drop what was changed and not written yet
    session.refresh(plan, with_for_update=True)


def hold_active_plans(session: Session) -> list[Plan]:
    """The plans as they are now, held until the transaction ends: two processes that look for
    issues at once must not both find the same ones."""
    query = select(Plan).where(Plan.is_active).order_by(Plan.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def list_plans(session: Session) -> list[Plan]:
    return list(session.scalars(select(Plan).order_by(Plan.id)))
