"""What a person says about a reading of the website: right, another date, another title, or no.

Only what was decided (or was never in doubt) may be shown to readers. A decision can be made
again.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from mailer.domain.content import Visibility
from mailer.domain.dates import read_dates
from mailer.domain.errors import Invalid, Refused
from mailer.domain.spelling import tidy
from mailer.domain.texts import TextState
from mailer.domain.when import Confidence, Precision, When
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.imports import Finding, FindingState, get_finding
from mailer.storage.projects import Milestone, Project, get_project
from mailer.storage.texts import save_text
from mailer.usecases.editing import LONGEST, find_title
from mailer.usecases.projects import follow_title, key_of
from mailer.usecases.websites import choose_language


class Choice(StrEnum):
    """accept: as it was read. date: this one instead. undated: the title is right, there is no
    date. title: this one instead. ignore: leave it out."""

    ACCEPT = "accept"
    DATE = "date"
    UNDATED = "undated"
    TITLE = "title"
    IGNORE = "ignore"


def decide(
    session: Session, finding_id: int, choice: Choice, value: str, *, who: str, now: datetime
) -> Finding:
    """Settle one reading. `value` is the date or the title for those choices, else not looked at.

    Raises Invalid for the field `value`, and Refused when there is nothing to accept. A new title
    of a milestone settles nothing: its date may still be in doubt.
    """
    finding = get_finding(session, finding_id)
    if finding.project_id:
        _decide_project(
            session, finding, get_project(session, finding.project_id), choice, value, now
        )
    else:
        _decide_milestone(session, finding, choice, value, now)
    if choice is Choice.IGNORE:
        finding.state = FindingState.IGNORED
    elif choice is not Choice.TITLE or finding.project_id:
        finding.state = FindingState.DECIDED
    finding.decided_by, finding.decided_at = who, now
    audit.record(
        session,
        who,
        "reading decided",
        now,
        thing="finding",
        thing_id=finding.id,
        choice=choice.value,
    )
    return finding


def _decide_milestone(
    session: Session, finding: Finding, choice: Choice, value: str, now: datetime
) -> None:
    milestone = session.get_one(Milestone, finding.milestone_id)
    match choice:
        case Choice.ACCEPT:
            milestone.when, milestone.is_public = _accept(finding.reading["raw_date"]), True
        case Choice.DATE:
            milestone.when, milestone.is_public = _read_date(value, now), True
        case Choice.UNDATED:
            milestone.when, milestone.is_public = When.unknown(finding.reading["raw_date"]), True
        case Choice.TITLE:
            _save_title(session, finding, milestone.id, value, now)
        case Choice.IGNORE:
            milestone.is_public = False


def _decide_project(
    session: Session, finding: Finding, project: Project, choice: Choice, value: str, now: datetime
) -> None:
    """The project stays a draft: publishing it is a step of its own."""
    match choice:
        case Choice.ACCEPT:
            _accept_project(session, finding, project, now)
        case Choice.DATE:
            project.period = _read_date(value, now)
        case Choice.UNDATED:
            project.period = When.unknown(finding.reading["raw_duration"])
        case Choice.TITLE:
            _save_title(session, finding, project.id, value, now)
            follow_title(session, project)
        case Choice.IGNORE:
            project.visibility = Visibility.WITHDRAWN
    if choice is not Choice.IGNORE and finding.state is FindingState.IGNORED:
        project.visibility = Visibility.DRAFT
    project.revision += 1
    project.changed_at = now


def _accept_project(session: Session, finding: Finding, project: Project, now: datetime) -> None:
    """Take the title that the page gives or suggests, unless the project has one by now."""
    if not find_title(session, key_of(project)):
        proposed = finding.reading["title"] or finding.reading["proposed_title"]
        if not proposed:
            raise Refused(N_("The page gives no title for this project. Write one."))
        _save_title(session, finding, project.id, proposed, now)
        follow_title(session, project)
    if project.period.precision is not Precision.UNKNOWN:
        project.period = _vouched(project.period)


def _accept(raw_date: str) -> When:
    """The date as it was read from the page, whatever was decided since."""
    when = read_dates(raw_date).when
    if when.precision is Precision.UNKNOWN:
        raise Refused(N_("No date was read here. Give one, or say that it stays undated."))
    return _vouched(when)


def _read_date(value: str, now: datetime) -> When:
    reading = read_dates(value, today=now.date())
    if reading.when.precision is Precision.UNKNOWN:
        raise Invalid("value", N_("Write a date such as 6 May 2024, or May 2024."))
    if reading.when.confidence is Confidence.DOUBTFUL:
        raise Invalid("value", " ".join(reading.notes))
    return _vouched(reading.when)


def _vouched(when: When) -> When:
    """A date that a person stands behind is doubted no more."""
    return replace(when, confidence=Confidence.EXACT)


def _save_title(session: Session, finding: Finding, thing: int, value: str, now: datetime) -> None:
    title = tidy(value)
    if not title or len(title) > LONGEST["title"]:
        raise Invalid("value", N_("Write a title of at most 150 characters."))
    lang = choose_language(session, finding.source.language)
    save_text(session, finding.kind, thing, "title", lang, title, TextState.SOURCE, now)
