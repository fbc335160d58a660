"""The import of subscribers in steps: the list, its columns, the proof, a dry run, the result.

Each step is a page of its own; what was chosen so far waits in a draft that only the desk sees.
"""

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import CombinedMultiDict
from werkzeug.wrappers import Response

from mailer.domain.errors import Invalid, NotFound
from mailer.domain.imports import Fate, find_columns
from mailer.domain.permissions import Permission
from mailer.usecases import import_drafts, import_records
from mailer.usecases.import_drafts import Draft
from mailer.usecases.import_files import UnreadableFile, open_table, read_file
from mailer.usecases.subscriber_import import GRACE, Mode
from mailer.web.admin.subscriber_forms import ColumnsForm, ProofForm, SureForm, UploadForm
from mailer.web.admin.subscriber_words import FATES, INVALID, MODES
from mailer.web.auth import requires, who
from mailer.web.forms import show_mistake
from mailer.web.parts import _, now, parts, session, words

blueprint = Blueprint("subscriber_import", __name__, url_prefix="/desk/subscribers/import")

Page = Response | str | tuple[str, int]

SAMPLE_ROWS = 4
SAMPLE_COLUMNS = 8
SHOWN = 100
"""Lines of each kind that the dry run shows; it counts them all."""


@blueprint.route("", methods=["GET", "POST"])
@requires(Permission.PEOPLE)
def start() -> Page:
    """Step 1: a file, or a pasted list."""
    form = UploadForm(CombinedMultiDict([request.files, request.form]))
    code = HTTPStatus.OK
    if request.method == "POST":
        data = form.read_upload()
        try:
            text = read_file(data) if data else str(form.text.data or "")
            number = import_drafts.begin(session(), text, who(), now())
        except UnreadableFile as error:
            field = form.text if form.text.data and not data else form.file
            field.errors = [_(error.message, line=error.line)]
            code = HTTPStatus.UNPROCESSABLE_ENTITY
        else:
            return _after_upload(import_drafts.get_draft(session(), number))
    records = import_records.list_records(session())
    return render_template("admin/subscribers/upload.html", form=form, records=records), code


@blueprint.route("/<int:number>/columns", methods=["GET", "POST"])
@requires(Permission.PEOPLE)
def columns(number: int) -> Page:
    """Step 2: what the columns mean."""
    draft = import_drafts.get_draft(session(), number)
    table = open_table(draft.text)
    guessed = find_columns(table)
    form = ColumnsForm(request.form)
    form.offer(table)
    code = HTTPStatus.OK
    if request.method == "GET":
        form.fill_in(draft.columns or guessed)
    elif form.validate():
        try:
            chosen = form.read_columns(guessed.gone)
            import_drafts.choose_columns(session(), draft, chosen, now())
        except UnreadableFile as error:
            form.form_errors.append(_(error.message, line=error.line))
        else:
            return _go("proof", number)
    if request.method == "POST":
        code = HTTPStatus.UNPROCESSABLE_ENTITY
    rows = [record.cells[:SAMPLE_COLUMNS] for record in table.records[:SAMPLE_ROWS]]
    width = max(len(cells) for cells in rows)
    return render_template(
        "admin/subscribers/columns.html", form=form, rows=rows, width=width, number=number
    ), code


@blueprint.route("/<int:number>/proof", methods=["GET", "POST"])
@requires(Permission.PEOPLE)
def proof(number: int) -> Page:
    """Step 3: where and when they agreed, and what they get who did not say."""
    draft = import_drafts.get_draft(session(), number)
    form = ProofForm(request.form)
    form.offer(session(), words().lang)
    if request.method == "GET":
        form.propose(session())
        if draft.evidence:
            form.process(obj=draft)
        return render_template("admin/subscribers/proof.html", form=form, number=number)
    if form.validate():
        try:
            import_drafts.give_proof(session(), draft, str(form.evidence.data), form.wishes, now())
        except Invalid as error:
            show_mistake(form, error)
        else:
            return _go("check", number)
    return render_template("admin/subscribers/proof.html", form=form, number=number), 422


@blueprint.get("/<int:number>/check")
@requires(Permission.PEOPLE)
def check(number: int) -> Page:
    """Step 4: what would happen. Nothing has happened yet."""
    draft = import_drafts.get_draft(session(), number)
    return _show_check(draft, SureForm()) if draft.evidence else _go("proof", number)


@blueprint.post("/<int:number>/ask")
@requires(Permission.PEOPLE)
def ask(number: int) -> Page:
    """Step 5: ask each person to confirm."""
    return _carry_out(number, Mode.ASK)


@blueprint.post("/<int:number>/confirmed")
@requires(Permission.ADMIN)
def let_in(number: int) -> Page:
    """Step 5, for people who have confirmed elsewhere: they join at once."""
    form = SureForm(request.form)
    if not form.validate():
        return _show_check(import_drafts.get_draft(session(), number), form), 422
    return _carry_out(number, Mode.CONFIRMED)


@blueprint.post("/<int:number>/drop")
@requires(Permission.PEOPLE)
def drop(number: int) -> Page:
    """Give up before anything has happened."""
    import_drafts.drop(session(), number)
    flash(_("The list was thrown away. Nobody was added."))
    return redirect(url_for(".start"), HTTPStatus.SEE_OTHER)


@blueprint.get("/<int:number>")
@requires(Permission.PEOPLE)
def result(number: int) -> str:
    """Step 6: what happened, and the way back as long as there is one."""
    record = import_records.get_record(session(), number)
    return render_template(
        "admin/subscribers/result.html",
        record=record,
        source=import_records.make_source(number),
        may_undo=import_records.may_undo(session(), record, now()),
        undo_until=record.at + import_records.UNDO_WITHIN,
        asked_from=record.at + GRACE if record.mode == Mode.ASK else None,
        fates=FATES,
        invalid=INVALID,
        modes=MODES,
    )


@blueprint.post("/<int:number>/undo")
@requires(Permission.PEOPLE)
def undo(number: int) -> Page:
    """Take an import back."""
    erased = import_records.undo(session(), number, who(), now())
    flash(words().plural("%(num)s person was erased.", "%(num)s people were erased.", erased))
    return _go("result", number)


def _after_upload(draft: Draft) -> Response:
    """On to the columns; a plain list has none to speak of."""
    is_plain = all(len(record.cells) == 1 for record in open_table(draft.text).records)
    return _go("proof" if is_plain else "columns", draft.number)


def _show_check(draft: Draft, form: SureForm) -> str:
    plan = import_drafts.plan(session(), draft, parts().address_key)
    return render_template(
        "admin/subscribers/check.html",
        number=draft.number,
        evidence=draft.evidence,
        counts=plan.count(),
        unusable=plan.unusable[:SHOWN],
        suggestions=plan.suggestions[:SHOWN],
        staying_out={
            fate: plan.list_people(fate)[:SHOWN] for fate in (Fate.LEFT, Fate.BOUNCED, Fate.GONE)
        },
        shown=SHOWN,
        fates=FATES,
        invalid=INVALID,
        form=form,
    )


def _carry_out(number: int, mode: Mode) -> Page:
    try:
        draft = import_drafts.get_draft(session(), number)
    except NotFound:
        # The button was pressed twice: what the first press did is what there is to see.
        import_records.get_record(session(), number)
        return _go("result", number)
    if not draft.evidence:
        return _go("proof", number)
    import_drafts.carry_out(session(), draft, mode, parts().address_key, who(), now())
    return _go("result", number)


def _go(step: str, number: int) -> Response:
    return redirect(url_for(f".{step}", number=number), HTTPStatus.SEE_OTHER)
