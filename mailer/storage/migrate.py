"""Brings the tables to the newest migration, and tells whether they are there."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from mailer.places import get_folder


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that are missing. A repeat does nothing."""
    with engine.begin() as connection:
        config = _get_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_at_head(engine: Engine) -> bool:
    """Whether the database is at the newest migration."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(_get_config()).get_current_head()


def _get_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(get_folder("migrations")))
    return config
