"""Newsletters on a desk for tests, brought to any point of their life; and what pages ask for."""

import re
from collections.abc import Callable, Mapping
from html import unescape

from sqlalchemy import event, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from mailer.domain.association import Association
from mailer.domain.delivery import DeliveryState
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.plans import get_plan
from mailer.storage.settings import save_association
from mailer.storage.suppressions import Scope, suppress
from mailer.usecases import events, newsletters, sending
from mailer.usecases.plans import make_next_issue
from tests.letters import GRACE, WHO, add_letter, prepare
from tests.people import add_subscriber
from tests.usecases.edits import ANNA, EVENING, event_edit, translated
from tests.web.desk import Browser, Desk
from tests.web.pages import read_form

ROOT = "/desk/newsletters"
_INLINE = re.compile(r"</?(?:bdi|span|strong)\b[^>]*>")
_TAG = re.compile(r"<[^>]+>")


def add_readers(desk: Desk, **languages: int) -> None:
    """So many confirmed readers per language, and a sender who may be named."""
    with desk.sessions() as session:
        save_association(session, Association("MigAct", address="Example Street 1"), desk.now)
        for lang, number in languages.items():
            for place in range(number):
                address = f"{lang}{place}@example.org"
                add_subscriber(session, address, desk.now, language=lang)


def add_draft(desk: Desk, **texts: str) -> int:
    with desk.sessions() as session:
        return add_letter(session, desk.now, **texts).id


def add_event(desk: Desk, title: str, when: When = EVENING) -> None:
    """A published event in English, with a Czech translation."""
    with desk.sessions() as session:
        wordings = translated(title, "cs", TextState.REVIEWED, "Setkání")
        edit = event_edit(title, when, wordings=wordings, topics=("events",))
        events.create(session, edit, who=ANNA, now=desk.now, publish=True)


def add_issue(desk: Desk) -> int:
    """The draft of the next weekly digest."""
    with desk.sessions() as session:
        return make_next_issue(session, get_plan(session, "weekly"), WHO, desk.now).id


def approve(desk: Desk, newsletter_id: int) -> None:
    with desk.sessions() as session:
        letter = get_newsletter(session, newsletter_id)
        newsletters.approve(session, letter, None, WHO, desk.now, grace=GRACE)


def start(desk: Desk, newsletter_id: int) -> None:
    """Approve it and write its audience down: it is being sent."""
    approve(desk, newsletter_id)
    desk.now += GRACE
    with desk.sessions() as session:
        sending.start_due(session, desk.now)
    prepare(desk.sessions, newsletter_id, desk.now)


def settle(desk: Desk, newsletter_id: int, *states: DeliveryState) -> None:
    """Give the first mails these states; the newsletter is sent if nothing is left."""
    with desk.sessions() as session:
        rows = session.scalars(
            select(Delivery).where(Delivery.newsletter_id == newsletter_id).order_by(Delivery.id)
        )
        for row, state in zip(rows, states, strict=False):
            row.state, row.attempts, row.changed_at = state, 1, desk.now
            row.next_at = row.next_at if state == DeliveryState.DEFERRED else None
        session.flush()
        sending.finish_done(session, desk.now)


def change(desk: Desk, newsletter_id: int, act: Callable[[Session, Newsletter], object]) -> None:
    with desk.sessions() as session:
        act(session, get_newsletter(session, newsletter_id))


def bury(desk: Desk, *places: int) -> None:
    """The addresses of these mails are dead: nothing may go there any more."""
    mails = desk.mails()
    with desk.sessions() as session:
        for place in places:
            key = mails[place].address_key
            suppress(session, key, Scope.EVERYTHING, "bounced", desk.now)


def fill(browser: Browser, path: str, changes: Mapping[str, str]) -> MultiDict[str, str]:
    """The form of a draft as the browser would send it after somebody typed."""
    form = read_form(browser.read(path), "seen")
    for name, value in changes.items():
        form[name] = value
    return form


def read_state(desk: Desk, newsletter_id: int) -> str:
    with desk.sessions() as session:
        return get_newsletter(session, newsletter_id).state.value


def say(html: str) -> str:
    """What a page says, without its markup, on one line."""
    return " ".join(unescape(_TAG.sub(" ", _INLINE.sub("", html))).split())


def count_queries(desk: Desk, browser: Browser, path: str) -> int:
    """How many questions a page asks of the database."""
    asked: list[str] = []

    def note(*call: object) -> None:
        asked.append(str(call[2]))

    with desk.app.extensions["mailer"].reading() as session:
        engine = session.get_bind().engine
    event.listen(engine, "before_cursor_execute", note)
    browser.read(path)
    event.remove(engine, "before_cursor_execute", note)
    return len(asked)
