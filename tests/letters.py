"""Newsletters for tests, brought to any point of their life by the real use-cases."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain.portion import Portion
from mailer.message.render import Renderer
from mailer.storage.db import Sessions
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.usecases import newsletters, sending
from mailer.usecases.preparing import Preparation
from mailer.usecases.setup import set_up

BASE_URL = "https://news.example.org"
WHO = "anna@example.org"
GRACE = timedelta(minutes=10)
"""As configured where nobody says otherwise."""


def add_letter(session: Session, now: datetime, **texts: str) -> Newsletter:
    """A draft letter: a Markdown body per language, English if none is named."""
    set_up(session, None, now)
    letter = newsletters.new_letter(session, "Hello", (), WHO, now)
    bodies = texts or {"en": "Good news for **everybody**."}
    written = {lang: (f"Subject {lang}", "", body) for lang, body in bodies.items()}
    newsletters.edit(session, letter, "Hello", (), written, WHO, now)
    return letter


def start_letter(sessions: Sessions, now: datetime, **texts: str) -> int:
    """A letter that is being sent to every confirmed subscriber; its id."""
    with sessions() as session:
        letter = add_letter(session, now, **texts)
        newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
        newsletter_id = letter.id
    with sessions() as session:
        sending.start_due(session, now)
    prepare(sessions, newsletter_id, now)
    return newsletter_id


def prepare(sessions: Sessions, newsletter_id: int, now: datetime, chunk: int = 1000) -> None:
    """Write the audience down, as the clock would."""
    readers = Portion(chunk, smallest=chunk, largest=chunk)
    preparation = Preparation(newsletter_id, Renderer(BASE_URL), readers)
    more = True
    while more:
        with sessions() as session:
            more = preparation.step(session, now)


def read_newsletter(sessions: Sessions, newsletter_id: int) -> Newsletter:
    with sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
        session.refresh(newsletter, ["variants"])
        return newsletter
