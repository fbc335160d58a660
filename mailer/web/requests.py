"""What happens around every request: a transaction, a moment, a language, safe headers."""

from http import HTTPStatus

from flask import Flask, Response, g, request

from mailer.i18n import Words
from mailer.web.parts import WebParts

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
LETTER_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def wrap_requests(app: Flask, parts: WebParts) -> None:
    """Install the hooks on `app`."""

    @app.before_request
    def open_transaction() -> None:
        g.now = parts.clock()
        g.words = Words("en")
        if request.endpoint == "static":
            return
        opener = parts.reading if request.method in _SAFE else parts.sessions
        g.transaction = opener()
        g.session = g.transaction.__enter__()

    @app.after_request
    def close_transaction(response: Response) -> Response:
        transaction = g.pop("transaction", None)
        if transaction is not None:
            # Refused requests carry an error status: nothing they began may stay.
            if response.status_code < HTTPStatus.BAD_REQUEST:
                transaction.__exit__(None, None, None)
            else:
                g.session.rollback()
                transaction.__exit__(None, None, None)
        return _harden(response, https=parts.config.site.base_url.startswith("https"))

    @app.teardown_request
    def abandon_transaction(_error: BaseException | None) -> None:
        transaction = g.pop("transaction", None)
        if transaction is not None:
            g.session.close()
            transaction.__exit__(GeneratorExit, GeneratorExit(), None)


def _harden(response: Response, *, https: bool) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    if https:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def letter_response(html: str) -> Response:
    """A mail's HTML as a page of its own: no script, no form, nothing of this site in reach."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    return response
