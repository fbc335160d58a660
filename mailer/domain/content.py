"""What a newsletter can carry: events, deadlines, projects, updates, as values.

Storage fills these from its tables and the composer reads them; they refuse to know either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mailer.domain.texts import Texts
from mailer.domain.when import When


class ItemKind(StrEnum):
    EVENT = "event"
    DEADLINE = "deadline"
    UPDATE = "update"
    PROJECT = "project"


class ItemKey(NamedTuple):
    """Names one item that a newsletter can carry."""

    kind: ItemKind
    id: int


class Status(StrEnum):
    SCHEDULED = "scheduled"
    TENTATIVE = "tentative"
    RESCHEDULED = "rescheduled"
    POSTPONED = "postponed"
    MOVED_ONLINE = "moved_online"
    CANCELLED = "cancelled"


class Attendance(StrEnum):
    IN_PERSON = "in_person"
    ONLINE = "online"
    HYBRID = "hybrid"


class Registration(StrEnum):
    NONE = "none"
    RECOMMENDED = "recommended"
    REQUIRED = "required"
    WAITLIST = "waitlist"
    FULL = "full"
    CLOSED = "closed"


class Visibility(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class SpokenRole(StrEnum):
    MAIN = "main"
    INTERPRETATION = "interpretation"
    MATERIALS = "materials"
    ON_REQUEST = "on_request"
    SIGN = "sign"


class DeadlineKind(StrEnum):
    VOTE = "vote"
    OPEN_CALL = "open_call"
    REGISTRATION = "registration"
    APPLICATION = "application"


class UpdateKind(StrEnum):
    NEWS = "news"
    MILESTONE = "milestone"
    RESULT = "result"
    DOCUMENT = "document"
    CALL = "call"


class ProjectStatus(StrEnum):
    UNKNOWN = "unknown"
    PLANNED = "planned"
    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Venue:
    name: Texts
    street: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    lang: str
    role: SpokenRole = SpokenRole.MAIN


@dataclass(frozen=True, slots=True)
class Session:
    """One sitting of an event, with its own time, place and languages."""

    when: When
    venue: Venue | None = None
    room: str = ""
    spoken: tuple[Spoken, ...] = ()
    status: Status = Status.SCHEDULED


@dataclass(frozen=True, slots=True)
class Event:
    """`revision` is the material one: it moves when title, time, place or status do."""

    id: int
    slug: str
    title: Texts
    sessions: tuple[Session, ...]
    summary: Texts = field(default_factory=Texts)
    status: Status = Status.SCHEDULED
    attendance: Attendance = Attendance.IN_PERSON
    online_url: str = ""
    registration: Registration = Registration.NONE
    registration_url: str = ""
    is_free: bool = True
    has_refreshments: bool = False
    topics: frozenset[str] = frozenset()
    project_ids: tuple[int, ...] = ()
    revision: int = 1
    visibility: Visibility = Visibility.PUBLISHED

    @property
    def key(self) -> ItemKey:
        return ItemKey(ItemKind.EVENT, self.id)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something to do by a moment: vote, apply, register."""

    id: int
    kind: DeadlineKind
    title: Texts
    closes: When
    summary: Texts = field(default_factory=Texts)
    url: str = ""
    topics: frozenset[str] = frozenset()
    project_id: int | None = None
    revision: int = 1
    visibility: Visibility = Visibility.PUBLISHED

    @property
    def key(self) -> ItemKey:
        return ItemKey(ItemKind.DEADLINE, self.id)


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    slug: str
    title: Texts
    period: When
    summary: Texts = field(default_factory=Texts)
    funder_ack: Texts = field(default_factory=Texts)
    topics: frozenset[str] = frozenset()
    status_override: ProjectStatus | None = None
    visibility: Visibility = Visibility.PUBLISHED

    @property
    def key(self) -> ItemKey:
        return ItemKey(ItemKind.PROJECT, self.id)

    def status(self, now: datetime) -> ProjectStatus:
        """Computed from the period, unless a coordinator said otherwise: pasted texts go stale."""
        if self.status_override:
            return self.status_override
        if self.period.starts_on is None:
            return ProjectStatus.UNKNOWN
        if self.period.is_over(now):
            return ProjectStatus.FINISHED
        return ProjectStatus.ACTIVE if self.period.has_begun(now) else ProjectStatus.PLANNED


@dataclass(frozen=True, slots=True)
class Update:
    """News of a project. `published_at` is aware, UTC."""

    id: int
    title: Texts
    published_at: datetime
    project_id: int | None = None
    teaser: Texts = field(default_factory=Texts)
    kind: UpdateKind = UpdateKind.NEWS
    url: str = ""
    is_significant: bool = False
    topics: frozenset[str] = frozenset()
    revision: int = 1
    visibility: Visibility = Visibility.PUBLISHED

    @property
    def key(self) -> ItemKey:
        return ItemKey(ItemKind.UPDATE, self.id)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a digest may draw on, as it stood at `taken_at` (aware, UTC)."""

    taken_at: datetime
    events: tuple[Event, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    updates: tuple[Update, ...] = ()
    projects: tuple[Project, ...] = ()

    def keys(self) -> frozenset[ItemKey]:
        """Every item in it."""
        groups = (self.events, self.deadlines, self.updates, self.projects)
        return frozenset(item.key for group in groups for item in group)

    def projects_by_id(self) -> Mapping[int, Project]:
        return {project.id: project for project in self.projects}
