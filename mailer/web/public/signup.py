"""The first page and the sign-up form; “mail me my link”. Their answers never tell who is
subscribed: the same page, after the same work, whatever address was typed."""

from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.domain.errors import BadLink, Invalid, InvalidAddress
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.topics import list_topics
from mailer.usecases import subscriptions
from mailer.usecases.addresses import read_address
from mailer.web.parts import now, parts, session, words
from mailer.web.public.choices import list_languages, list_topic_choices
from mailer.web.public.forms import LinkForm, SignUpForm, as_typed, blame
from mailer.web.public.guard import refuse_other_sites, seal, trace, unseal
from mailer.web.public.issues import Issue, list_issues
from mailer.web.public.language import offered, page_code
from mailer.web.public.names import find_public_project, name_project

TOO_FAST = timedelta(seconds=2)
TOO_OLD = timedelta(hours=24)
ISSUES_SHOWN = 3
LONGEST_SOURCE = 40

blueprint = Blueprint("signup", __name__)


@blueprint.get("/")
def start() -> Response:
    """The site's address without a language: the association's first one."""
    return redirect(url_for(".home", lang=offered()[0]), 302)


@blueprint.get("/<lang:lang>/")
def home() -> str:
    return _show(_fresh_form(), issues=list_issues(session(), limit=ISSUES_SHOWN))


@blueprint.get("/<lang:lang>/subscribe")
def show() -> str:
    """The form alone, with the topics of `?project=` or those named by `?topic=` ticked."""
    return _show(_fresh_form())


@blueprint.post("/<lang:lang>/subscribe")
def subscribe() -> Response | tuple[str, int]:
    refuse_other_sites()
    form = SignUpForm(request.form)
    if form.comment.data:
        return _sent("check_inbox", form.email.data)
    if not _is_timely(form):
        return _show(form, is_stale=True), 422
    try:
        address = read_address(form.email.data or "")
        subscriptions.sign_up(
            session(),
            address,
            parts().address_key(address.key_text),
            form.get_wishes(),
            trace=trace(_source_of(form.project.data)),
            now=now(),
        )
    except Invalid as error:
        blame(form, error)
        return _show(form), 422
    return _sent("check_inbox", address.mailbox)


@blueprint.get("/<lang:lang>/check-inbox")
def check_inbox() -> str:
    return render_template("public/check_inbox.html", masked=unseal(request.args.get("to", "")))


@blueprint.get("/<lang:lang>/link")
def ask_link() -> str:
    return _show_link(LinkForm(as_typed({"opened": [parts().links.form_token(now())]})))


@blueprint.post("/<lang:lang>/link")
def send_link() -> Response | tuple[str, int]:
    refuse_other_sites()
    form = LinkForm(request.form)
    if form.comment.data:
        return _sent("link_sent", form.email.data)
    if not _is_timely(form):
        return _show_link(form, is_stale=True), 422
    try:
        address = read_address(form.email.data or "")
    except InvalidAddress as error:
        blame(form, error)
        return _show_link(form), 422
    subscriptions.send_link(
        session(), parts().address_key(address.key_text), trace=trace("link form"), now=now()
    )
    return _sent("link_sent", address.mailbox)


@blueprint.get("/<lang:lang>/link-sent")
def link_sent() -> str:
    return render_template("public/link_sent.html", masked=unseal(request.args.get("to", "")))


def _fresh_form() -> SignUpForm:
    """The form as it is first seen: what an address such as `?project=…` asks for is ticked."""
    project = find_public_project(session(), request.args.get("project", ""))
    topics = [topic for topic, _ in list_topics(session(), public_only=True)]
    named = {*request.args.getlist("topic"), *(project.topics if project else ())}
    ticked = [topic.slug for topic in topics if topic.slug in named]
    return SignUpForm(
        as_typed(
            {
                "languages": [_own_language()],
                "topics": ticked or [topic.slug for topic in topics if topic.is_default],
                "project": [project.slug] if project else [],
                "opened": [parts().links.form_token(now())],
            }
        )
    )


def _show(form: SignUpForm, *, is_stale: bool = False, issues: tuple[Issue, ...] = ()) -> str:
    if is_stale:
        form.opened.data = parts().links.form_token(now())
    project = find_public_project(session(), form.project.data or "")
    return render_template(
        "public/signup.html",
        form=form,
        is_stale=is_stale,
        issues=issues,
        languages=list_languages(session()),
        topics=list_topic_choices(session()),
        project=name_project(session(), project) if project else None,
    )


def _show_link(form: LinkForm, *, is_stale: bool = False) -> str:
    if is_stale:
        form.opened.data = parts().links.form_token(now())
    return render_template("public/link.html", form=form, is_stale=is_stale)


def _sent(page: str, typed: str | None) -> Response:
    """On to the page that says that a mail is on its way, whether or not one is."""
    try:
        sealed = seal(mask(read_address(typed or "").mailbox))
    except InvalidAddress:  # only a machine that fell into the trap comes here
        sealed = ""
    return redirect(url_for(f".{page}", to=sealed), 303)


def _is_timely(form: SignUpForm | LinkForm) -> bool:
    """Whether a person can have filled it in: not at once, and not from a page kept for days."""
    try:
        age = parts().links.read_form_token(form.opened.data or "", now())
    except BadLink:
        return False
    return TOO_FAST <= age <= TOO_OLD


def _own_language() -> str:
    content = list_content_languages(session())
    fitting = (code for code in (page_code(), words().lang) if code in content)
    return next(fitting, get_fallback(session()))


def _source_of(slug: str | None) -> str:
    project = find_public_project(session(), slug or "")
    return f"project:{project.slug}"[:LONGEST_SOURCE] if project else "form"
