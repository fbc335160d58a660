"""What administrators set: who sends, which languages, when the digests come round."""

from dataclasses import asdict, replace
from http import HTTPStatus

from babel.dates import get_day_names
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import (
    BooleanField,
    EmailField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
    URLField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from mailer.domain.association import Association
from mailer.domain.consent import Cadence
from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.domain.schedule import draft_due, next_occurrence
from mailer.i18n import INTERFACE, KNOWN, get_locale
from mailer.message.vocabulary import N_
from mailer.storage.plans import Plan, get_plan, list_plans
from mailer.storage.settings import get_association
from mailer.usecases import settings
from mailer.usecases.plans import get_timetable
from mailer.usecases.settings import LanguageUse, PlanEdit
from mailer.web.auth import requires, who
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import _, now, session, words

blueprint = Blueprint("settings", __name__)

Page = Response | str | tuple[str, int]


class AssociationForm(DeskForm):
    """Who sends, as readers see it."""

    name = StringField(N_("Name that readers know"), [InputRequired(), Length(max=200)])
    legal_name = StringField(N_("Legal name"), [Optional(), Length(max=200)])
    registration_no = StringField(N_("Registration number (IČO)"), [Optional(), Length(max=200)])
    address = StringField(N_("Postal address"), [Optional(), Length(max=200)])
    contact_email = EmailField(N_("E-mail for questions"), [Optional(), Length(max=200)])
    website = URLField(N_("Website"), [Optional(), Length(max=200)])
    about = TextAreaField(N_("About us, in two or three sentences"), [Optional(), Length(max=1000)])


class PlanForm(DeskForm):
    """When a digest comes round."""

    name = StringField(N_("Name"), [InputRequired(), Length(max=100)])
    cadence = SelectField(N_("How often"))
    weekday = SelectField(N_("Weekday"))
    at = TimeField(N_("Time of day"), [InputRequired()])
    draft_lead_hours = IntegerField(
        N_("Hours from draft to sending"), [InputRequired(), NumberRange(0, 167)]
    )
    is_automatic = BooleanField(N_("Send without anybody's approval"))
    is_active = BooleanField(N_("This digest is in use"))

    def name_choices(self) -> None:
        """Name weekdays and rhythms in the language of the page."""
        days = get_day_names("wide", context="stand-alone", locale=get_locale(words().lang))
        self.weekday.choices = {str(day): days[day] for day in range(7)}
        self.cadence.choices = {
            Cadence.WEEKLY.value: _("Every week"),
            Cadence.MONTHLY.value: _("Once a month, on the first such weekday"),
        }


@blueprint.get("/desk/settings")
@requires(Permission.ADMIN)
def show() -> str:
    """An overview: what is set, and the way to each."""
    return render_template(
        "admin/settings/overview.html",
        association=get_association(session()),
        languages=settings.list_languages(session()),
        plans=[(plan, _next_sending(plan)) for plan in list_plans(session())],
    )


@blueprint.route("/desk/settings/association", methods=["GET", "POST"])
@requires(Permission.ADMIN)
def change_association() -> Page:
    """The association as its readers know it."""
    if request.method != "POST":
        form = AssociationForm(data=asdict(get_association(session())))
        return render_template("admin/settings/association.html", form=form)
    form = AssociationForm(request.form)
    if form.validate():
        typed = {name: value or "" for name, value in form.data.items()}
        try:
            settings.change_association(session(), Association(**typed), who(), now())
        except Invalid as error:
            show_mistake(form, error)
        else:
            return _saved()
    return render_template("admin/settings/association.html", form=form), 422


@blueprint.get("/desk/settings/languages")
@requires(Permission.ADMIN)
def show_languages() -> str:
    """The languages, their order and what each is used for."""
    return _render_languages(settings.list_languages(session()))


@blueprint.post("/desk/settings/languages")
@requires(Permission.ADMIN)
def change_languages() -> Page:
    """Save the ticks; or first move one language up or down, or add one. Every button saves."""
    wanted = _moved(_ticked(), request.form.get("move", ""))
    if added := request.form.get("add", ""):
        wanted.append(LanguageUse(added, for_content=True, for_interface=False))
    try:
        settings.change_languages(session(), wanted, who(), now())
    except Invalid as error:
        return _render_languages(wanted, str(error)), 422
    flash(_("Saved."))
    return redirect(url_for("settings.show_languages"), HTTPStatus.SEE_OTHER)


@blueprint.route("/desk/settings/plans/<slug>", methods=["GET", "POST"])
@requires(Permission.ADMIN)
def change_plan(slug: str) -> Page:
    """When one digest comes round."""
    plan = get_plan(session(), slug)
    # An empty form would untick every box, so a page that is only shown has none.
    form = PlanForm(request.form if request.method == "POST" else None, obj=plan)
    form.name_choices()
    if request.method == "POST" and form.validate():
        try:
            settings.change_plan(session(), slug, _read_plan(form), who(), now())
        except Invalid as error:
            show_mistake(form, error)
        else:
            return _saved()
    code = 422 if request.method == "POST" else 200
    page = render_template(
        "admin/settings/plan.html", form=form, plan=plan, sending=_next_sending(plan)
    )
    return page, code


def _read_plan(form: PlanForm) -> PlanEdit:
    values = dict(form.data)
    return PlanEdit(
        **{**values, "cadence": Cadence(values["cadence"]), "weekday": int(values["weekday"])}
    )


def _next_sending(plan: Plan) -> dict[str, object] | None:
    if not plan.is_active:
        return None
    timetable = get_timetable(plan)
    send_at = next_occurrence(timetable, now())
    return {"send_at": send_at, "draft_at": draft_due(timetable, send_at)}


def _ticked() -> list[LanguageUse]:
    """The form's rows in their order. Only languages that have a row can be ticked."""
    known = {use.code: use for use in settings.list_languages(session())}
    content, interface = request.form.getlist("content"), request.form.getlist("interface")
    codes = [code for code in request.form.getlist("code") if code in known]
    codes += [code for code in known if code not in codes]
    return [
        replace(known[code], for_content=code in content, for_interface=code in interface)
        for code in dict.fromkeys(codes)
    ]


def _moved(uses: list[LanguageUse], move: str) -> list[LanguageUse]:
    """`move` is a direction and a code: `up cs`. Anything else moves nothing."""
    direction, _space, code = move.partition(" ")
    at = next((index for index, use in enumerate(uses) if use.code == code), None)
    if at is None or direction not in ("up", "down"):
        return uses
    to = at - 1 if direction == "up" else at + 1
    if 0 <= to < len(uses):
        uses[at], uses[to] = uses[to], uses[at]
    return uses


def _render_languages(uses: list[LanguageUse], mistake: str = "") -> str:
    listed = {use.code for use in uses}
    return render_template(
        "admin/settings/languages.html",
        uses=uses,
        others=[code for code in KNOWN if code not in listed],
        interface=INTERFACE,
        mistake=mistake,
    )


def _saved() -> Response:
    flash(_("Saved."))
    return redirect(url_for("settings.show"), HTTPStatus.SEE_OTHER)
