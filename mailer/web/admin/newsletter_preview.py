"""A newsletter as its readers get it: in each language, as HTML and as text, cut off from the
desk it is shown on."""

from flask import Blueprint, Response, render_template, request

from mailer.domain.errors import NotFound
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.permissions import Permission
from mailer.message.values import Rendered
from mailer.storage.accounts import find_cohort_of
from mailer.storage.newsletters import Newsletter, find_variant, get_newsletter
from mailer.usecases import drafts
from mailer.usecases.editions import Copy, open_edition, write_letter
from mailer.web.auth import requires
from mailer.web.parts import now, parts, session
from mailer.web.requests import letter_response

blueprint = Blueprint("newsletter_preview", __name__)

NEWCOMER, REGULAR = "newcomer", "regular"
_OUT = frozenset({NewsletterState.SENDING, NewsletterState.SENT, NewsletterState.CANCELLED})


@blueprint.get("/desk/newsletters/<int:newsletter_id>/preview")
@requires(Permission.VIEW)
def show(newsletter_id: int) -> str:
    """The letter in a frame of the width of a phone or a desk, and its text part."""
    newsletter = get_newsletter(session(), newsletter_id)
    lang, reader = _wanted(newsletter)
    return render_template(
        "admin/newsletters/preview.html",
        newsletter=newsletter,
        is_digest=newsletter.kind != NewsletterKind.LETTER,
        wanted_lang=lang,
        reader=reader,
        langs=[variant.lang for variant in newsletter.variants],
        letter=_write(newsletter, lang, reader),
    )


@blueprint.get("/desk/newsletters/<int:newsletter_id>/letter")
@requires(Permission.VIEW)
def letter(newsletter_id: int) -> Response:
    """The HTML alone, for the frame. Its links open in a new tab."""
    newsletter = get_newsletter(session(), newsletter_id)
    lang, reader = _wanted(newsletter)
    rendered = _write(newsletter, lang, reader)
    if rendered is None:
        return letter_response(render_template("admin/newsletters/no_letter.html"))
    return letter_response(rendered.html.replace("<head>", '<head><base target="_blank">', 1))


def _wanted(newsletter: Newsletter) -> tuple[str, str]:
    langs = [variant.lang for variant in newsletter.variants]
    lang = request.args.get("variant") or next(iter(langs), "")
    if lang not in langs:
        raise NotFound("language", lang)
    reader = request.args.get("reader", REGULAR)
    return lang, reader if reader in (NEWCOMER, REGULAR) else REGULAR


def _write(newsletter: Newsletter, lang: str, reader: str) -> Rendered | None:
    """What is sent or was sent in that language; None when there is nothing to say in it."""
    if newsletter.state in _OUT:
        return _read_copy(newsletter, lang)
    edition = open_edition(session(), newsletter, parts().renderer, now())
    told = drafts.list_told(session(), now()) if reader == REGULAR else {}
    found = write_letter(edition, drafts.get_reader(edition, lang, told), Copy.TEST)
    return found.rendered if found else None


def _read_copy(newsletter: Newsletter, lang: str) -> Rendered | None:
    """The public copy; of a language that has none, what the first of its readers got."""
    copy = find_variant(newsletter, lang)
    if copy and copy.html:
        return Rendered(copy.subject, copy.preheader, copy.html, copy.text, copy.lang)
    sent = find_cohort_of(session(), newsletter.id, lang)
    if sent is None:
        return None
    return Rendered(sent.subject, sent.preheader, sent.html, sent.text, sent.language)
