"""Newsletters, their variants (one per language) and cohorts (readers who get the same letter)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, load_only, mapped_column, relationship

from mailer.domain.content import ItemKey, ItemKind
from mailer.domain.digest import Role
from mailer.domain.errors import NotFound
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.storage.db import Base, BigId, Codes, Identified, Moment, enum_type
from mailer.storage.plans import Plan


class Newsletter(Identified, Base):
    """`period_key` names the occurrence of the plan (its local date), so a plan's issue exists
    once. `snapshot` is the content as approved. `expires_at`: no mail of it leaves after that.

    While its audience is written down, subscribers up to the number `prepared_to` have been dealt
    with, and `prepared_count` of them are to get it; then `audience_count` is known.

    `reason`: why it stands still, a sentence to be translated, with places for `reason_facts`;
    among these may be what another server `said`."""

    __tablename__ = "newsletter"
    __table_args__ = (UniqueConstraint("plan_id", "period_key"),)

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[NewsletterKind] = mapped_column(enum_type(NewsletterKind))
    state: Mapped[NewsletterState] = mapped_column(
        enum_type(NewsletterState), default=NewsletterState.DRAFT, index=True
    )
    title: Mapped[str] = mapped_column(String(200))
    plan_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("plan.id"))
    period_key: Mapped[str | None] = mapped_column(String(16))
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), default=())
    send_at: Mapped[datetime | None] = mapped_column(Moment)
    next_issue_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    snapshot: Mapped[str] = mapped_column(Text, default="")
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    tested_hash: Mapped[str] = mapped_column(String(64), default="")
    prepared_to: Mapped[int] = mapped_column(BigId, default=0)
    prepared_count: Mapped[int] = mapped_column(default=0)
    audience_count: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(500), default="")
    reason_facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_by: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    approved_by: Mapped[str] = mapped_column(String(254), default="")
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    plan: Mapped[Plan | None] = relationship()
    variants: Mapped[list["Variant"]] = relationship(
        back_populates="newsletter", cascade="all, delete-orphan", order_by="Variant.position"
    )


class Variant(Identified, Base):
    """The newsletter in one language. `body` is Markdown: a letter's text, or a digest's note on
    top. `html` and `text` are the public copy, written when sending starts."""

    __tablename__ = "variant"
    __table_args__ = (UniqueConstraint("newsletter_id", "lang"),)

    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    lang: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(default=0)
    subject: Mapped[str] = mapped_column(String(200), default="")
    preheader: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text, default="")
    newsletter: Mapped[Newsletter] = relationship(back_populates="variants")


class Cohort(Identified, Base):
    """Readers whose wishes and history are equal, and the one letter they all get.

    `language` is the one the letter is written in, not always the first of its readers.
    `key` hashes what decides the letter. `is_empty`: nothing for them this time (rule R13).
    `urgent_until`: when the first of its items is over, if mails of it may still leave by then.
    """

    __tablename__ = "cohort"
    __table_args__ = (UniqueConstraint("newsletter_id", "key"),)

    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    key: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(200), default="")
    preheader: Mapped[str] = mapped_column(String(200), default="")
    html: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text, default="")
    is_empty: Mapped[bool] = mapped_column(default=False)
    urgent_until: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    items: Mapped[list["CohortItem"]] = relationship(cascade="all, delete-orphan")


class CohortItem(Base):
    """An item in a cohort's letter. Joined with accepted deliveries it is the ledger: who was
    told what, in which version, without a row per person and item."""

    __tablename__ = "cohort_item"

    cohort_id: Mapped[int] = mapped_column(BigId, ForeignKey("cohort.id"), primary_key=True)
    kind: Mapped[ItemKind] = mapped_column(enum_type(ItemKind), primary_key=True)
    item_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    role: Mapped[Role] = mapped_column(enum_type(Role), primary_key=True)
    revision: Mapped[int]


class ReaderKind(Base):
    """Which cohort readers with equal wishes and history belong to, while the audience of a
    newsletter is written down: joined with the subscribers it gives the deliveries.

    What does not matter for the letter is empty. `history`: the cohorts whose letters arrived
    with them, in order. `next_at`: from when their mail is due; None if there is none for them.
    """

    __tablename__ = "reader_kind"

    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), primary_key=True)
    history: Mapped[str] = mapped_column(Text, primary_key=True, default="")
    language: Mapped[str] = mapped_column(String(16), primary_key=True)
    content_languages: Mapped[tuple[str, ...]] = mapped_column(Codes(100), primary_key=True)
    topics: Mapped[tuple[str, ...]] = mapped_column(Codes(400), primary_key=True, default=())
    cadence: Mapped[str] = mapped_column(String(24), primary_key=True, default="")
    cohort_id: Mapped[int] = mapped_column(BigId, ForeignKey("cohort.id"))
    next_at: Mapped[datetime | None] = mapped_column(Moment)


def make_variants(langs: Sequence[str]) -> list[Variant]:
    """An empty variant for each of these languages, in their order."""
    return [Variant(lang=lang, position=position) for position, lang in enumerate(langs)]


def make_slug() -> str:
    """An address for a newsletter that nobody can guess before it is public."""
    return token_urlsafe(9).replace("_", "-").lower()


def get_newsletter(session: Session, newsletter_id: int) -> Newsletter:
    newsletter = session.get(Newsletter, newsletter_id)
    if newsletter is None:
        raise NotFound("newsletter", newsletter_id)
    return newsletter


def find_by_slug(session: Session, slug: str) -> Newsletter | None:
    return session.scalar(select(Newsletter).where(Newsletter.slug == slug))


def find_issue(session: Session, plan_id: int, period_key: str) -> Newsletter | None:
    """The plan's issue of that occurrence."""
    return session.scalar(
        select(Newsletter).where(Newsletter.plan_id == plan_id, Newsletter.period_key == period_key)
    )


def list_newsletters(
    session: Session, *states: NewsletterState, before: int | None = None, limit: int | None = 100
) -> Sequence[Newsletter]:
    """Newsletters in those states (all of them if none is named), newest first; only those before
    the given id, if there is one."""
    query = select(Newsletter).order_by(Newsletter.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Newsletter.id < before)
    return session.scalars(query.where(Newsletter.state.in_(states)) if states else query).all()


def list_sent(session: Session, plan_id: int | None, limit: int) -> Sequence[Newsletter]:
    """Those of a plan that went out or are going out, newest first; None: the letters of no plan.
    Of each only how many got it and when it started."""
    went_out = (NewsletterState.SENT, NewsletterState.SENDING)
    return session.scalars(
        select(Newsletter)
        .where(Newsletter.plan_id == plan_id, Newsletter.state.in_(went_out))
        .order_by(Newsletter.id.desc())
        .limit(limit)
        .options(load_only(Newsletter.audience_count, Newsletter.started_at))
    ).all()


def list_due(session: Session, now: datetime) -> Sequence[Newsletter]:
    """Scheduled newsletters whose time has come, the earliest first."""
    return session.scalars(
        select(Newsletter)
        .where(Newsletter.state == NewsletterState.SCHEDULED, Newsletter.send_at <= now)
        .order_by(Newsletter.send_at)
    ).all()


def list_drafts(session: Session) -> Sequence[Newsletter]:
    """Issues of plans that nobody has approved, the oldest first."""
    return session.scalars(
        select(Newsletter)
        .where(Newsletter.state == NewsletterState.DRAFT, Newsletter.plan_id.is_not(None))
        .order_by(Newsletter.period_key, Newsletter.id)
    ).all()


def list_archive(session: Session, lang: str, *, limit: int = 50) -> Sequence[Variant]:
    """Public copies in a language, newest first. What was paused or cancelled is not offered;
    its page stays, since the mails that left link to it."""
    return session.scalars(
        select(Variant)
        .join(Variant.newsletter)
        .where(
            Variant.lang == lang,
            Variant.html != "",
            Newsletter.state.in_((NewsletterState.SENDING, NewsletterState.SENT)),
        )
        .order_by(Newsletter.started_at.desc(), Newsletter.id.desc())
        .limit(limit)
    ).all()


def find_variant(newsletter: Newsletter, lang: str) -> Variant | None:
    return next((variant for variant in newsletter.variants if variant.lang == lang), None)


def list_cohorts(session: Session, newsletter_id: int, keys: Collection[str]) -> dict[str, Cohort]:
    """Key → the cohort, of those that exist; without their letters, which may be long."""
    rows = session.scalars(
        select(Cohort)
        .where(Cohort.newsletter_id == newsletter_id, Cohort.key.in_(keys))
        .options(load_only(Cohort.key, Cohort.is_empty, Cohort.urgent_until))
    )
    return {cohort.key: cohort for cohort in rows}


def list_told(
    session: Session, cohort_ids: Collection[int]
) -> dict[int, dict[ItemKey, frozenset[Role]]]:
    """Cohort → what its letter told, item by item; cohorts without items are absent."""
    found: dict[int, dict[ItemKey, frozenset[Role]]] = {}
    rows = session.execute(
        select(CohortItem.cohort_id, CohortItem.kind, CohortItem.item_id, CohortItem.role).where(
            CohortItem.cohort_id.in_(cohort_ids)
        )
    )
    for cohort_id, kind, item_id, role in rows:
        told, key = found.setdefault(cohort_id, {}), ItemKey(kind, item_id)
        told[key] = told.get(key, frozenset()) | {role}
    return found


def hold_audiences(session: Session) -> None:
    """Until the transaction ends, nobody is written into an audience: whoever is erased meanwhile
    must not be written there from what was read before."""
    begun = (NewsletterState.SCHEDULED, NewsletterState.PREPARING, NewsletterState.PAUSED)
    query = select(Newsletter.id).where(Newsletter.state.in_(begun)).order_by(Newsletter.id)
    session.execute(query.with_for_update(read=True))


def get_cohort(session: Session, cohort_id: int) -> Cohort:
    cohort = session.get(Cohort, cohort_id)
    if cohort is None:
        raise NotFound("cohort", cohort_id)
    return cohort
