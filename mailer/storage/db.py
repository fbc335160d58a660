"""Engine, column types, sessions, and the only commit in the house."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Index,
    Integer,
    MetaData,
    String,
    TextClause,
    TypeDecorator,
    create_engine,
    event,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    Session,
    mapped_column,
    sessionmaker,
)

from mailer.domain.errors import Refused
from mailer.domain.when import DEFAULT_TZ, Confidence, Precision

Sessions = Callable[[], AbstractContextManager[Session]]
"""Opens a transaction: commits at the end of the block, rolls back when it raises."""

TURN_SECONDS = 0.025
"""How long a job of many transactions leaves SQLite to others after each of them. Whoever waits
for its lock looks again that often during the first tenth of a second, and less and less later."""

NOTICES_SILENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""For libpq: a database that is gone without a word is noticed within a minute, not after hours."""

SILENCE_IS_NOTICED = """
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 60000;
SET idle_in_transaction_session_timeout = 60000
"""
"""For the server: the same about us. A worker whose machine lost its power, or that was stopped in
the middle of a transaction, holds locks until the server notices: its advisory lock, the mail it
has claimed, the rows that others want to change."""

BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Moment(TypeDecorator[datetime]):
    """A moment: aware and in UTC in Python, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        # SQLite keeps text, and claims read three moments per mail: one step instead of three.
        if dialect.name == "sqlite":
            return _read_text
        return super().result_processor(dialect, coltype)


def _read_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


class Codes(TypeDecorator[tuple[str, ...]]):
    """A short list of codes (languages, topics) as one text, each between spaces: ` cs uk `.

    Equal lists are equal texts, so a GROUP BY finds readers with the same wishes, and
    `contains(" cs ")` finds one code with LIKE.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, _dialect: Dialect) -> str:
        return f" {' '.join(value)} " if value else ""

    def process_result_value(self, value: str | None, _dialect: Dialect) -> tuple[str, ...]:
        return tuple(value.split()) if value else ()

    def coerce_compared_value(self, _op: Any, value: Any) -> Any:
        # What LIKE looks for is a piece of the text, not a list to be written as one.
        return String() if isinstance(value, str) else self


def enum_type(values: type[StrEnum]) -> Enum:
    """A column of a StrEnum: stored as its values, readable in any database client."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=24,
        values_callable=lambda members: [member.value for member in members],
    )


def when_columns(prefix: str) -> tuple[Any, ...]:
    """The columns of a `When`, in the order of its fields; `<prefix>_starts_on` sorts."""
    naive = DateTime(timezone=False)
    return (
        mapped_column(f"{prefix}_precision", enum_type(Precision), default=Precision.UNKNOWN),
        mapped_column(f"{prefix}_starts_on", Date, nullable=True, index=True),
        mapped_column(f"{prefix}_ends_on", Date, nullable=True, index=True),
        mapped_column(f"{prefix}_starts_at", naive, nullable=True),
        mapped_column(f"{prefix}_ends_at", naive, nullable=True),
        mapped_column(f"{prefix}_tz", String(64), default=DEFAULT_TZ),
        mapped_column(f"{prefix}_confidence", enum_type(Confidence), default=Confidence.EXACT),
        mapped_column(f"{prefix}_raw", String(200), default=""),
        mapped_column(f"{prefix}_season", String(8), default=""),
    )


class Identified:
    """A row with a number of its own."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for `url`; SQLite is set up to lose nothing that was acknowledged.

    `pool_size` is how many connections are kept open for the threads that will come for one.

    WAL lets pages read while the worker writes; `synchronous=FULL` because NORMAL may forget a
    commit at a power cut, and a forgotten commit is a mail sent twice; BEGIN IMMEDIATE (see
    `open_sessions`) because upgrading a read transaction fails at once instead of waiting.
    """
    try:
        if url.startswith("sqlite"):
            engine = create_engine(url, pool_size=pool_size)
        else:
            engine = create_engine(
                url, pool_pre_ping=True, pool_size=pool_size, connect_args=NOTICES_SILENCE
            )
    except ModuleNotFoundError as missing:
        raise Refused(
            "PostgreSQL needs one more package: run `pip install '.[postgres]'` in the "
            "folder of the source."
        ) from missing
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _keep_private)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediately)
    else:
        event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _keep_private(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
    # SQLite would make a new file that everybody on the machine may read. Its WAL takes over
    # the rights of the file.
    path = Path(arguments[0])
    if path.parent.is_dir() and not path.exists() and not arguments[0].startswith((":", "file:")):
        path.touch(mode=0o600)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be a deferred one
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _set_up_postgresql(connection: Any, _record: Any) -> None:
    connection.autocommit = True  # a rollback would take a SET back
    connection.execute(SILENCE_IS_NOTICED)
    connection.autocommit = False


def _begin_immediately(connection: Any) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")


def open_sessions(engine: Engine, *, reads_only: bool = False) -> Sessions:
    """A way to open transactions on `engine`. This is the one place that commits.

    `reads_only` takes no write lock on SQLite, so that pages never wait for the worker, and
    never commits: what a GET request might have changed by mistake is gone at its end.
    """
    bind = engine.execution_options(sqlite_begin="DEFERRED") if reads_only else engine
    make = sessionmaker(bind, expire_on_commit=False)

    return lambda: _transact(make(), commits=not reads_only)


@contextmanager
def _transact(session: Session, *, commits: bool) -> Iterator[Session]:
    with session:
        yield session
        if commits:
            session.commit()


class KeptSessions:
    """Sessions for one thread that commits all the time: it keeps its connection from one
    transaction to the next, as long as nothing goes wrong. To fetch one from the pool and to see
    whether it lives costs as much as a commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        self._connection = self._connection or self._engine.connect()
        try:
            session = Session(self._connection, expire_on_commit=False)
            with _transact(session, commits=True):
                yield session
        except BaseException:
            # It may be broken; the pool finds out.
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back. The next transaction fetches one again."""
        if self._connection:
            self._connection.close()
        self._connection = None


def index_of_some(name: str, *columns: str, where: TextClause) -> Index:
    """An index that holds only the rows of which `where` is true."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def insert_into(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can be told what to do about rows that are there already."""
    return (postgresql.insert if is_postgresql(session) else sqlite.insert)(table)


def has_value(session: Session, column: InstrumentedAttribute[str], value: str) -> bool:
    """Whether a row of that column's table has this value already."""
    return session.scalar(select(column).where(column == value)) is not None


def find_cause(error: Exception) -> BaseException:
    """What the database itself said: without the statement, which may name readers."""
    return (error.orig or error) if isinstance(error, DBAPIError) else error


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def has_one_writer(session: Session) -> bool:
    """Whether only one transaction can write at a time: on SQLite, where one that takes long keeps
    everybody else waiting."""
    return not is_postgresql(session)
