"""Pages for everyone: signing up, leaving, what was sent, what is on. They set no cookie."""

from typing import Any, cast

from flask import Blueprint, Flask, current_app, g, render_template

from mailer.domain.errors import BadLink, ExpiredLink
from mailer.web.parts import WebParts, words
from mailer.web.public import (
    about,
    address,
    archive,
    confirm,
    events,
    personal_data,
    preferences,
    projects,
    signup,
    unsubscribe,
)
from mailer.web.public.language import (
    LanguageConverter,
    SlugConverter,
    choose_language,
    page_code,
)
from mailer.web.public.layout import get_site
from mailer.web.public.limits import limit_forms
from mailer.web.public.moments import say_day, say_moment

_ROOMS = (
    about, address, archive, confirm, events, personal_data, preferences, projects, signup,
    unsubscribe,
)  # fmt: skip


def register(app: Flask) -> None:
    """Add the public pages to `app`."""
    app.url_map.converters.update(lang=LanguageConverter, slug=SlugConverter)
    app.jinja_env.globals.update(get_site=get_site, page_code=page_code)
    app.jinja_env.filters.update(full_day=say_day, full_moment=say_moment)
    app.before_request(choose_language)
    public = Blueprint("public", __name__)
    public.url_value_preprocessor(_take_language)
    public.url_defaults(_give_language)
    public.register_error_handler(ExpiredLink, _say_expired)
    public.register_error_handler(BadLink, _say_broken)
    for room in _ROOMS:
        public.register_blueprint(room.blueprint)
    app.register_blueprint(public)
    limit_forms(app, cast("WebParts", app.extensions["mailer"]).config.limits)


def _take_language(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.page_code = (values or {}).pop("lang", "")


def _give_language(endpoint: str, values: dict[str, Any]) -> None:
    """Links lead to pages in this page's language unless they name another."""
    if "lang" not in values and current_app.url_map.is_endpoint_expecting(endpoint, "lang"):
        values["lang"] = page_code() or words().lang


def _say_expired(_error: ExpiredLink) -> tuple[str, int]:
    return render_template("public/link_expired.html"), 410


def _say_broken(_error: BadLink) -> tuple[str, int]:
    return render_template("public/link_broken.html"), 404
