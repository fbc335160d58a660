"""Every translatable text of every thing, a row per field and language, each with its state."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain import texts as values
from mailer.domain.texts import Texts, TextState
from mailer.storage.db import Base, BigId, Moment, enum_type

Fields = Mapping[str, Texts]
"""The texts of one thing by field name; a missing field reads as empty."""


class Translation(Base):
    """`revision` counts edits of a source text; `source_revision` is the one a translation was
    made from, so a translation older than its source shows as outdated."""

    __tablename__ = "translation"

    entity: Mapped[str] = mapped_column(String(16), primary_key=True)
    entity_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    field: Mapped[str] = mapped_column(String(24), primary_key=True)
    lang: Mapped[str] = mapped_column(String(16), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[TextState] = mapped_column(enum_type(TextState))
    revision: Mapped[int] = mapped_column(default=1)
    source_revision: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(Moment)


def load_texts(session: Session, entity: str, ids: Iterable[int]) -> dict[int, dict[str, Texts]]:
    """All texts of the things of one kind, in one query: id → field → Texts."""
    rows = session.scalars(
        select(Translation).where(Translation.entity == entity, Translation.entity_id.in_(set(ids)))
    )
    grouped: dict[int, dict[str, list[Translation]]] = {}
    for row in rows:
        grouped.setdefault(row.entity_id, {}).setdefault(row.field, []).append(row)
    return {
        thing: {field: _as_texts(found) for field, found in fields.items()}
        for thing, fields in grouped.items()
    }


def _as_texts(rows: list[Translation]) -> Texts:
    source = next((row for row in rows if row.state == TextState.SOURCE), rows[0])
    return Texts(
        source_lang=source.lang,
        by_lang={
            row.lang: values.Text(row.text, row.state, row.source_revision < source.revision)
            for row in rows
        },
    )


def save_text(
    session: Session,
    entity: str,
    thing: int,
    field: str,
    lang: str,
    text: str,
    state: TextState,
    now: datetime,
) -> bool:
    """Write one text; True when its words changed. An empty text removes a translation.

    Editing the source text outdates its translations; saving a translation brings it up to date.
    """
    key = (entity, thing, field, lang)
    row = session.get(Translation, key)
    if row and row.text == text and row.state == state and state == TextState.SOURCE:
        return False
    if not text and state != TextState.SOURCE:
        if row:
            session.delete(row)
        return row is not None
    if row is None:
        row = Translation(
            entity=entity, entity_id=thing, field=field, lang=lang, text="", revision=0
        )
        session.add(row)
    changed = row.text != text
    row.revision += int(changed)
    row.text, row.state, row.changed_at = text, state, now
    row.source_revision = (
        row.revision
        if state == TextState.SOURCE
        else _source_revision(session, entity, thing, field)
    )
    session.flush()
    return changed


def _source_revision(session: Session, entity: str, thing: int, field: str) -> int:
    query = select(Translation.revision).where(
        Translation.entity == entity,
        Translation.entity_id == thing,
        Translation.field == field,
        Translation.state == TextState.SOURCE,
    )
    return session.scalar(query) or 1
