"""What every command needs: the parts, a way to print data, a way to read a moment."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from mailer import clock
from mailer.boot import Parts
from mailer.config import load
from mailer.domain.errors import Invalid
from mailer.domain.when import DEFAULT_TZ
from mailer.log import set_up_log
from mailer.storage.languages import list_content_languages
from mailer.storage.topics import list_topics

WHO = "command line"
USUAL_CONFIG = Path("config.toml")
PRAGUE = ZoneInfo(DEFAULT_TZ)

as_json = click.option("--json", "is_json", is_flag=True, help="Print data for programs.")


def get_parts(context: click.Context, at: datetime | None = None) -> Parts:
    """The parts by the configuration; `at` makes their clock stand still."""
    path: Path | None = context.obj
    config = load(path)
    set_up_log(config.log.level, config.log.format)
    parts = Parts(config, clock.fixed(at) if at else clock.now)
    context.call_on_close(parts.database.dispose)
    return parts


def check_known(session: Session, languages: Iterable[str], topics: Iterable[str] = ()) -> None:
    """Raises Invalid for a code or slug that this service does not have: a slip in a command
    would otherwise reach nobody, in silence."""
    codes = list_content_languages(session)
    slugs = [topic.slug for topic, _names in list_topics(session)]
    for thing, wanted, there in (("language", languages, codes), ("topic", topics, slugs)):
        for name in wanted:
            if name not in there:
                raise Invalid(
                    thing, f"There is no {thing} “{name}”. Choose from: {', '.join(there)}."
                )


class Moment(click.ParamType[datetime]):
    """An ISO date and time; without an offset it is Prague time."""

    name = "iso"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time. Write it as 2026-11-26T09:00.", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=PRAGUE)).astimezone(UTC)


MOMENT = Moment()


def print_json(data: Any) -> None:
    """Data for programs, on the screen."""
    click.echo(to_json(data))


def quote(text: str) -> str:
    """A text as TOML writes it: the quoting of JSON will do."""
    return json.dumps(text, ensure_ascii=False)


def to_json(data: Any) -> str:
    """Data for programs: UTF-8, two spaces, moments in ISO."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows for people, one line each, columns as wide as they need to be."""
    lines = [list(columns), *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def say_number(number: int, one: str, many: str) -> str:
    """A number and what it counts: `one` for a single thing, else `many`."""
    return f"{number} {one if number == 1 else many}"


def say_moment(moment: datetime | None) -> str:
    """A moment for people: with its weekday, in Prague time."""
    return moment.astimezone(PRAGUE).strftime("%a %d %b %Y %H:%M") if moment else ""
