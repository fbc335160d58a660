"""Updates on the desk: the list, the form, and the buttons beside each."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, DateTimeLocalField, SelectField
from wtforms.validators import Optional

from mailer.domain.content import ItemKey, ItemKind, UpdateKind
from mailer.domain.permissions import Permission
from mailer.domain.walltime import to_utc
from mailer.domain.when import DEFAULT_TZ
from mailer.message.vocabulary import N_, UPDATES
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.updates import Update, as_values, get_update, list_all
from mailer.usecases import updates
from mailer.usecases.updates import UpdateEdit
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
from mailer.web.auth import requires, who
from mailer.web.parts import _, now, session, words

blueprint = Blueprint("updates", __name__)


class UpdateForm(ContentForm):
    """A piece of news."""

    texts = ("title", "teaser", "body")

    teaser = text_field("teaser")
    body = text_field("body")
    kind = SelectField(
        N_("What kind of news"), choices={kind.value: name for kind, name in UPDATES.items()}
    )
    url = link_field(N_("Link to read more"))
    published_at = DateTimeLocalField(
        N_("Date of the news (Prague time)"),
        [Optional()],
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        description=N_("Leave it empty for the moment at which you publish it."),
    )
    is_significant = BooleanField(N_("Important: put it first"))

    def edit(self, source_lang: str) -> UpdateEdit:
        """The update as it was typed."""
        wall: datetime | None = self.published_at.data
        return UpdateEdit(
            wordings=self.read_wordings(source_lang),
            kind=UpdateKind(self.kind.data),
            published_at=to_utc(wall, DEFAULT_TZ) if wall else None,
            project_id=self.project_id,
            is_significant=self.is_significant.data,
            url=self.url.data or "",
            topics=tuple(self.topics.data or ()),
        )


@blueprint.get("/desk/updates")
@requires(Permission.VIEW)
def show_all() -> str:
    """News, newest first."""
    langs = list_content_languages(session())
    values = as_values(session(), list_all(session()))
    rows = [(one, marks((one.title, one.teaser), langs)) for one in values]
    projects = load_options(session(), words().lang).projects
    return render("admin/updates/list.html", rows=rows, kinds=UPDATES, projects=projects)


@blueprint.route("/desk/updates/new", methods=["GET", "POST"])
@requires(Permission.WRITE)
def create() -> Page:
    """A new update; `?project=` chooses its project."""
    wanted = request.args.get("project", "")
    form = UpdateForm(typed(), written_in=get_fallback(session()), project=wanted)
    form.offer(load_options(session(), words().lang))
    if request.method == "GET":
        return _show(form)
    if not form.validate():
        return _show(form, 422)
    source = form.written_in.data or get_fallback(session())

    def save() -> None:
        edit, is_published = form.edit(source), pressed() == "publish"
        updates.create(session(), edit, who=who(), now=now(), publish=is_published)

    status = attempt(form, save)
    return _show(form, status) if status else _leave()


@blueprint.route("/desk/updates/<int:update_id>", methods=["GET", "POST"])
@requires(Permission.WRITE)
def change(update_id: int) -> Page:
    """The form of a saved update."""
    update = get_update(session(), update_id)
    written = load_written(session(), ItemKey(ItemKind.UPDATE, update.id), UpdateForm.texts)
    form = _build_form(update, written)
    if request.method == "GET":
        return _show(form, update=update, written=written)
    if not form.validate():
        return _show(form, 422, update=update, written=written)

    def save() -> None:
        updates.change(
            session(),
            update.id,
            form.edit(written.source_lang),
            revision=form.seen_revision,
            who=who(),
            now=now(),
            publish=pressed() == "publish",
        )

    status = attempt(form, save, update.revision)
    return _show(form, status, update=update, written=written) if status else _leave()


@blueprint.post("/desk/updates/<int:update_id>/publish")
@requires(Permission.WRITE)
def publish(update_id: int) -> Response:
    """Offer it to the next newsletter."""
    updates.publish(session(), update_id, who=who(), now=now())
    flash(_("Published. The next newsletter can carry it."))
    return go(url_for("updates.show_all"))


@blueprint.post("/desk/updates/<int:update_id>/withdraw")
@requires(Permission.WRITE)
def withdraw(update_id: int) -> Response:
    """Leave it out from now on."""
    updates.withdraw(session(), update_id, who=who(), now=now())
    flash(_("Withdrawn. Nothing was sent."))
    return go(url_for("updates.show_all"))


def _build_form(update: Update, written: Written) -> Any:
    options = load_options(session(), words().lang)
    others = [lang for lang in options.content_languages if lang != written.source_lang]
    form = with_translations(UpdateForm, others)(
        typed(),
        revision=str(update.revision),
        kind=update.kind.value,
        published_at=update.published_at.astimezone(ZoneInfo(DEFAULT_TZ)).replace(tzinfo=None),
        is_significant=update.is_significant,
        url=update.url,
        topics=list(update.topics),
        project=str(update.project_id or ""),
        **written.fields,
    )
    form.offer(options)
    return form


def _show(
    form: Any, status: int = 200, *, update: Update | None = None, written: Written | None = None
) -> tuple[str, int]:
    source = written.source_lang if written else ""
    page = render(
        "admin/updates/form.html", form=form, thing=update, written=written, source_lang=source
    )
    return page, status


def _leave() -> Response:
    published = pressed() == "publish"
    flash(_("Published. The next newsletter can carry it.") if published else _("Saved."))
    return go(url_for("updates.show_all"))
