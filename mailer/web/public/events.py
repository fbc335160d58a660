"""What is on: the list, a page for each event, and its calendar file. A page stays after its
event is over or cancelled, and says so."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, url_for

from mailer.domain.content import Visibility
from mailer.domain.errors import NotFound
from mailer.domain.when import DEFAULT_TZ
from mailer.storage.events import Event, find_event_by_slug, list_upcoming
from mailer.storage.projects import Project
from mailer.storage.settings import get_association
from mailer.web.parts import now, parts, session
from mailer.web.public.calendar import write_calendar
from mailer.web.public.event_facts import Teller
from mailer.web.public.names import name_project
from mailer.web.public.structured import describe_sessions

CALENDAR_KEPT = timedelta(hours=1)

blueprint = Blueprint("events", __name__)


@blueprint.get("/<lang:lang>/events")
def index() -> str:
    today = now().astimezone(ZoneInfo(DEFAULT_TZ)).date()
    events = list_upcoming(session(), today)
    teller = Teller(session(), events, now())
    return render_template(
        "public/events.html", events=[teller.summarise(event) for event in events]
    )


@blueprint.get("/<lang:lang>/events/<slug:slug>")
def show(slug: str) -> str:
    event = _get(slug)
    teller = Teller(session(), [event], now())
    return render_template(
        "public/event.html",
        event=teller.describe(event),
        project=_find_project(event),
        structured=describe_sessions(event, teller, get_association(session()), _url(slug)),
    )


@blueprint.get("/<lang:lang>/events/<slug:slug>.ics")
def calendar(slug: str) -> Response:
    event = _get(slug)
    content = write_calendar(event, Teller(session(), [event], now()), _url(slug))
    if not content:
        raise NotFound("calendar file", slug)
    response = Response(content, content_type="text/calendar; charset=utf-8")
    # The slug is plain ASCII: nothing in it can end the header early.
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}.ics"'
    response.headers["Cache-Control"] = f"public, max-age={CALENDAR_KEPT.seconds}"
    return response


def _get(slug: str) -> Event:
    event = find_event_by_slug(session(), slug)
    if event is None:
        raise NotFound("event", slug)
    return event


def _url(slug: str) -> str:
    """The page's address for those who are elsewhere."""
    return parts().config.site.base_url + url_for(".show", slug=slug)


def _find_project(event: Event) -> dict[str, object] | None:
    project = session().get(Project, event.project_id) if event.project_id else None
    if project is None or project.visibility is not Visibility.PUBLISHED:
        return None
    return {"slug": project.slug, "title": name_project(session(), project)}
