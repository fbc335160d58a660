"""The list of what was read from websites: each row in words, with what stands there now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.dates import read_dates
from mailer.domain.texts import Texts
from mailer.domain.when import Precision, When
from mailer.message.dates import in_words
from mailer.storage.imports import Finding, FindingState
from mailer.storage.projects import Milestone, Project
from mailer.storage.texts import load_texts
from mailer.usecases.websites import MILESTONE, PROJECT


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding in words. `read_as` is empty when no date was read; `stands` is the date that
    the row made of it has now, `title` its title or the one that the page suggests."""

    row: Finding
    title: str
    has_title: bool
    read_as: str
    stands: str

    @property
    def is_milestone(self) -> bool:
        return self.row.kind == MILESTONE

    @property
    def is_open(self) -> bool:
        return self.row.state is FindingState.OPEN

    @property
    def may_be_accepted(self) -> bool:
        """Whether there is a date (of a milestone) or a title (of a project) to accept."""
        return bool(self.read_as if self.is_milestone else self.title)

    @property
    def raw(self) -> str:
        """The date as the page writes it."""
        return str(self.row.reading["raw_date" if self.is_milestone else "raw_duration"])


def list_findings(session: Session, lang: str) -> list[Shown]:
    """Every row of every website: the latest import first, milestones before projects, in the
    order of the page. The same number of queries for one row and for many."""
    things = _load_things(session)
    latest_first = (Finding.import_id.desc(), Finding.kind, Finding.position)
    return [
        _show(row, things[row.kind].get(row.milestone_id or row.project_id), lang)
        for row in session.scalars(select(Finding).order_by(*latest_first))
    ]


def _load_things(session: Session) -> dict[str, dict[int | None, tuple[str, When]]]:
    """Title and date of every milestone and project, by kind and id."""
    whens = {
        MILESTONE: {one.id: one.when for one in session.scalars(select(Milestone))},
        PROJECT: {one.id: one.period for one in session.scalars(select(Project))},
    }
    return {
        kind: _with_titles(load_texts(session, kind, known), known) for kind, known in whens.items()
    }


def _with_titles(
    texts: Mapping[int, Mapping[str, Texts]], whens: Mapping[int, When]
) -> dict[int | None, tuple[str, When]]:
    return {
        key: (texts.get(key, {}).get("title", Texts()).source(), when)
        for key, when in whens.items()
    }


def _show(row: Finding, thing: tuple[str, When] | None, lang: str) -> Shown:
    title, when = thing or ("", When.unknown())
    raw = row.reading["raw_date" if row.kind == MILESTONE else "raw_duration"]
    return Shown(
        row=row,
        title=title or row.reading.get("proposed_title") or "",
        has_title=bool(title),
        read_as=_say(read_dates(raw).when, lang),
        stands=_say(when, lang),
    )


def _say(when: When, lang: str) -> str:
    return "" if when.precision is Precision.UNKNOWN else in_words(when, lang, full=True)


def find_next(shown: Sequence[Shown], finding_id: int) -> int:
    """The first open question after that one, else the first of all; 0 when none is left."""
    ids = [one.row.id for one in shown]
    after = shown[ids.index(finding_id) + 1 :] if finding_id in ids else ()
    return next((one.row.id for one in (*after, *shown) if one.is_open), 0)
