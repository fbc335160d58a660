"""The language of a public page: it stands in the address, or in the row of a link's owner.

Never in a cookie. What the browser asks for only leads to a suggestion, never to a redirect.
"""

from flask import g, request, url_for
from werkzeug.routing import BaseConverter, ValidationError

from mailer.i18n import INTERFACE, KNOWN, Words, interface_for
from mailer.storage.languages import list_interface_languages
from mailer.web.parts import session, words

_KEPT = ("project", "to", "topic")


class LanguageConverter(BaseConverter):
    """A language code in an address; anything else there is no page of ours."""

    regex = "[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?"

    def to_python(self, value: str) -> str:
        if value not in KNOWN:
            raise ValidationError
        return value


class SlugConverter(BaseConverter):
    """The readable part of an address. Checked here: PostgreSQL fails on a NUL."""

    regex = "[A-Za-z0-9_-]{1,100}"


def choose_language() -> None:
    """Set the words of this page by its address (`/cs/…`) or by `?lang=`, which token pages use.

    The desk speaks its coordinator's language, whatever its addresses say.
    """
    if request.path.startswith("/desk"):
        return
    asked = (page_code(), request.path.split("/", 2)[1], request.args.get("lang", ""))
    code = next((code for code in asked if code in KNOWN), "")
    if code:
        g.words = Words(interface_for(code))


def speak(code: str) -> None:
    """Use the words of the page's owner, unless another language was asked for."""
    if request.args.get("lang", "") not in INTERFACE:
        g.words = Words(interface_for(code))


def page_code() -> str:
    """The code in the address of this page, empty when it has none.

    It can be a language that content is written in but the service's own words are not.
    """
    return str(g.get("page_code", ""))


def reading() -> tuple[str, ...]:
    """The languages in which this page's reader wants texts, best first."""
    return tuple(dict.fromkeys((page_code() or words().lang, words().lang)))


def offered() -> tuple[str, ...]:
    """Codes of the languages in which the public pages are offered, in the association's order."""
    listed = list_interface_languages(session())
    return tuple(code for code in listed if code in INTERFACE) or INTERFACE


def link_in(code: str) -> str:
    """The address of this very page in another language."""
    endpoint, values = request.endpoint, dict(request.view_args or {})
    if endpoint is None or endpoint == "static":
        return url_for("public.signup.home", lang=code)
    kept = {name: request.args.getlist(name) for name in _KEPT if name in request.args}
    return url_for(endpoint, **{**kept, **values, "lang": code})


def suggest() -> str:
    """The offered language that the browser prefers to this page's, empty when there is none."""
    best = request.accept_languages.best_match(offered())
    return best if best and best != words().lang else ""
