"""Topics: what a subscriber chooses and what events, deadlines and projects are about."""

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.texts import Texts
from mailer.storage.db import Base, Identified
from mailer.storage.texts import load_texts


class Topic(Identified, Base):
    """`slug` never changes: it stands in subscribers' choices. Its texts: name, description."""

    __tablename__ = "topic"

    slug: Mapped[str] = mapped_column(String(64), unique=True)
    position: Mapped[int]
    is_public: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)


def list_topics(session: Session, *, public_only: bool = False) -> list[tuple[Topic, Texts]]:
    """Topics in their order, each with its name in every language."""
    query = select(Topic).order_by(Topic.position)
    topics = list(session.scalars(query.where(Topic.is_public) if public_only else query))
    names = load_texts(session, "topic", (topic.id for topic in topics))
    return [(topic, names.get(topic.id, {}).get("name", Texts())) for topic in topics]
