"""Brings the tables to the newest migration, and tells whether they are there."""

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from mailer.domain.errors import Refused
from mailer.places import get_folder

BEHIND = "The database is not at the newest migration. Run `mailer migrate`."
AHEAD = (
    "The database is newer than this program: a later version has migrated it. Install that "
    "version, or go back to a backup from before."
)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that are missing. A repeat does nothing. Raises Refused for tables that
    a newer program has made."""
    if find_mismatch(engine) == AHEAD:
        raise Refused(AHEAD)
    with engine.begin() as connection:
        config = _get_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_at_head(engine: Engine) -> bool:
    """Whether the database is at the newest migration."""
    return not find_mismatch(engine)


def find_mismatch(engine: Engine) -> str:
    """Why this program cannot work with these tables, and what to do; empty when it can."""
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    newest, *older = _list_revisions()
    if revision == newest:
        return ""
    return BEHIND if revision is None or revision in older else AHEAD


def check(engine: Engine) -> None:
    """Raises Refused, with what to do, unless the database is at the newest migration."""
    mismatch = find_mismatch(engine)
    if mismatch:
        raise Refused(mismatch)


@cache
def _list_revisions() -> tuple[str, ...]:
    """Those that this program knows, the newest first. Read once: the files may be replaced by a
    newer version's while we run."""
    scripts = ScriptDirectory.from_config(_get_config())
    return tuple(script.revision for script in scripts.walk_revisions())


def _get_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(get_folder("migrations")))
    return config
