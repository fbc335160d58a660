"""The demo's inbox as a page: every mail that the service sent, to be looked at by a newcomer.

Exists only where mail goes to the built-in inbox, and only for people on the same computer or
network: links that set passwords lie here too. Changes nothing. A mail's HTML is shown as a page
of its own that can run no script and touch nothing of this site.
"""

import re
from ipaddress import ip_address

from flask import Blueprint, Response, g, render_template, request
from werkzeug.exceptions import NotFound

from mailer.i18n import Words
from mailer.storage import maildir
from mailer.web.auth import guess_language
from mailer.web.parts import parts
from mailer.web.requests import letter_response

blueprint = Blueprint("inbox", __name__)

_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


@blueprint.before_request
def meet() -> None:
    """Speak the visitor's language, and be nowhere for visitors from the internet."""
    g.words = Words(guess_language())
    if ip_address(request.remote_addr or "127.0.0.1").is_global:
        raise NotFound


@blueprint.get("/inbox")
def show_all() -> str:
    """What arrived, newest first; all of it or one person's. htmx asks for the list alone."""
    recipient = request.args.get("to", "").strip()
    messages = [
        message
        for message in maildir.list_messages(parts().config.inbox.directory)
        if recipient.lower() in message.recipient.lower()
    ]
    template = "inbox/_list.html" if "HX-Request" in request.headers else "inbox/list.html"
    return render_template(template, messages=messages, recipient=recipient)


@blueprint.get("/inbox/<message_id>")
def show(message_id: str) -> str:
    """One mail: as its reader sees it, as plain text, and its headers."""
    message = _get(message_id)
    return render_template("inbox/show.html", message=message)


@blueprint.get("/inbox/<message_id>/html")
def show_html(message_id: str) -> Response:
    """The mail's HTML alone, for the frame. Its links open in a new tab: our own pages refuse to
    be framed."""
    html = _get(message_id).html
    return letter_response(_HEAD.sub(r'\g<0><base target="_blank">', html, count=1))


@blueprint.get("/inbox/<message_id>/raw")
def download(message_id: str) -> Response:
    """The mail byte for byte, to open in a mail program."""
    return Response(
        _get(message_id).raw,
        mimetype="message/rfc822",
        headers={"Content-Disposition": 'attachment; filename="mail.eml"'},
    )


def _get(message_id: str) -> maildir.FullMessage:
    return maildir.get_message(parts().config.inbox.directory, message_id)
