"""Deadlines on the desk: the list, the form, and the buttons beside each."""

from typing import Any

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response
from wtforms import FormField, RadioField, SelectField
from wtforms.validators import Optional

from mailer.domain.content import DeadlineKind, ItemKey, ItemKind
from mailer.domain.eligibility import closing_moment, closing_order
from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.message.vocabulary import DEADLINES, N_
from mailer.storage.deadlines import Deadline, as_values, get_deadline, list_all
from mailer.storage.events import as_values as event_values
from mailer.storage.events import list_upcoming
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.usecases import deadlines
from mailer.usecases.deadlines import DeadlineEdit
from mailer.web.admin.content_forms import (
    ContentForm,
    Written,
    link_field,
    load_options,
    load_written,
    text_field,
    with_translations,
)
from mailer.web.admin.content_pages import Page, attempt, go, marks, pressed, render, typed
from mailer.web.admin.when_form import ClosingForm, fields_of
from mailer.web.auth import requires, who
from mailer.web.parts import _, now, session, words

blueprint = Blueprint("deadlines", __name__)


class DeadlineForm(ContentForm):
    """Something to do, and by when."""

    texts = ("title", "summary")

    kind = RadioField(
        N_("What can people do?"),
        choices={kind.value: name for kind, name in DEADLINES.items()},
        default=DeadlineKind.OPEN_CALL.value,
    )
    closes = FormField(ClosingForm)
    summary = text_field("summary")
    url = link_field(N_("Link to take part"))
    event = SelectField(N_("Belongs to the event"), [Optional()], choices={}, default="")

    def edit(self, source_lang: str) -> DeadlineEdit:
        """The deadline as it was typed."""
        return DeadlineEdit(
            wordings=self.read_wordings(source_lang),
            kind=DeadlineKind(self.kind.data),
            closes=self.closes.form.when,
            url=self.url.data or "",
            topics=tuple(self.topics.data or ()),
            project_id=self.project_id,
            event_id=int(self.event.data) if self.event.data else None,
        )

    def put_mistake(self, error: Invalid) -> None:
        if error.field == "closes":
            self.closes.form.put_mistake(str(error))
        else:
            super().put_mistake(error)


@blueprint.get("/desk/deadlines")
@requires(Permission.VIEW)
def show_all() -> str:
    """What is still open, soonest first; above it what needs a day; below it what has passed."""
    langs = list_content_languages(session())
    values = as_values(session(), list_all(session()))
    rows = [(one, marks((one.title, one.summary), langs)) for one in values]
    rows.sort(key=lambda row: closing_order(row[0].closes))
    moments = [(row, closing_moment(row[0].closes)) for row in rows]
    undecided = [row for row, closes_at in moments if closes_at is None]
    open_now = [row for row, closes_at in moments if closes_at and closes_at > now()]
    past = [row for row, closes_at in moments if closes_at and closes_at <= now()]
    return render(
        "admin/deadlines/list.html",
        groups=((N_("These need an exact day"), undecided), (N_("Open"), open_now)),
        past=past[::-1],
        kinds=DEADLINES,
    )


@blueprint.route("/desk/deadlines/new", methods=["GET", "POST"])
@requires(Permission.WRITE)
def create() -> Page:
    """A new deadline."""
    form = _offer(DeadlineForm(typed(), written_in=get_fallback(session())))
    if request.method == "GET":
        return _show(form)
    if not form.validate():
        return _show(form, 422)
    source = form.written_in.data or get_fallback(session())

    def save() -> None:
        edit, is_published = form.edit(source), pressed() == "publish"
        deadlines.create(session(), edit, who=who(), now=now(), publish=is_published)

    status = attempt(form, save)
    return _show(form, status) if status else _leave()


@blueprint.route("/desk/deadlines/<int:deadline_id>", methods=["GET", "POST"])
@requires(Permission.WRITE)
def change(deadline_id: int) -> Page:
    """The form of a saved deadline."""
    deadline = get_deadline(session(), deadline_id)
    written = load_written(session(), ItemKey(ItemKind.DEADLINE, deadline.id), DeadlineForm.texts)
    form = _build_form(deadline, written)
    if request.method == "GET":
        return _show(form, deadline=deadline, written=written)
    if not form.validate():
        return _show(form, 422, deadline=deadline, written=written)

    def save() -> None:
        deadlines.change(
            session(),
            deadline.id,
            form.edit(written.source_lang),
            revision=form.seen_revision,
            who=who(),
            now=now(),
            publish=pressed() == "publish",
        )

    status = attempt(form, save, deadline.revision)
    return _show(form, status, deadline=deadline, written=written) if status else _leave()


@blueprint.post("/desk/deadlines/<int:deadline_id>/publish")
@requires(Permission.WRITE)
def publish(deadline_id: int) -> Response:
    """Offer it to the next newsletter."""
    deadlines.publish(session(), deadline_id, who=who(), now=now())
    flash(_("Published. The next newsletter can carry it."))
    return go(url_for("deadlines.show_all"))


@blueprint.post("/desk/deadlines/<int:deadline_id>/withdraw")
@requires(Permission.WRITE)
def withdraw(deadline_id: int) -> Response:
    """Leave it out from now on."""
    deadlines.withdraw(session(), deadline_id, who=who(), now=now())
    flash(_("Withdrawn. Nothing was sent."))
    return go(url_for("deadlines.show_all"))


@blueprint.post("/desk/deadlines/<int:deadline_id>/duplicate")
@requires(Permission.WRITE)
def duplicate(deadline_id: int) -> Response:
    """A copy to be given a new day."""
    copy = deadlines.duplicate(session(), deadline_id, who=who(), now=now())
    flash(_("This is the copy. Give it a date."))
    return go(url_for("deadlines.change", deadline_id=copy.id))


def _build_form(deadline: Deadline, written: Written) -> Any:
    langs = list_content_languages(session())
    others = [lang for lang in langs if lang != written.source_lang]
    form = with_translations(DeadlineForm, others)
    return _offer(
        form(
            typed(),
            revision=str(deadline.revision),
            kind=deadline.kind.value,
            closes=fields_of(deadline.closes),
            url=deadline.url,
            topics=list(deadline.topics),
            project=str(deadline.project_id or ""),
            event=str(deadline.event_id or ""),
            **written.fields,
        ),
        deadline.event_id,
    )


def _offer(form: Any, event_id: int | None = None) -> Any:
    """The form with its choices: coming events, and the one that it has."""
    form.offer(load_options(session(), words().lang))
    coming = event_values(session(), list_upcoming(session(), now().date()))
    choices = {"": "–", **{str(one.id): one.title.source() for one in coming}}
    if event_id:
        choices.setdefault(str(event_id), _("the event it has now"))
    form.event.choices = choices
    return form


def _show(
    form: Any,
    status: int = 200,
    *,
    deadline: Deadline | None = None,
    written: Written | None = None,
) -> tuple[str, int]:
    source = written.source_lang if written else ""
    page = render(
        "admin/deadlines/form.html",
        form=form,
        thing=deadline,
        written=written,
        source_lang=source,
    )
    return page, status


def _leave() -> Response:
    published = pressed() == "publish"
    flash(_("Published. The next newsletter can carry it.") if published else _("Saved."))
    return go(url_for("deadlines.show_all"))
