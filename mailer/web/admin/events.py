"""Events on the desk: the list, the form, and the buttons beside each event."""

from typing import Any

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.content import ItemKey, ItemKind
from mailer.domain.permissions import Permission
from mailer.i18n import get_language
from mailer.storage.events import Event, get_event
from mailer.storage.languages import get_fallback
from mailer.usecases import events
from mailer.web.admin.content_forms import Written, load_options, load_written, with_translations
from mailer.web.admin.content_pages import Page, attempt, go, pressed, render, typed
from mailer.web.admin.event_forms import EventForm, event_fields
from mailer.web.admin.event_list import Wanted, list_events
from mailer.web.auth import requires, who
from mailer.web.parts import _, now, session, words

blueprint = Blueprint("events", __name__)


@blueprint.get("/desk/events")
@requires(Permission.VIEW)
def show_all() -> str:
    """Events soonest first; above them those whose date needs a decision."""
    wanted = Wanted.from_query(request.args)
    options = load_options(session(), words().lang)
    groups = list_events(session(), wanted, words().lang, now())
    return render(
        "admin/events/list.html",
        groups=groups,
        wanted=wanted,
        options=options,
        language_names={code: get_language(code).endonym for code in options.content_languages},
    )


@blueprint.route("/desk/events/new", methods=["GET", "POST"])
@requires(Permission.WRITE)
def create() -> Page:
    """A new event, in the language that the coordinator writes in."""
    form = EventForm(typed(), written_in=get_fallback(session()))
    form.offer(load_options(session(), words().lang))
    if request.method == "GET":
        return _show(form)
    if pressed() not in ("save", "publish"):
        return _rearrange(form)
    if not form.validate():
        return _show(form, 422)
    source = form.written_in.data or get_fallback(session())
    made: list[Event] = []

    def save() -> None:
        edit, is_published = form.edit(source), pressed() == "publish"
        made.append(events.create(session(), edit, who=who(), now=now(), publish=is_published))

    status = attempt(form, save)
    return _show(form, status) if status else _leave(made[0].id)


@blueprint.route("/desk/events/<int:event_id>", methods=["GET", "POST"])
@requires(Permission.WRITE)
def change(event_id: int) -> Page:
    """The form of a saved event, with a part for each language."""
    event = get_event(session(), event_id)
    written = load_written(session(), ItemKey(ItemKind.EVENT, event.id), EventForm.texts)
    form = _build_form(event, written)
    if request.method == "GET":
        return _show(form, event=event, written=written)
    if pressed() not in ("save", "publish"):
        return _rearrange(form, event=event, written=written)
    if not form.validate():
        return _show(form, 422, event=event, written=written)
    return _save(form, event, written)


@blueprint.post("/desk/events/<int:event_id>/publish")
@requires(Permission.WRITE)
def publish(event_id: int) -> Response:
    """Show it to readers."""
    events.publish(session(), event_id, who=who(), now=now())
    flash(_("Published. The next newsletter can carry it."))
    return go(url_for("events.show_all"))


@blueprint.post("/desk/events/<int:event_id>/withdraw")
@requires(Permission.WRITE)
def withdraw(event_id: int) -> Response:
    """Take it off the pages."""
    events.withdraw(session(), event_id, who=who(), now=now())
    flash(_("Withdrawn. Readers do not see it any more, and nothing was sent."))
    return go(url_for("events.show_all"))


@blueprint.post("/desk/events/<int:event_id>/duplicate")
@requires(Permission.WRITE)
def duplicate(event_id: int) -> Response:
    """A copy to be given a new date."""
    event = events.duplicate(session(), event_id, who=who(), now=now())
    flash(_("This is the copy. Give it a date."))
    return go(url_for("events.change", event_id=event.id))


def _build_form(event: Event, written: Written) -> Any:
    options = load_options(session(), words().lang)
    others = [lang for lang in options.content_languages if lang != written.source_lang]
    form = with_translations(EventForm, others)
    filled = form(typed(), **event_fields(event), **written.fields)
    filled.offer(options)
    return filled


def _save(form: Any, event: Event, written: Written) -> Page:
    def save() -> None:
        events.change(
            session(),
            event.id,
            form.edit(written.source_lang),
            revision=form.seen_revision,
            who=who(),
            now=now(),
            publish=pressed() == "publish",
        )

    status = attempt(form, save, event.revision)
    return _show(form, status, event=event, written=written) if status else _leave(event.id)


def _rearrange(form: Any, **page: Any) -> Page:
    """One session more or less, or fields filled from a pasted text. Nothing is saved."""
    action, _dash, place = pressed().partition("-")
    announcement = None
    if action == "add":
        form.add_session()
    elif action == "remove" and place.isdecimal():
        form.remove_session(int(place))
    elif action == "read":
        announcement = form.fill_from_pasted(now().date())
    return _show(form, announcement=announcement, **page)


def _show(
    form: Any,
    status: int = 200,
    *,
    event: Event | None = None,
    written: Written | None = None,
    announcement: Any = None,
) -> tuple[str, int]:
    page = render(
        "admin/events/form.html",
        form=form,
        event=event,
        written=written,
        announcement=announcement,
        source_lang=written.source_lang if written else "",
        content_count=len(form.written_in.choices),
    )
    return page, status


def _leave(event_id: int) -> Response:
    if pressed() == "publish":
        flash(_("Published. The next newsletter can carry it."))
        return go(url_for("events.show_all"))
    flash(_("Saved."))
    return go(url_for("events.change", event_id=event_id))
