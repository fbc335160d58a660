"""What was read from the website: each row with its doubts, and the decision about it."""

from collections import Counter

from flask import Blueprint, flash, request, url_for
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from mailer.domain.errors import Invalid, Refused
from mailer.domain.permissions import Permission
from mailer.domain.website import MOST_CHARACTERS
from mailer.message.vocabulary import N_
from mailer.storage.imports import FindingState, list_imports
from mailer.usecases.findings import Choice, decide
from mailer.usecases.websites import import_website
from mailer.web.admin.content_pages import Page, go, render, typed
from mailer.web.admin.finding_list import find_next, list_findings
from mailer.web.admin.projects import ROLES
from mailer.web.auth import requires, who
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import _, now, session, words

blueprint = Blueprint("findings", __name__)

STATES = {
    FindingState.OPEN: (N_("Please decide"), "yellow"),
    FindingState.CLEAR: (N_("Clear"), "green"),
    FindingState.DECIDED: (N_("Decided"), "green"),
    FindingState.IGNORED: (N_("Left out"), "grey"),
}
CONFIDENCES = {
    "exact": N_("as the page says"),
    "approximate": N_("partly our reading"),
    "doubtful": N_("doubtful"),
}


class DecisionForm(DeskForm):
    """What a person says about one reading."""

    choice = RadioField(
        N_("What is right?"), [InputRequired()], choices={one.value: one.value for one in Choice}
    )
    value = StringField(N_("Date or title"), [Optional(), Length(max=200)])


class PasteForm(DeskForm):
    """The text of a website."""

    name = StringField(
        N_("Which website is it?"),
        [Optional(), Length(max=200)],
        render_kw={"placeholder": "example.org"},
    )
    text = TextAreaField(
        N_("Its text"),
        [InputRequired(), Length(max=MOST_CHARACTERS)],
        description=N_("Mark everything on the page, copy it and paste it here, headings too."),
        render_kw={"rows": 14},
    )


@blueprint.get("/desk/findings")
@requires(Permission.VIEW)
def show_all() -> str:
    """Open questions, or everything that was read."""
    return _page()


@blueprint.route("/desk/findings/paste", methods=["GET", "POST"])
@requires(Permission.WRITE)
def paste() -> Page:
    """Read the text of a website."""
    form = PasteForm(typed())
    if request.method == "GET":
        return render("admin/findings/paste.html", form=form)
    if not form.validate():
        return render("admin/findings/paste.html", form=form), 422
    try:
        result = import_website(session(), form.text.data or "", form.name.data or "", who(), now())
    except Invalid as mistake:
        show_mistake(form, mistake)
        return render("admin/findings/paste.html", form=form), 422
    said = words().plural("%(num)s new row was read.", "%(num)s new rows were read.", result.new)
    flash(said if result.new else _("Nothing new: all of this was read before."))
    for note in result.notes:
        flash(_(note), "warning")
    return go(url_for("findings.show_all"))


@blueprint.post("/desk/findings/<int:finding_id>")
@requires(Permission.WRITE)
def settle(finding_id: int) -> Page:
    """Decide about one row, and go on to the next open question."""
    form = DecisionForm(typed())
    if not form.validate():
        return _page(finding_id, form), 422
    choice, value = Choice(form.choice.data), form.value.data or ""
    try:
        decide(session(), finding_id, choice, value, who=who(), now=now())
    except Invalid as mistake:
        show_mistake(form, mistake)
        return _page(finding_id, form), 422
    except Refused as refusal:
        show_mistake(form, Invalid("value", str(refusal)))
        return _page(finding_id, form), 409
    flash(_("Saved."))
    next_id = find_next(list_findings(session(), words().lang), finding_id)
    anchor = f"finding-{next_id}" if next_id else None
    return go(url_for("findings.show_all", show=request.args.get("show"), _anchor=anchor))


def _page(tried_id: int = 0, tried: DecisionForm | None = None) -> str:
    """The list; below one row may stand what was typed there and why it cannot be used."""
    shown = list_findings(session(), words().lang)
    counts = Counter(one.row.state for one in shown)
    is_all = request.args.get("show") == "all" or not counts[FindingState.OPEN]
    wanted = [one for one in shown if is_all or one.is_open or one.row.id == tried_id]
    return render(
        "admin/findings/list.html",
        groups=[
            (N_("The timeline"), [one for one in wanted if one.is_milestone]),
            (N_("Projects"), [one for one in wanted if not one.is_milestone]),
        ],
        counts=[(name, counts[state], tone) for state, (name, tone) in STATES.items()],
        is_all=is_all,
        tried_id=tried_id,
        tried=tried,
        states=STATES,
        confidences=CONFIDENCES,
        roles=ROLES,
        imports=list_imports(session()),
    )
