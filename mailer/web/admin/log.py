"""Who did what, when: the audit log, newest first."""

from flask import Blueprint, render_template, request, url_for

from mailer.domain.permissions import Permission
from mailer.storage.audit import list_entries, list_things
from mailer.web.auth import requires
from mailer.web.converters import read_row_number
from mailer.web.parts import session

blueprint = Blueprint("log", __name__)

PER_PAGE = 50


@blueprint.get("/desk/log")
@requires(Permission.ADMIN)
def show() -> str:
    """A page of entries, all or of one person or one kind of thing."""
    who, thing = request.args.get("who", "").strip(), request.args.get("thing", "")
    before = request.args.get("before", type=read_row_number)
    # One more than a page holds, to tell whether there are older ones.
    entries = list_entries(session(), who=who, thing=thing, before=before, limit=PER_PAGE + 1)
    older = len(entries) > PER_PAGE
    entries = entries[:PER_PAGE]
    next_url = (
        url_for("log.show", who=who or None, thing=thing or None, before=entries[-1].id)
        if older
        else ""
    )
    return render_template(
        "admin/log.html",
        entries=entries,
        next_url=next_url,
        who=who,
        thing=thing,
        things=list_things(session()),
    )
