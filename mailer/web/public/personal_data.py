"""What we know about a person, for that person: a copy, and the end of it. Opened only by a link
that was mailed for this and works for a short time."""

from uuid import UUID

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.domain.errors import BadLink
from mailer.message.links import Purpose
from mailer.storage.subscribers import Subscriber, find_by_public_id
from mailer.usecases import personal_data
from mailer.web.parts import now, parts, session
from mailer.web.public.guard import hide, refuse_other_sites
from mailer.web.public.language import speak

blueprint = Blueprint("personal_data", __name__)
hide(blueprint)


@blueprint.get("/d/<token>")
def show(token: str) -> str:
    """Both buttons; or that everything is deleted."""
    subscriber = _find(token)
    masked = mask(subscriber.address) if subscriber else ""
    return render_template("public/personal_data.html", token=token, masked=masked)


@blueprint.get("/d/<token>/data.json")
def download(token: str) -> Response:
    """The copy, as a file."""
    subscriber = _find(token)
    if subscriber is None:
        raise BadLink
    response = jsonify(personal_data.export(session(), subscriber))
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@blueprint.post("/d/<token>")
def erase(token: str) -> Response:
    refuse_other_sites()
    subscriber = _find(token)
    if request.form.get("action") != "erase":
        abort(400)
    if subscriber:
        personal_data.erase(session(), subscriber, who="subscriber", now=now())
    return redirect(url_for(".show", token=token), 303)


def _find(token: str) -> Subscriber | None:
    link = parts().links.read(Purpose.DATA, token, now())
    subscriber = find_by_public_id(session(), UUID(str(link.subject)))
    if subscriber:
        speak(subscriber.language)
    return subscriber
