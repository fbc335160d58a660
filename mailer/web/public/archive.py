"""Newsletters that were sent, for everyone. What is shown is the public copy: nobody's links and
nobody's name are in it, and it is cut off from the rest of the site."""

import re

from flask import Blueprint, Response, render_template, url_for

from mailer.domain.errors import NotFound
from mailer.domain.newsletter import NewsletterState
from mailer.i18n import get_language
from mailer.message.slots import TOKEN_LENGTH
from mailer.message.vocabulary import in_language, read_in
from mailer.storage.languages import get_fallback
from mailer.storage.newsletters import Newsletter, Variant, find_by_slug
from mailer.web.parts import session, words
from mailer.web.public.issues import list_issues
from mailer.web.public.language import page_code, reading
from mailer.web.requests import letter_response

LONGEST_LIST = 50
_PUBLIC_STATES = frozenset(
    {
        NewsletterState.SENDING,
        NewsletterState.SENT,
        NewsletterState.PAUSED,
        NewsletterState.CANCELLED,
    }
)
"""Those in which somebody may have the mail, whose link leads here. What was paused or cancelled
before the first mail left has no copy to show."""

_PERSONAL = re.compile(rf"/[up]/[A-Za-z0-9_.-]{{{TOKEN_LENGTH}}}")

blueprint = Blueprint("archive", __name__)


@blueprint.get("/<lang:lang>/archive")
def index() -> str:
    return render_template("public/archive.html", issues=list_issues(session(), limit=LONGEST_LIST))


@blueprint.get("/<lang:lang>/archive/<slug:slug>")
def show(slug: str) -> str:
    """The letter in a frame, with its other languages around it."""
    newsletter, variant = _find(slug)
    is_foreign = variant.lang != page_code()
    return render_template(
        "public/issue.html",
        subject=variant.subject or newsletter.title,
        sent_at=newsletter.started_at,
        letter_lang=variant.lang,
        letter_url=url_for(".letter", lang=variant.lang, slug=slug),
        notice=in_language(variant.lang, words().lang) if is_foreign else "",
        versions=[_link(other, slug) for other in newsletter.variants if other.html],
    )


@blueprint.get("/<lang:lang>/archive/<slug:slug>/letter")
def letter(slug: str) -> Response:
    """The letter alone. Its links open outside the frame."""
    _newsletter, variant = _find(slug)
    public = _PERSONAL.sub(url_for("public.signup.ask_link"), variant.html)
    return letter_response(public.replace("<head>", '<head><base target="_top">', 1))


def _find(slug: str) -> tuple[Newsletter, Variant]:
    """The newsletter and its copy in the page's language, or in the next best."""
    newsletter = find_by_slug(session(), slug)
    if newsletter is None or newsletter.state not in _PUBLIC_STATES:
        raise NotFound("newsletter", slug)
    copies = {variant.lang: variant for variant in newsletter.variants if variant.html}
    wanted = (*reading(), get_fallback(session()), *copies)
    variant = next((copies[lang] for lang in wanted if lang in copies), None)
    if variant is None:
        raise NotFound("newsletter", slug)
    return newsletter, variant


def _link(variant: Variant, slug: str) -> dict[str, str]:
    return {
        "code": variant.lang,
        "dir": get_language(variant.lang).dir,
        "label": read_in(variant.lang),
        "url": url_for(".show", lang=variant.lang, slug=slug),
    }
