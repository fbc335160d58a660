"""A pasted website becomes rows: milestones, draft projects, organisations, open questions.

Nothing doubtful reaches readers before somebody has decided (`findings`), and a text that was
read before adds nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid
from mailer.domain.spelling import fold, tidy
from mailer.domain.texts import TextState
from mailer.domain.website import UnreadableWebsite, Website, as_json, read_website
from mailer.domain.website_projects import ReadProject
from mailer.domain.website_timeline import ReadMilestone
from mailer.domain.when import Confidence
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.imports import (
    Finding,
    FindingState,
    WebsiteImport,
    find_import,
    list_readings,
)
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.organisations import OrganisationRole
from mailer.storage.projects import Milestone, Project
from mailer.storage.texts import save_text
from mailer.usecases.editing import LONGEST, LONGEST_TEXT, Wording, Wordings
from mailer.usecases.organisations import LONGEST_NAME
from mailer.usecases.projects import Partner, ProjectEdit, add_draft

NOTHING_FOUND = N_("Nothing was found under the headings. Paste the whole page.")
MILESTONE, PROJECT = "milestone", "project"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`counts` of the whole text: milestones, projects, clear, open. `new`: rows added by it.
    `notes`: sentences about the text as a whole."""

    counts: dict[str, int]
    new: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    read: ReadMilestone | ReadProject
    reading: dict[str, Any]

    @property
    def state(self) -> FindingState:
        """Clear when the date is certain, the title is there and nothing asks for a decision."""
        read = self.read
        asks = read.needs_decision if isinstance(read, ReadMilestone) else bool(read.notes)
        is_certain = read.when.confidence is Confidence.EXACT and read.title
        return FindingState.CLEAR if is_certain and not asks else FindingState.OPEN

    @property
    def identity(self) -> tuple[str, str]:
        return identify(self.kind, self.reading)


def identify(kind: str, reading: dict[str, Any]) -> tuple[str, str]:
    """What makes two readings the same row: kind and title, or what stands for a lost title."""
    name = reading["title"] or reading.get("proposed_title") or reading.get("raw_duration") or ""
    return kind, fold(name)


def import_website(session: Session, text: str, name: str, who: str, now: datetime) -> ImportResult:
    """Read `text` and keep it: milestones, projects as drafts, organisations, open questions.

    The same text again changes nothing; an edited one adds only rows whose title is new.
    Certain milestones are public at once, all others when somebody decides. Raises Invalid for
    what is no text of a website, and when nothing was found in it.
    """
    website, rows = _read(text)
    counts = _count(rows)
    raw = text.replace("\r\n", "\n").strip()  # a browser sends other line ends than a file has
    digest = sha256(raw.encode()).hexdigest()
    if find_import(session, digest):
        return ImportResult(counts, new=0, notes=website.notes)
    lang = choose_language(session, website.language)
    source = WebsiteImport(name=tidy(name)[:200] or "website", digest=digest, raw=raw)
    source.language, source.imported_at = website.language or "", now
    new = list(_unknown(session, rows))
    source.findings = [_keep(session, row, lang, now) for row in new]
    session.add(source)
    session.flush()
    audit.record(
        session, who, "website read", now, thing="import", thing_id=source.id, new=len(new)
    )
    return ImportResult(counts, len(new), website.notes)


def _read(text: str) -> tuple[Website, list[_Row]]:
    try:
        website = read_website(text)
    except UnreadableWebsite as mistake:
        raise Invalid("text", str(mistake)) from mistake
    reading = as_json(website)
    rows = [
        *map(_Row, [MILESTONE] * len(website.milestones), website.milestones, reading["timeline"]),
        *map(_Row, [PROJECT] * len(website.projects), website.projects, reading["projects"]),
    ]
    if not rows:
        raise Invalid("text", next(iter(website.notes), NOTHING_FOUND))
    return website, rows


def _count(rows: list[_Row]) -> dict[str, int]:
    kinds, states = Counter(row.kind for row in rows), Counter(row.state for row in rows)
    return {
        "milestones": kinds[MILESTONE],
        "projects": kinds[PROJECT],
        "clear": states[FindingState.CLEAR],
        "open": states[FindingState.OPEN],
    }


def choose_language(session: Session, written: str | None) -> str:
    """The content language of a page that says it is in `written`; the fallback if none is."""
    base = (written or "").split("-")[0]
    return base if base in list_content_languages(session) else get_fallback(session)


def _unknown(session: Session, rows: list[_Row]) -> Iterator[_Row]:
    """The rows that no earlier import has; two of one title count twice."""
    known = Counter(identify(kind, reading) for kind, reading in list_readings(session))
    for row in rows:
        if known[row.identity]:
            known[row.identity] -= 1
        else:
            yield row


def _keep(session: Session, row: _Row, lang: str, now: datetime) -> Finding:
    finding = Finding(
        kind=row.kind, position=row.read.position, reading=row.reading, state=row.state
    )
    if isinstance(row.read, ReadMilestone):
        finding.milestone_id = _add_milestone(session, row.read, row.state, lang, now).id
    else:
        finding.project_id = _add_project(session, row.read, lang, now).id
    return finding


def _add_milestone(
    session: Session, read: ReadMilestone, state: FindingState, lang: str, now: datetime
) -> Milestone:
    milestone = Milestone(
        when=read.when, position=read.position, is_public=state is FindingState.CLEAR
    )
    milestone.created_at = now
    session.add(milestone)
    session.flush()
    save_text(session, MILESTONE, milestone.id, "title", lang, read.title, TextState.SOURCE, now)
    return milestone


def _add_project(session: Session, read: ReadProject, lang: str, now: datetime) -> Project:
    """A draft. A title that the page does not give stays empty: a person has to say it."""
    title, body = (read.title or "")[: LONGEST["title"]], read.body[:LONGEST_TEXT]
    texts = {"title": title, "body": body}
    edit = ProjectEdit(
        wordings=Wordings(lang, {lang: Wording(texts, TextState.SOURCE)}),
        period=read.when,
        partners=tuple(
            Partner(one.name[:LONGEST_NAME], OrganisationRole(one.role), one.note[:LONGEST_NAME])
            for one in read.organisations
        ),
        and_others=read.and_others,
    )
    return add_draft(session, edit, now)
