"""Mistakes mapped to HTTP, once: a code and a page that says what to do next."""

from flask import Flask, render_template, request
from werkzeug.exceptions import HTTPException

from mailer.domain.errors import (
    BadLink,
    ExpiredLink,
    Invalid,
    MailerError,
    NotFound,
    NotNow,
    NotPermitted,
    Refused,
    TooMany,
)
from mailer.web.parts import _

_CODES: tuple[tuple[type[MailerError], int], ...] = (
    (NotPermitted, 403),
    (NotFound, 404),
    (ExpiredLink, 410),
    (BadLink, 404),
    (TooMany, 429),
    (Invalid, 422),
    (Refused, 409),
    (NotNow, 503),
)


def map_errors(app: Flask) -> None:
    """Install the handlers on `app`."""

    @app.errorhandler(MailerError)
    def say_mistake(error: MailerError) -> tuple[str, int]:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), 400)
        return _page(code, _(str(error)))

    @app.errorhandler(HTTPException)
    def say_http(error: HTTPException) -> tuple[str, int]:
        code = error.code or 500
        sentences = {
            400: _("Something in this request is missing or damaged. Go back and try again."),
            403: _("You may not see this page."),
            404: _("There is no such page. It may have moved."),
            405: _("This page cannot be used in this way."),
            413: _("That is too large."),
            415: _("This page does not read what was sent in this form."),
            429: _("Too many requests. Wait a little and try again."),
            500: _("Something broke on our side. Go back and try again in a minute."),
        }
        return _page(code, sentences.get(code, error.description or ""))

    def _page(code: int, sentence: str) -> tuple[str, int]:
        in_desk = request.path.startswith("/desk")
        template = "admin/error.html" if in_desk else "public/error.html"
        return render_template(template, code=code, sentence=sentence), code
