"""Projects on the desk: the list, the form, and the buttons beside each."""

from typing import Any

from flask import Blueprint, flash, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, FieldList, FormField, SelectField, StringField
from wtforms.validators import Length, Optional

from mailer.domain.content import ItemKey, ItemKind, ProjectStatus
from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.message.vocabulary import N_
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.organisations import OrganisationRole, list_organisations
from mailer.storage.projects import Project, as_values, get_project, list_all
from mailer.usecases import projects
from mailer.usecases.organisations import LONGEST_NAME
from mailer.usecases.projects import MOST_PARTNERS, Partner, ProjectEdit
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
from mailer.web.admin.when_form import PeriodForm, fields_of
from mailer.web.auth import requires, who
from mailer.web.forms import DeskForm
from mailer.web.parts import _, now, session, words

blueprint = Blueprint("projects", __name__)

ROLES = {
    OrganisationRole.ORGANISER: N_("Organiser"),
    OrganisationRole.CO_ORGANISER: N_("Co-organiser"),
    OrganisationRole.PARTNER: N_("Partner"),
    OrganisationRole.FUNDER: N_("Funder"),
    OrganisationRole.IMPLEMENTER: N_("Runs the project"),
    OrganisationRole.LEAD: N_("Leads the project"),
    OrganisationRole.PARTICIPANT: N_("Takes part"),
    OrganisationRole.HOST: N_("Host"),
    OrganisationRole.PATRON: N_("Patron"),
}
STATUSES = {
    ProjectStatus.UNKNOWN: (N_("Dates not known"), "yellow"),
    ProjectStatus.PLANNED: (N_("Planned"), "blue"),
    ProjectStatus.ACTIVE: (N_("Running"), "green"),
    ProjectStatus.PAUSED: (N_("Paused"), "yellow"),
    ProjectStatus.FINISHED: (N_("Finished"), "grey"),
    ProjectStatus.CANCELLED: (N_("Cancelled"), "red"),
}
_OVERRIDES = {
    "": N_("as its dates say"),
    **{
        status.value: said
        for status, (said, _tone) in STATUSES.items()
        if status is not ProjectStatus.UNKNOWN
    },
}


class PartnerForm(DeskForm):
    """An organisation and its part."""

    name = StringField(
        N_("Organisation"),
        [Optional(), Length(max=LONGEST_NAME)],
        render_kw={"list": "organisations", "autocomplete": "off"},
    )
    role = SelectField(
        N_("Its part"),
        choices={role.value: name for role, name in ROLES.items()},
        default=OrganisationRole.PARTNER.value,
    )


class ProjectForm(ContentForm):
    """A project."""

    texts = ("title", "summary", "body", "outcome", "funder_ack")

    period = FormField(PeriodForm)
    partners = FieldList(FormField(PartnerForm), min_entries=1, max_entries=MOST_PARTNERS)
    and_others = BooleanField(N_("… and others: the list is not complete"))
    summary = text_field("summary")
    body = text_field("body")
    outcome = text_field("outcome")
    funder_ack = text_field("funder_ack")
    status_override = SelectField(N_("State"), [Optional()], choices=_OVERRIDES, default="")
    grant_no = StringField(N_("Number of the grant"), [Optional(), Length(max=60)])
    url = link_field(N_("Link to read more"))

    def edit(self, source_lang: str) -> ProjectEdit:
        """The project as it was typed."""
        override = self.status_override.data
        return ProjectEdit(
            wordings=self.read_wordings(source_lang),
            period=self.period.form.when,
            partners=[
                Partner(entry.form.name.data, OrganisationRole(entry.form.role.data))
                for entry in self.partners
                if entry.form.name.data
            ],
            and_others=self.and_others.data,
            status_override=ProjectStatus(override) if override else None,
            grant_no=self.grant_no.data or "",
            url=self.url.data or "",
            topics=tuple(self.topics.data or ()),
        )

    def put_mistake(self, error: Invalid) -> None:
        if error.field in ("partners", "organisations"):
            self.form_errors.append(str(error))
        else:
            super().put_mistake(error)


@blueprint.get("/desk/projects")
@requires(Permission.VIEW)
def show_all() -> str:
    """Projects, the latest period first."""
    langs = list_content_languages(session())
    values = as_values(session(), list_all(session()))
    rows = [(one, one.status(now()), marks((one.title, one.summary), langs)) for one in values]
    return render("admin/projects/list.html", rows=rows, project_statuses=STATUSES)


@blueprint.route("/desk/projects/new", methods=["GET", "POST"])
@requires(Permission.WRITE)
def create() -> Page:
    """A new project."""
    form = ProjectForm(typed(), written_in=get_fallback(session()))
    form.offer(load_options(session(), words().lang))
    if request.method == "GET":
        return _show(form)
    if pressed() == "add":
        return _add_partner(form)
    if not form.validate():
        return _show(form, 422)
    source = form.written_in.data or get_fallback(session())

    def save() -> None:
        edit, is_published = form.edit(source), pressed() == "publish"
        projects.create(session(), edit, who=who(), now=now(), publish=is_published)

    status = attempt(form, save)
    return _show(form, status) if status else _leave()


@blueprint.route("/desk/projects/<int:project_id>", methods=["GET", "POST"])
@requires(Permission.WRITE)
def change(project_id: int) -> Page:
    """The form of a saved project."""
    project = get_project(session(), project_id)
    written = load_written(session(), ItemKey(ItemKind.PROJECT, project.id), ProjectForm.texts)
    form = _build_form(project, written)
    if request.method == "GET":
        return _show(form, project=project, written=written)
    if pressed() == "add":
        return _add_partner(form, project=project, written=written)
    if not form.validate():
        return _show(form, 422, project=project, written=written)

    def save() -> None:
        projects.change(
            session(),
            project.id,
            form.edit(written.source_lang),
            revision=form.seen_revision,
            who=who(),
            now=now(),
            publish=pressed() == "publish",
        )

    status = attempt(form, save, project.revision)
    return _show(form, status, project=project, written=written) if status else _leave()


@blueprint.post("/desk/projects/<int:project_id>/publish")
@requires(Permission.WRITE)
def publish(project_id: int) -> Response:
    """Show it to readers."""
    projects.publish(session(), project_id, who=who(), now=now())
    flash(_("Published. Readers can see the project."))
    return go(url_for("projects.show_all"))


@blueprint.post("/desk/projects/<int:project_id>/withdraw")
@requires(Permission.WRITE)
def withdraw(project_id: int) -> Response:
    """Take it off the pages."""
    projects.withdraw(session(), project_id, who=who(), now=now())
    flash(_("Withdrawn. Nothing was sent."))
    return go(url_for("projects.show_all"))


def _build_form(project: Project, written: Written) -> Any:
    options = load_options(session(), words().lang)
    others = [lang for lang in options.content_languages if lang != written.source_lang]
    override = project.status_override
    form = with_translations(ProjectForm, others)(
        typed(),
        revision=str(project.revision),
        period=fields_of(project.period),
        partners=[
            {"name": link.organisation.name, "role": link.role.value}
            for link in project.organisations
        ],
        and_others=project.and_others,
        status_override=override.value if override else "",
        grant_no=project.grant_no,
        url=project.url,
        topics=list(project.topics),
        **written.fields,
    )
    form.offer(options)
    return form


def _add_partner(form: Any, **page: Any) -> Page:
    if len(form.partners) < MOST_PARTNERS:
        form.partners.append_entry()
    return _show(form, **page)


def _show(
    form: Any,
    status: int = 200,
    *,
    project: Project | None = None,
    written: Written | None = None,
) -> tuple[str, int]:
    page = render(
        "admin/projects/form.html",
        form=form,
        thing=project,
        written=written,
        source_lang=written.source_lang if written else "",
        known=[one.name for one in list_organisations(session())],
    )
    return page, status


def _leave() -> Response:
    published = pressed() == "publish"
    flash(_("Published. Readers can see the project.") if published else _("Saved."))
    return go(url_for("projects.show_all"))
