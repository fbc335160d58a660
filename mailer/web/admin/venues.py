"""Places on the desk: a list, and a form for each."""

from typing import Any

from flask import Blueprint, flash, request, url_for
from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.domain.texts import Texts
from mailer.i18n import get_language
from mailer.message.vocabulary import N_
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.texts import load_texts
from mailer.storage.venues import Venue, load_venues
from mailer.usecases import venues
from mailer.usecases.venues import LONGEST_NAME, VenueEdit, get_venue
from mailer.web.admin.content_pages import Page, go, render, typed
from mailer.web.auth import requires, who
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import _, now, session

blueprint = Blueprint("venues", __name__)


class VenueForm(DeskForm):
    """A place; its names in other languages are added by `_form_class`."""

    name = StringField(N_("Name"), [InputRequired(), Length(max=LONGEST_NAME)])
    street = StringField(N_("Street and number"), [Optional(), Length(max=200)])
    postcode = StringField(N_("Postcode"), [Optional(), Length(max=20)])
    city = StringField(N_("Town"), [Optional(), Length(max=100)])
    district = StringField(N_("District"), [Optional(), Length(max=100)])
    access_note = StringField(
        N_("How to get in"),
        [Optional(), Length(max=500)],
        description=N_("Steps, a lift, a bell to ring: whatever somebody should know."),
    )


@blueprint.get("/desk/venues")
@requires(Permission.VIEW)
def show_all() -> str:
    """Places by name."""
    places = sorted(
        load_venues(session()).items(), key=lambda item: item[1].name.source().casefold()
    )
    return render("admin/venues/list.html", places=places)


@blueprint.route("/desk/venues/<int:venue_id>", methods=["GET", "POST"])
@requires(Permission.WRITE)
def change(venue_id: int) -> Page:
    """Correct a place."""
    venue = get_venue(session(), venue_id)
    names = load_texts(session(), "venue", [venue.id]).get(venue.id, {}).get("name")
    names = names or Texts(get_fallback(session()))
    form = _build_form(venue, names)
    if request.method == "GET":
        return _show(form)
    if not form.validate():
        return _show(form, 422)
    try:
        venues.change(session(), venue.id, _edit(form, names.source_lang), who=who(), now=now())
    except Invalid as mistake:
        show_mistake(form, mistake)
        return _show(form, 422)
    flash(_("Saved."))
    return go(url_for("venues.show_all"))


def _build_form(venue: Venue, names: Texts) -> Any:
    others = [lang for lang in list_content_languages(session()) if lang != names.source_lang]
    fields = {
        f"name_{lang}": StringField(
            get_language(lang).endonym, [Optional(), Length(max=LONGEST_NAME)]
        )
        for lang in others
    }
    known = {f"name_{lang}": names.pick((lang,), lang).text for lang in others}
    known = {name: text if name[5:] in names.by_lang else "" for name, text in known.items()}
    return type("VenueForm", (VenueForm,), fields)(
        typed(),
        name=names.source(),
        street=venue.street,
        postcode=venue.postcode,
        city=venue.city,
        district=venue.district,
        access_note=venue.access_note,
        **known,
    )


def _edit(form: Any, source_lang: str) -> VenueEdit:
    prefix = "name_"
    return VenueEdit(
        name=form.name.data,
        street=form.street.data or "",
        postcode=form.postcode.data or "",
        city=form.city.data or "",
        district=form.district.data or "",
        access_note=form.access_note.data or "",
        source_lang=source_lang,
        names={
            field.name.removeprefix(prefix): field.data or ""
            for field in form
            if field.name.startswith(prefix)
        },
    )


def _show(form: Any, status: int = 200) -> tuple[str, int]:
    others = [field for field in form if field.name.startswith("name_")]
    return render("admin/venues/form.html", form=form, others=others), status
