"""What a coordinator types into the forms of the desk's content, and what is stored of it."""

import re
from collections.abc import Mapping

from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from mailer.domain import content
from mailer.domain.when import When
from mailer.storage import events as event_rows
from mailer.usecases import events
from tests.usecases.edits import ANNA, event_edit
from tests.web.desk import Browser, Desk
from tests.web.pages import read_form

MEETUP = {
    "title": "Prague 7 meetup",
    "written_in": "en",
    "sessions-0-kind": "time",
    "sessions-0-day": "2026-12-07",
    "sessions-0-start": "17:30",
    "sessions-0-end": "20:00",
    "sessions-0-main": ["cs", "en"],
    "sessions-0-status": "scheduled",
    "attendance": "in_person",
    "registration": "none",
    "is_free": "y",
}


def send(
    browser: Browser, path: str, values: Mapping[str, object], action: str, *, field: str = "title"
) -> TestResponse:
    """Fill in the form that `path` shows, over what it carries already, and press a button."""
    form = read_form(browser.read(path), field)
    for name, value in values.items():
        form.setlist(name, value if isinstance(value, list) else [value])
    form["action"] = action
    return browser.client.post(path, data=form)


def refill(browser: Browser, path: str, answer: TestResponse, **changes: str) -> TestResponse:
    """Change something in the form that an answer shows, and send that."""
    form = read_form(answer.text, "title")
    for name, value in changes.items():
        form[name] = value
    return browser.client.post(path, data=form)


def add_event(desk: Desk, *whens: When, **changes: object) -> int:
    with desk.sessions() as session:
        edit = event_edit("Prague 7 meetup", *whens, **changes)
        return events.create(session, edit, who=ANNA, now=desk.now, publish=True).id


def get_event(session: Session, event_id: int = 1) -> content.Event:
    return event_rows.as_values(session, [event_rows.get_event(session, event_id)])[0]


def headings(html: str) -> list[str]:
    return [re.sub("<[^>]+>", "", found) for found in re.findall("<h3>(.*?)</h3>", html)]
