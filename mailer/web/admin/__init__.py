"""The coordinators' desk: one file per noun. Knows nothing of the public pages."""

from flask import Flask

from mailer.web.admin import account, log, settings, setup, users
from mailer.web.auth_limits import limit_tries
from mailer.web.forms import init_forms
from mailer.web.parts import WebParts

BLUEPRINTS = (
    setup.blueprint,
    account.blueprint,
    users.blueprint,
    settings.blueprint,
    log.blueprint,
)


def register(app: Flask) -> None:
    """Put the desk's pages into `app`."""
    init_forms(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    parts: WebParts = app.extensions["mailer"]
    limit_tries(app, parts.config.limits.storage)
