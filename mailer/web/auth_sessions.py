"""Where a session may exist, and what proves that a request came from our own pages.

The session cookie lives on the desk alone: elsewhere there is none to read and none to write, so
public pages cannot set a cookie even by mistake.
"""

from urllib.parse import urlsplit

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import (  # type: ignore[import-untyped]  # it ships no types
    CSRFError,
    CSRFProtect,
)
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from mailer.web.parts import _, parts

DESK = "/desk"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def is_desk(path: str) -> bool:
    """Whether the path belongs to the desk."""
    return path == DESK or path.startswith(DESK + "/")


class DeskSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, on the desk only."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return super().open_session(app, request) if is_desk(request.path) else None


def protect_forms(app: Flask) -> None:
    """Refuse every changing request to the desk that is no form, lacks this session's token or was
    sent by another site. Call before Flask-Security is set up: it looks for the token."""
    app.config.update(
        # Checked below, by path: public forms carry no cookie that could be abused.
        WTF_CSRF_CHECK_DEFAULT=False,
        # The token ends with the session. A letter may take longer to write than an hour.
        WTF_CSRF_TIME_LIMIT=None,
        # Pages send no Referer at all; the Origin is checked instead.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf = CSRFProtect(app)

    @app.before_request
    def refuse_forgeries() -> None:
        if not is_desk(request.path):
            return
        _refuse_nul()
        if request.method in _SAFE:
            return
        if request.mimetype not in _FORMS:
            raise UnsupportedMediaType
        if _is_foreign():
            raise CSRFError(_("This form was sent from another site. Nothing was changed."))
        csrf.protect()


def _refuse_nul() -> None:
    # PostgreSQL takes no text with this character in it, and no keyboard writes it.
    typed = [request.path, *(value for _key, values in request.values.lists() for value in values)]
    if any("\0" in text for text in typed):
        raise BadRequest


def _is_foreign() -> bool:
    """What the browser itself says about where the form was: no page can make it lie."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")
    # "null" is what browsers send from pages with `Referrer-Policy: no-referrer`, as ours.
    return origin != "null" and origin.partition("://")[2] not in _hosts()


def _hosts() -> tuple[str, str]:
    # A proxy may hand on its own idea of the host; the configured one is what people type.
    return request.host, urlsplit(parts().config.site.base_url).netloc
