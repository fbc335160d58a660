"""Newsletters on the desk: the list, a new one, and the draft with its words in each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.errors import Refused
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.permissions import Permission
from mailer.domain.progress import percent_settled
from mailer.storage import accounts, audiences, audit
from mailer.storage.newsletters import Newsletter, get_newsletter, list_newsletters
from mailer.storage.plans import get_plan, list_active_plans
from mailer.storage.topics import list_topics
from mailer.usecases import drafts, newsletters
from mailer.usecases.editions import open_edition
from mailer.usecases.plans import make_next_issue
from mailer.web.admin.newsletter_forms import DraftForm, LetterForm, draft_form
from mailer.web.admin.newsletter_words import COVERS, KINDS, SHARES, STATES
from mailer.web.auth import i_may, requires, who
from mailer.web.converters import read_row_number
from mailer.web.parts import _, now, parts, session, words

blueprint = Blueprint("newsletters", __name__)

Page = Response | str | tuple[str, int]

PER_PAGE = 30
UNDER_WAY = frozenset(
    {
        NewsletterState.SCHEDULED,
        NewsletterState.PREPARING,
        NewsletterState.SENDING,
        NewsletterState.PAUSED,
    }
)
"""States in which the page that matters is the one that shows how far it is."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two people wrote at once: what the other one saved, and when."""

    sentence: str
    by: str
    at: datetime
    theirs: DraftForm


@blueprint.get("/desk/newsletters")
@requires(Permission.VIEW)
def show_all() -> str:
    """All newsletters, newest first, with how far each has come."""
    before = request.args.get("before", type=read_row_number)
    found = list_newsletters(session(), before=before, limit=PER_PAGE + 1)
    is_more = len(found) > PER_PAGE
    found = found[:PER_PAGE]
    still_open = accounts.count_open(session(), [newsletter.id for newsletter in found])
    return render_template(
        "admin/newsletters/list.html",
        newsletters=found,
        percents={
            newsletter.id: percent_settled(
                newsletter.audience_count or 0, still_open.get(newsletter.id, 0)
            )
            for newsletter in found
        },
        plans=list_active_plans(session()),
        states=STATES,
        kinds=KINDS,
        next_url=url_for(".show_all", before=found[-1].id) if is_more else "",
    )


@blueprint.route("/desk/newsletters/new", methods=["GET", "POST"])
@requires(Permission.WRITE)
def create() -> Page:
    """A new letter: a name, and whom it is for."""
    form = LetterForm(request.form)
    form.topics.choices = _topics()
    if request.method == "POST" and form.validate():
        letter = newsletters.new_letter(
            session(), str(form.title.data), tuple(form.topics.data or ()), who(), now()
        )
        return go(letter)
    status = 200 if request.method == "GET" else 422
    return render_template("admin/newsletters/new.html", form=form), status


@blueprint.post("/desk/newsletters/digest")
@requires(Permission.WRITE)
def draft() -> Response:
    """Make the draft of a plan's next issue now, or open it if it is there already."""
    plan = get_plan(session(), request.form.get("plan", ""))
    return go(make_next_issue(session(), plan, who(), now()))


@blueprint.get("/desk/newsletters/<int:newsletter_id>")
@requires(Permission.VIEW)
def show(newsletter_id: int) -> Page:
    """The page of a newsletter that matters now: the draft, the progress or the report."""
    newsletter = get_newsletter(session(), newsletter_id)
    if newsletter.state in UNDER_WAY:
        return redirect(url_for("newsletter_sending.show", newsletter_id=newsletter_id))
    if newsletter.state != NewsletterState.DRAFT:
        return redirect(url_for("newsletter_report.show", newsletter_id=newsletter_id))
    return _show_draft(newsletter, draft_form(newsletter, _topics()))


@blueprint.post("/desk/newsletters/<int:newsletter_id>")
@requires(Permission.WRITE)
def save(newsletter_id: int) -> Page:
    """Keep what was written; then back to it, or on to the check."""
    newsletter = get_newsletter(session(), newsletter_id)
    form = draft_form(newsletter, _topics(), request.form)
    if not form.validate():
        return _show_draft(newsletter, form), 422
    try:
        newsletters.edit(
            session(),
            newsletter,
            str(form.title.data),
            tuple(form.topics.data or ()),
            form.texts(),
            who(),
            now(),
            seen=form.read_seen(),
        )
    except Refused as error:
        return _show_conflict(newsletter, form, error)
    if request.form.get("action") == "check":
        return redirect(
            url_for("newsletter_check.show", newsletter_id=newsletter_id), HTTPStatus.SEE_OTHER
        )
    flash(_("Saved."))
    return go(newsletter)


def go(newsletter: Newsletter) -> Response:
    """To the newsletter's own page, by GET."""
    return redirect(url_for("newsletters.show", newsletter_id=newsletter.id), HTTPStatus.SEE_OTHER)


def _topics() -> list[tuple[str, str]]:
    """Slugs and names, in the language of the page."""
    langs = (words().lang,)
    return [(topic.slug, name.pick(langs, "en").text) for topic, name in list_topics(session())]


def _show_conflict(newsletter: Newsletter, form: DraftForm, error: Refused) -> tuple[str, int]:
    """What was typed stays, what the other person saved stands beside it; saving once more puts
    the typed words in place of theirs."""
    theirs = draft_form(newsletter, _topics())
    form.seen.data = theirs.seen.data
    conflict = Conflict(str(error), _last_writer(newsletter), newsletter.changed_at, theirs)
    return _show_draft(newsletter, form, conflict), 409


def _last_writer(newsletter: Newsletter) -> str:
    entries = audit.list_about(session(), "newsletter", newsletter.id)
    return next((entry.who for entry in reversed(entries)), "")


def _show_draft(newsletter: Newsletter, form: DraftForm, conflict: Conflict | None = None) -> str:
    is_digest = newsletter.kind != NewsletterKind.LETTER
    readers = audiences.count_audience(session(), newsletter, now())
    spoken, unspoken = _by_use(form, conflict, readers)
    edition = open_edition(session(), newsletter, parts().renderer, now())
    told = drafts.list_told(session(), now())
    return render_template(
        "admin/newsletters/draft.html",
        newsletter=newsletter,
        form=form,
        conflict=conflict,
        is_digest=is_digest,
        may_write=i_may(Permission.WRITE),
        spoken=spoken,
        unspoken=unspoken,
        contents=drafts.look(edition, spoken, told) if is_digest else None,
        proposals={lang: drafts.propose(edition, lang, told) for lang in form.versions},
        readers=readers,
        covers=COVERS,
        shares=SHARES,
    )


def _by_use(
    form: DraftForm, conflict: Conflict | None, readers: Mapping[str, int]
) -> tuple[list[str], list[str]]:
    """The languages that have readers or words, most readers first, and the others. As long as
    nobody reads anything, all of them count."""
    versions = form.versions
    written = [versions, conflict.theirs.versions] if conflict else [versions]
    spoken = [
        lang
        for lang in versions
        if readers.get(lang) or any(any(texts[lang].data.values()) for texts in written)
    ]
    spoken.sort(key=lambda lang: -readers.get(lang, 0))
    spoken = spoken or list(versions)
    return spoken, [lang for lang in versions if lang not in spoken]
