"""What the service says about itself: privacy, and two files that machines look for."""

from datetime import timedelta

from flask import Blueprint, Response, render_template, url_for

from mailer.domain.consent import UNCONFIRMED_KEPT, WORDING
from mailer.domain.errors import NotFound
from mailer.storage.settings import get_association
from mailer.web.parts import now, parts, session

A_YEAR = timedelta(days=365)

blueprint = Blueprint("about", __name__)


@blueprint.get("/<lang:lang>/privacy")
def privacy() -> str:
    return render_template("public/privacy.html", kept_days=UNCONFIRMED_KEPT.days, wording=WORDING)


@blueprint.get("/robots.txt")
def robots() -> Response:
    closed = ("a", "c", "d", "desk", "p", "u")
    lines = ["User-agent: *", *(f"Disallow: /{path}/" for path in closed), ""]
    return Response("\n".join(lines), mimetype="text/plain")


@blueprint.get("/.well-known/security.txt")
def security() -> Response:
    """Whom to tell about a hole (RFC 9116)."""
    contact = get_association(session()).contact_email
    if not contact:
        raise NotFound("security contact", "security.txt")
    expires = (now() + A_YEAR).strftime("%Y-%m-%dT00:00:00Z")
    page = parts().config.site.base_url + url_for("public.about.security")
    lines = [f"Contact: mailto:{contact}", f"Expires: {expires}", f"Canonical: {page}", ""]
    return Response("\n".join(lines), mimetype="text/plain")
