"""Puts the web application together: one function, no module-level app."""

from flask import Flask
from flask_compress import Compress
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from mailer.places import get_folder
from mailer.web import health, hooks
from mailer.web.admin import register as register_admin
from mailer.web.auth import init_auth
from mailer.web.converters import init_converters
from mailer.web.errors import map_errors
from mailer.web.inbox import blueprint as inbox
from mailer.web.parts import WebParts
from mailer.web.public import register as register_public
from mailer.web.requests import wrap_requests
from mailer.web.templating import init_templating

A_DAY = 24 * 60 * 60
MAX_UPLOAD_BYTES = 20 * 1024 * 1024


def create_app(parts: WebParts) -> Flask:
    """The web application made of `parts`. Several can live in one process."""
    app = Flask("mailer.web", template_folder=str(get_folder("templates") / "pages"))
    keys = [key.get_secret_value() for key in parts.config.site.secret_keys]
    app.config.update(
        SECRET_KEY=keys[-1],
        SECRET_KEY_FALLBACKS=keys[:-1],
        MAX_CONTENT_LENGTH=MAX_UPLOAD_BYTES,
        MAX_FORM_PARTS=2000,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=parts.config.site.base_url.startswith("https"),
    )
    app.jinja_env.undefined = StrictUndefined
    app.extensions["mailer"] = parts
    if hops := parts.config.web.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # the documented way
    # Files only: a page may hold a token next to what a visitor typed, and compressing the two
    # together tells an eavesdropper about the token (BREACH).
    app.config.update(
        COMPRESS_MIMETYPES=["text/css", "text/javascript", "image/svg+xml"],
        SEND_FILE_MAX_AGE_DEFAULT=A_DAY,
    )
    Compress(app)
    init_converters(app)
    wrap_requests(app, parts)
    map_errors(app)
    init_templating(app)
    init_auth(app, parts)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(hooks.blueprint)
    register_public(app)
    register_admin(app)
    if parts.config.mail.provider == "inbox":
        app.register_blueprint(inbox)
    return app
