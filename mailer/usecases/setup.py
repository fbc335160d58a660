"""What a new service starts with: languages, topics, digests, an association to name."""

from datetime import datetime, time

from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.consent import Cadence
from mailer.domain.schedule import period_key, previous_occurrence
from mailer.domain.texts import TextState
from mailer.storage.languages import Language, list_languages
from mailer.storage.plans import Plan, list_plans
from mailer.storage.settings import find_setting, save_association
from mailer.storage.texts import save_text
from mailer.storage.topics import Topic, list_topics
from mailer.usecases.plans import get_timetable

LANGUAGES = (("en", True), ("cs", True), ("uk", True), ("ru", False), ("vi", False), ("ar", True))
"""Codes in order, and whether the service's own pages are offered in them."""

TOPICS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("events", True, ("Events", "Akce", "Події", "События", "Sự kiện", "الفعاليات")),
    (
        "participation",
        True,
        (
            "Votes and calls",
            "Hlasování a výzvy",
            "Голосування та заклики",
            "Голосования и призывы",
            "Bỏ phiếu và kêu gọi",
            "التصويت والدعوات",
        ),
    ),
    ("trainings", False, ("Trainings", "Školení", "Навчання", "Обучение", "Đào tạo", "التدريبات")),
    (
        "project-news",
        True,
        (
            "Project news",
            "Novinky z projektů",
            "Новини проєктів",
            "Новости проектов",
            "Tin dự án",
            "أخبار المشاريع",
        ),
    ),
    (
        "opportunities",
        False,
        ("Opportunities", "Příležitosti", "Можливості", "Возможности", "Cơ hội", "الفرص"),
    ),
)
"""Slug, ticked at first, and the name in each language of LANGUAGES, in that order."""

PLANS = (
    ("weekly", "Weekly digest", Cadence.WEEKLY),
    ("monthly", "Monthly digest", Cadence.MONTHLY),
)
"""A digest for each rhythm that readers may choose, on Thursdays: each of them, or the first."""


def set_up(session: Session, association: Association | None, now: datetime) -> None:
    """Add what is missing of the starting set. A repeat changes nothing that people have set."""
    if association and find_setting(session, "association") is None:
        save_association(session, association.tidied(), now)
    _add_languages(session)
    _add_topics(session, now)
    _add_plans(session, now)


def _add_languages(session: Session) -> None:
    if list_languages(session):
        return
    for position, (code, for_interface) in enumerate(LANGUAGES):
        session.add(Language(code=code, position=position, for_interface=for_interface))


def _add_topics(session: Session, now: datetime) -> None:
    if list_topics(session):
        return
    for position, (slug, is_default, names) in enumerate(TOPICS):
        topic = Topic(slug=slug, position=position, is_default=is_default)
        session.add(topic)
        session.flush()
        for (lang, _), name in zip(LANGUAGES, names, strict=True):
            state = TextState.SOURCE if lang == "en" else TextState.REVIEWED
            save_text(session, "topic", topic.id, "name", lang, name, state, now)


def _add_plans(session: Session, now: datetime) -> None:
    there = {plan.slug for plan in list_plans(session)}
    for slug, name, cadence in PLANS:
        if slug not in there:
            _add_plan(session, slug, name, cadence, now)


def _add_plan(session: Session, slug: str, name: str, cadence: Cadence, now: datetime) -> None:
    plan = Plan(slug=slug, name=name, cadence=cadence, weekday=3, at=time(9), created_at=now)
    session.add(plan)
    session.flush()
    timetable = get_timetable(plan)
    # An issue from before the service existed is nothing to catch up with.
    plan.last_period = period_key(timetable, previous_occurrence(timetable, now))
