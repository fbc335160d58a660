"""What the pages of events, deadlines, projects and updates share: which button was pressed, and
how a list marks its things."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from mailer.domain.content import Status, Visibility
from mailer.domain.errors import Invalid, Refused
from mailer.domain.texts import Texts
from mailer.domain.translating import Progress, progress
from mailer.domain.when import When
from mailer.i18n import get_language
from mailer.message.dates import in_words
from mailer.message.vocabulary import N_
from mailer.web.parts import words

EVERYBODY = "UTC"
"""The zone of nobody in particular: a time seen from there is told with its own."""

Page = Response | str | tuple[str, int]

VISIBILITIES = {
    Visibility.DRAFT: (N_("Draft"), "yellow"),
    Visibility.PUBLISHED: (N_("Published"), "green"),
    Visibility.WITHDRAWN: (N_("Withdrawn"), "grey"),
}
"""The words for a visibility and the tone of its badge."""

STATUSES = {
    Status.TENTATIVE: (N_("Not certain yet"), "yellow"),
    Status.RESCHEDULED: (N_("Moved"), "blue"),
    Status.POSTPONED: (N_("Postponed"), "yellow"),
    Status.MOVED_ONLINE: (N_("Moved online"), "blue"),
    Status.CANCELLED: (N_("Cancelled"), "red"),
}
"""Likewise for a status; an event that simply takes place has none."""

PROGRESS = {
    Progress.READY: ("✓", N_("ready"), "green"),
    Progress.BEGUN: ("~", N_("not finished"), "yellow"),
    Progress.MISSING: ("–", N_("missing"), "grey"),
}


class Mark(NamedTuple):
    """How far a thing is in one language: a sign to see, words to hear."""

    lang: str
    name: str
    sign: str
    said: str
    tone: str


def marks(fields: Sequence[Texts], langs: Sequence[str]) -> list[Mark]:
    """A mark for each content language."""
    return [
        Mark(lang, get_language(lang).endonym, *PROGRESS[progress(fields, lang)]) for lang in langs
    ]


def is_finished(fields: Sequence[Texts], lang: str) -> bool:
    return progress(fields, lang) is Progress.READY


def render(template: str, **values: Any) -> str:
    """A page of the desk's content, with the words that all of them use."""
    return render_template(
        template,
        visibilities=VISIBILITIES,
        statuses=STATUSES,
        when_words=say_when,
        **values,
    )


def say_when(when: When) -> str:
    """A moment in full, with its weekday, and by whose clock."""
    return in_words(when, words().lang, full=True, tz=EVERYBODY)


def typed() -> MultiDict[str, str] | None:
    """What was sent with the form; None when the page was only opened, so that the form shows
    what is saved."""
    return request.form if request.method == "POST" else None


def pressed() -> str:
    """The name of the button that sent the form; saving is what the Enter key means."""
    return request.form.get("action", "save")


def go(url: str) -> Response:
    """To `url`, by GET."""
    return redirect(url, HTTPStatus.SEE_OTHER)


def attempt(form: Any, act: Callable[[], object], current: int = 0) -> int:
    """Run a use-case: 0 when it is done, else the status to show the form with once more.

    `current` is the revision that is saved now. After a conflict the form carries it, so that
    sending it again replaces the version that came between: the refusal has said so.
    """
    try:
        act()
    except Invalid as mistake:
        form.put_mistake(mistake)
        return HTTPStatus.UNPROCESSABLE_ENTITY
    except Refused as refusal:
        form.form_errors.append(str(refusal))
        form.revision.data = str(current)
        return HTTPStatus.CONFLICT
    return 0
