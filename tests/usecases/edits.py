"""What a coordinator would type, for tests that need it typed: only the point differs."""

from datetime import datetime

from mailer.domain.content import Spoken, SpokenRole
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.usecases.editing import Wording, Wordings
from mailer.usecases.events import EventEdit, SessionEdit

ANNA = "anna@migact.example"
EVENING = When.at(datetime(2026, 12, 7, 17, 30), datetime(2026, 12, 7, 20, 0))
NEXT_DAY = When.at(datetime(2026, 12, 8, 18, 0), datetime(2026, 12, 8, 20, 0))


def words(title: str, lang: str = "en", **fields: str) -> Wordings:
    """Texts in one language, its source."""
    return Wordings(lang, {lang: Wording({"title": title, **fields})})


def translated(title: str, lang: str, state: TextState, text: str, **extra: bool) -> Wordings:
    """An English title and its translation."""
    by_lang = {"en": Wording({"title": title}), lang: Wording({"title": text}, state, **extra)}
    return Wordings("en", by_lang)


def event_edit(title: str = "Prague 7 meetup", *whens: When, **changes: object) -> EventEdit:
    """An event in Czech and English on Monday 7 December unless said otherwise."""
    spoken = (Spoken("cs"), Spoken("en", SpokenRole.INTERPRETATION))
    sessions = tuple(SessionEdit(when, spoken=spoken) for when in whens or (EVENING,))
    values: dict[str, object] = {"wordings": words(title), "sessions": sessions}
    return EventEdit(**(values | changes))  # type: ignore[arg-type]  # tests choose the fields
