"""Copies everything from one database into another, empty one, of whichever kind: the step from
SQLite to PostgreSQL, and the step back. Changes nothing where it reads.
"""

from sqlalchemy import JSON, Insert, Table, bindparam, func, insert, select
from sqlalchemy.orm import Session

from mailer.domain.errors import Refused
from mailer.storage.db import is_postgresql
from mailer.storage.tables import metadata

CHUNK = 1000


def copy_all(source: Session, target: Session) -> dict[str, int]:
    """Rows copied, by table. Both must be at the same migration, and nobody may write meanwhile.

    Raises Refused when there is anything in the target.
    """
    tables = metadata.sorted_tables
    full = [table.name for table in tables if target.scalar(select(select(table).exists()))]
    if full:
        raise Refused(f"There is something in that database already: {', '.join(full)}.")
    return {table.name: _copy(table, source, target) for table in tables}


def _copy(table: Table, source: Session, target: Session) -> int:
    copied, statement = 0, _insert(table)
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=CHUNK)
    for chunk in source.execute(query).mappings().partitions():
        target.connection().execute(statement, [dict(row) for row in chunk])
        copied += len(chunk)
    if copied and "id" in table.c and is_postgresql(target):
        # New rows are numbered by a counter that has not seen these.
        counter = func.pg_get_serial_sequence(table.name, "id")
        target.execute(select(func.setval(counter, select(func.max(table.c.id)).scalar_subquery())))
    return copied


def _insert(table: Table) -> Insert:
    """An empty column of JSON stays empty: by itself None would become the text `null`."""
    empty = JSON(none_as_null=True)
    names = [column.name for column in table.columns if isinstance(column.type, JSON)]
    return insert(table).values({name: bindparam(name, type_=empty) for name in names})
