"""A project's page: what it is, who is in it, and the way to get its news by e-mail."""

from flask import Blueprint, render_template

from mailer.domain.content import ProjectStatus
from mailer.domain.eligibility import is_printable
from mailer.domain.errors import NotFound
from mailer.message.dates import in_words
from mailer.message.sanitise import is_safe_link
from mailer.message.vocabulary import N_
from mailer.storage.projects import Project, as_values
from mailer.web.parts import now, session, words
from mailer.web.public.names import find_public_project, tell_project

STATUSES = {
    ProjectStatus.PLANNED: N_("Planned"),
    ProjectStatus.ACTIVE: N_("Running now"),
    ProjectStatus.PAUSED: N_("Paused"),
    ProjectStatus.FINISHED: N_("Finished"),
    ProjectStatus.CANCELLED: N_("Cancelled"),
}

blueprint = Blueprint("projects", __name__)


@blueprint.get("/<lang:lang>/projects/<slug:slug>")
def show(slug: str) -> str:
    project = find_public_project(session(), slug)
    if project is None:
        raise NotFound("project", slug)
    texts = tell_project(session(), project, "title", "summary", "body", "outcome", "funder_ack")
    return render_template(
        "public/project.html",
        slug=slug,
        texts=texts,
        status=_say_status(project),
        period=in_words(project.period, words().lang) if is_printable(project.period) else "",
        partners=[link.organisation.name for link in project.organisations],
        and_others=project.and_others,
        url=project.url if is_safe_link(project.url) else "",
    )


def _say_status(project: Project) -> str:
    [value] = as_values(session(), [project])
    label = STATUSES.get(value.status(now()))
    return words().say(label) if label else ""
