"""Who did what, when: the audit log, newest first."""

from collections.abc import Sequence

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from mailer.domain.permissions import Permission
from mailer.storage.audit import AuditEntry
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
    entries = _list_entries(who, thing, before)
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
        things=_list_things(),
    )


def _list_entries(who: str, thing: str, before: int | None) -> Sequence[AuditEntry]:
    """One more than a page holds, to tell whether there are older ones."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(PER_PAGE + 1)
    if who:
        query = query.where(AuditEntry.who.icontains(who, autoescape=True))
    if thing:
        query = query.where(AuditEntry.thing == thing)
    if before:
        query = query.where(AuditEntry.id < before)
    return session().scalars(query).all()


def _list_things() -> Sequence[str]:
    query = select(AuditEntry.thing).where(AuditEntry.thing != "").distinct()
    return sorted(session().scalars(query))
