"""Example content around today's date, marked as such, with gaps in its translations on purpose:
the demonstration shows what a reader gets when a volunteer has not translated something yet."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.content import (
    Attendance,
    DeadlineKind,
    Registration,
    Spoken,
    SpokenRole,
    UpdateKind,
)
from mailer.domain.texts import TextState
from mailer.domain.when import DEFAULT_TZ, When
from mailer.storage.organisations import OrganisationRole
from mailer.storage.projects import Project
from mailer.usecases import deadlines, events, projects, updates, venues
from mailer.usecases.deadlines import DeadlineEdit
from mailer.usecases.editing import Wording, Wordings
from mailer.usecases.events import EventEdit, SessionEdit
from mailer.usecases.projects import Partner, ProjectEdit
from mailer.usecases.updates import UpdateEdit
from mailer.usecases.venues import VenueEdit

WHO = "demonstration"
TZ = ZoneInfo(DEFAULT_TZ)

ASSOCIATION = Association(
    name="MigAct",
    legal_name="MigAct z.s. (demonstration)",
    address="Example Street 1, 110 00 Praha 1",
    contact_email="hello@migact.example",
)

Texts = Mapping[str, Mapping[str, str]]
"""Language → field → text."""


def add_content(session: Session, now: datetime) -> None:
    """Add the example project, events, deadlines and updates. Call it once per database."""
    today = now.astimezone(TZ).date()
    project = _add_project(session, today, now)
    places = _add_places(session, now)
    _add_events(session, project, places, today, now)
    _add_deadlines(session, project, today, now)
    _add_updates(session, project, now)


def wordings(name: str, drafts: tuple[str, ...] = ()) -> Wordings:
    """The texts of that name as a form would hand them over; `drafts` are not reviewed yet."""
    texts = _load_texts()[name]
    return Wordings(
        source_lang=next(iter(texts)),
        by_lang={
            lang: Wording(fields, TextState.DRAFT if lang in drafts else TextState.REVIEWED)
            for lang, fields in texts.items()
        },
    )


@cache
def _load_texts() -> Mapping[str, Texts]:
    return tomllib.loads((files("mailer") / "demo" / "texts.toml").read_text(encoding="utf-8"))


def _at(day: date, begins: time, ends: time | None = None) -> When:
    end = datetime.combine(day, ends) if ends else None
    return When.at(datetime.combine(day, begins), end)


def _add_project(session: Session, today: date, now: datetime) -> Project:
    edit = ProjectEdit(
        wordings=wordings("town_hall"),
        period=When.on(today - timedelta(days=120), today + timedelta(days=240)),
        partners=(
            Partner("Prague City Hall", OrganisationRole.PARTNER),
            Partner("Example Fund", OrganisationRole.FUNDER),
        ),
        topics=("project-news",),
    )
    project = projects.create(session, edit, who=WHO, now=now, publish=True)
    project.is_demo = True
    return project


def _add_places(session: Session, now: datetime) -> Mapping[str, int]:
    places = {
        "city_hall": VenueEdit("City Hall, Škodův palác", "Jungmannova 35/29", city="Praha 1"),
        "inbaze": VenueEdit("InBáze", "Legerova 50", city="Praha 2"),
        "kampus": VenueEdit("Kampus Hybernská", "Hybernská 4", city="Praha 1"),
    }
    return {key: venues.create(session, edit, who=WHO, now=now).id for key, edit in places.items()}


def _add_events(
    session: Session, project: Project, places: Mapping[str, int], today: date, now: datetime
) -> None:
    for edit in (
        _networking(places, today),
        _two_sessions(project, places, today),
        _insurance(today),
        _public_speaking(project, places, today),
        _festival(today),
    ):
        events.create(session, edit, who=WHO, now=now, publish=True).is_demo = True


def _networking(places: Mapping[str, int], today: date) -> EventEdit:
    day = today + timedelta(days=5)
    spoken = (Spoken("en"), Spoken("cs"), Spoken("uk", SpokenRole.INTERPRETATION))
    return EventEdit(
        wordings=wordings("networking"),
        sessions=[SessionEdit(_at(day, time(18), time(20)), places["kampus"], spoken=spoken)],
        registration=Registration.RECOMMENDED,
        registration_url="https://example.org/networking",
        has_refreshments=True,
        topics=("events",),
    )


def _two_sessions(project: Project, places: Mapping[str, int], today: date) -> EventEdit:
    first, second = today + timedelta(days=6), today + timedelta(days=8)
    return EventEdit(
        wordings=wordings("your_city"),
        sessions=[
            SessionEdit(
                _at(first, time(17), time(19, 30)),
                places["city_hall"],
                room="room 201, 2nd floor",
                spoken=(Spoken("en"),),
            ),
            SessionEdit(
                _at(second, time(16, 30), time(18, 30)),
                places["inbaze"],
                spoken=(Spoken("cs"),),
            ),
        ],
        registration=Registration.REQUIRED,
        registration_url="https://example.org/your-city",
        topics=("events", "participation"),
        project_id=project.id,
    )


def _insurance(today: date) -> EventEdit:
    spoken = (Spoken("uk"), Spoken("cs", SpokenRole.INTERPRETATION))
    return EventEdit(
        wordings=wordings("insurance"),
        sessions=[
            SessionEdit(_at(today + timedelta(days=15), time(19), time(20, 30)), spoken=spoken)
        ],
        attendance=Attendance.ONLINE,
        online_url="https://example.org/insurance",
        topics=("events", "trainings"),
    )


def _public_speaking(project: Project, places: Mapping[str, int], today: date) -> EventEdit:
    return EventEdit(
        wordings=wordings("speaking", drafts=("cs",)),
        sessions=[
            SessionEdit(
                _at(today + timedelta(days=24), time(17), time(20)),
                places["inbaze"],
                spoken=(Spoken("en"),),
            )
        ],
        registration=Registration.REQUIRED,
        registration_url="https://example.org/workshop",
        topics=("trainings",),
        project_id=project.id,
    )


def _festival(today: date) -> EventEdit:
    month = today.replace(day=1) + timedelta(days=160)
    return EventEdit(
        wordings=wordings("festival"),
        sessions=[SessionEdit(When.month(month.year, month.month))],
        topics=("events",),
    )


def _add_deadlines(session: Session, project: Project, today: date, now: datetime) -> None:
    vote = DeadlineEdit(
        wordings=wordings("vote"),
        kind=DeadlineKind.VOTE,
        closes=_at(today + timedelta(days=9), time(12)),
        url="https://example.org/vote",
        topics=("participation",),
        project_id=project.id,
    )
    call = DeadlineEdit(
        wordings=wordings("grants"),
        kind=DeadlineKind.OPEN_CALL,
        closes=_at(today + timedelta(days=20), time(23, 59)),
        url="https://example.org/grants",
        topics=("participation", "opportunities"),
    )
    for edit in (vote, call):
        deadlines.create(session, edit, who=WHO, now=now, publish=True).is_demo = True


def _add_updates(session: Session, project: Project, now: datetime) -> None:
    result = UpdateEdit(
        wordings=wordings("result"),
        kind=UpdateKind.RESULT,
        published_at=now - timedelta(days=3),
        project_id=project.id,
        is_significant=True,
        url="https://example.org/summary",
        topics=("project-news",),
    )
    news = UpdateEdit(
        wordings=wordings("colleague"),
        published_at=now - timedelta(days=6),
        project_id=project.id,
        topics=("project-news",),
    )
    for edit in (result, news):
        updates.create(session, edit, who=WHO, now=now, publish=True).is_demo = True


def add_late_event(session: Session, now: datetime) -> None:
    """News for the second digest, which would otherwise have nothing new to say."""
    day = now.astimezone(TZ).date() + timedelta(days=12)
    edit = EventEdit(
        wordings=wordings("games"),
        sessions=[SessionEdit(_at(day, time(17), time(19)), spoken=(Spoken("en"), Spoken("uk")))],
        topics=("events",),
    )
    events.create(session, edit, who=WHO, now=now, publish=True).is_demo = True
