"""The coordinators' desk: one file per noun. Knows nothing of the public pages."""

from flask import Flask

from mailer.web.admin import (
    account,
    dashboard,
    deadlines,
    event_changes,
    events,
    findings,
    log,
    newsletter_check,
    newsletter_preview,
    newsletter_report,
    newsletter_sending,
    newsletters,
    projects,
    settings,
    setup,
    subscriber_import,
    subscribers,
    updates,
    users,
    venues,
)
from mailer.web.auth_limits import limit_tries
from mailer.web.forms import init_forms
from mailer.web.parts import WebParts

ROOMS = (
    setup,
    account,
    dashboard,
    newsletters,
    newsletter_check,
    newsletter_preview,
    newsletter_sending,
    newsletter_report,
    events,
    event_changes,
    venues,
    deadlines,
    updates,
    projects,
    findings,
    subscribers,
    subscriber_import,
    users,
    settings,
    log,
)


def register(app: Flask) -> None:
    """Put the desk's pages into `app`."""
    init_forms(app)
    for room in ROOMS:
        app.register_blueprint(room.blueprint)
    parts: WebParts = app.extensions["mailer"]
    limit_tries(app, parts.config.limits.storage)
