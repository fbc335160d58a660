"""The page for news of an event: another date, another way, off, or on again."""

from typing import Any

from flask import Blueprint, flash, request, url_for
from wtforms import FieldList, FormField, HiddenField, RadioField

from mailer.domain.content import Status
from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.message.vocabulary import N_
from mailer.storage.events import Event, as_values, get_event
from mailer.usecases import event_changes
from mailer.web.admin.content_forms import link_field
from mailer.web.admin.content_pages import Page, attempt, go, render, typed
from mailer.web.admin.when_form import NONE, WhenForm, fields_of
from mailer.web.auth import requires, who
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import _, now, session

blueprint = Blueprint("event_changes", __name__)

CHOICES = {
    "move": N_("It moves to a new date"),
    "postpone": N_("It is postponed, the new date is not known yet"),
    "online": N_("It moves online, at the same time"),
    "cancel": N_("It is cancelled"),
    "reinstate": N_("It takes place after all"),
}
_OFF = (Status.CANCELLED, Status.POSTPONED)


class NewsForm(DeskForm):
    """What happened, and what goes with it."""

    revision = HiddenField(default="0")
    news = RadioField(N_("What happened?"), choices=CHOICES)
    sessions = FieldList(FormField(WhenForm))
    online_url = link_field(N_("Link to join online"), N_("Leave it empty if you send it later."))

    def validate(self, extra_validators: Any = None) -> bool:
        """The dates count only when it moves: nobody has to fill in the others."""
        if self.news.data != "move":
            for entry in self.sessions:
                entry.form.kind.data = NONE
        return super().validate(extra_validators)

    def put_mistake(self, error: Invalid) -> None:
        name, _dash, place = error.field.rpartition("-")
        if name == "sessions" and int(place) < len(self.sessions):
            self.sessions[int(place)].form.put_mistake(str(error))
            self.sessions.errors = [entry.form.errors for entry in self.sessions]
        else:
            show_mistake(self, error)


@blueprint.route("/desk/events/<int:event_id>/news", methods=["GET", "POST"])
@requires(Permission.WRITE)
def tell(event_id: int) -> Page:
    """Cancel or move. Readers see it on the page at once; no mail leaves from here."""
    event = get_event(session(), event_id)
    form = _build_form(event)
    if request.method == "GET":
        return _show(form, event)
    if not form.validate():
        return _show(form, event, 422)
    status = attempt(form, lambda: _apply(form, event), event.revision)
    if status:
        return _show(form, event, status)
    flash(_("Saved. The public page says so from now on."))
    return go(url_for("events.show_all"))


def _build_form(event: Event) -> NewsForm:
    rows = [fields_of(row.when) for row in event.sessions]
    form = NewsForm(
        typed(),
        revision=str(event.revision),
        sessions=rows,
        news="reinstate" if event.status is Status.CANCELLED else "move",
        online_url=event.online_url,
    )
    form.news.choices = {
        code: name for code, name in CHOICES.items() if code != "reinstate" or event.status in _OFF
    }
    return form


def _apply(form: NewsForm, event: Event) -> None:
    said = str(form.revision.data)
    revision, by, at = int(said) if said.isdecimal() else 0, who(), now()
    db, key = session(), event.id
    match form.news.data:
        case "move":
            pairs = zip(event.sessions, form.sessions, strict=False)
            whens = {row.id: entry.form.when for row, entry in pairs}
            event_changes.move(db, key, whens, revision=revision, who=by, now=at)
        case "online":
            url = form.online_url.data or ""
            event_changes.move_online(db, key, url, revision=revision, who=by, now=at)
        case "postpone":
            event_changes.postpone(db, key, revision=revision, who=by, now=at)
        case "reinstate":
            event_changes.reinstate(db, key, revision=revision, who=by, now=at)
        case _:
            event_changes.cancel(db, key, revision=revision, who=by, now=at)


def _show(form: NewsForm, event: Event, status: int = 200) -> tuple[str, int]:
    (value,) = as_values(session(), [event])
    return render("admin/events/news.html", form=form, event=event, value=value), status
