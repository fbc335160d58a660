"""What every page template may use: words, dates, languages. No database, no request secrets."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask import Flask, g

from mailer import i18n
from mailer.domain.when import DEFAULT_TZ
from mailer.web.parts import parts, words

SITE_TZ = ZoneInfo(DEFAULT_TZ)


def init_templating(app: Flask) -> None:
    """Give the page templates their words and filters."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        gettext=lambda message: words().say(message),
        ngettext=lambda one, many, number: words().choose(one, many, number),
        newstyle=True,
    )
    app.jinja_env.filters["moment"] = say_moment
    app.jinja_env.filters["endonym"] = lambda code: i18n.get_language(code).endonym
    app.jinja_env.filters["dir"] = lambda code: i18n.get_language(code).dir
    app.context_processor(_common)


def _common() -> dict[str, Any]:
    return {
        "lang": words().lang,
        "dir": i18n.get_language(words().lang).dir,
        "is_demo": parts().config.site.demo,
        "has_inbox": parts().config.mail.provider == "inbox",
        "now": g.now,
    }


def say_moment(moment: datetime | None, style: str = "EEE d MMM y, HH:mm") -> str:
    """A moment in the reader's language and Prague time, always with its weekday."""
    if moment is None:
        return ""
    locale = i18n.get_locale(words().lang)
    style = style.replace(",", "،") if locale.language == "ar" else style
    return str(format_datetime(moment.astimezone(SITE_TZ), style, locale=locale))
