"""Runs migrations on the connection it is handed; `mailer migrate` is the way in."""

from alembic import context
from sqlalchemy import TypeDecorator

from mailer.storage.tables import metadata


def render_item(kind, value, autogen):
    """Migrations name plain column types and import nothing from the application."""
    if kind == "type" and isinstance(value, TypeDecorator):
        return f"sa.{value.impl!r}"
    if kind == "type" and value.__class__.__name__ == "Enum":
        return f"sa.String(length={value.length})"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
    compare_type=False,
)
context.run_migrations()
