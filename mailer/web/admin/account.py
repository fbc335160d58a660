"""One's own account: name, language, password; and the way back in for whoever forgot it."""

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from mailer.domain.errors import BadLink, Invalid
from mailer.domain.permissions import Permission
from mailer.i18n import INTERFACE, get_language
from mailer.message.vocabulary import N_
from mailer.usecases import passwords, users
from mailer.web.auth import me, requires, sign_in
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import _, now, parts, session

blueprint = Blueprint("account", __name__)

Page = Response | str | tuple[str, int]


class AccountForm(DeskForm):
    """What a coordinator may change about themselves."""

    name = StringField(N_("Your name"), [InputRequired(), Length(max=100)])
    language = SelectField(
        N_("Language of the desk"),
        choices={code: get_language(code).endonym for code in INTERFACE},
    )


class PasswordForm(DeskForm):
    """A new password. Typed once: it can be shown, and managers fill it in."""

    password = PasswordField(N_("New password"), [InputRequired(), Length(max=200)])


class ChangePasswordForm(PasswordForm):
    """A new password, by whoever knows the present one."""

    present = PasswordField(N_("Present password"), [InputRequired(), Length(max=200)])


class AskForm(DeskForm):
    """Whose password was forgotten."""

    email = EmailField(N_("Your e-mail address"), [InputRequired(), Length(max=254)])


@blueprint.get("/desk/account")
@requires(Permission.VIEW)
def show() -> str:
    """Name and language, and the way to the password."""
    return render_template("admin/account.html", form=AccountForm(obj=me()), user=me())


@blueprint.post("/desk/account")
@requires(Permission.VIEW)
def change() -> Page:
    """Keep name and language."""
    form = AccountForm(request.form)
    if form.validate():
        try:
            users.change_account(session(), me(), str(form.name.data), form.language.data, now())
        except Invalid as error:
            show_mistake(form, error)
        else:
            flash(_("Saved."))
            return redirect(url_for("account.show"), HTTPStatus.SEE_OTHER)
    return render_template("admin/account.html", form=form, user=me()), 422


@blueprint.route("/desk/account/password", methods=["GET", "POST"])
@requires(Permission.VIEW)
def change_password() -> Page:
    """Change the password; every other device has to sign in again."""
    form = ChangePasswordForm(request.form)
    if request.method != "POST":
        return render_template("admin/password.html", form=form)
    if form.validate():
        try:
            passwords.change(
                session(), me(), str(form.present.data), str(form.password.data), now()
            )
        except Invalid as error:
            show_mistake(form, error)
        else:
            sign_in(me())
            flash(_("Your password is changed. All other devices are signed out."))
            return redirect(url_for("account.show"), HTTPStatus.SEE_OTHER)
    return render_template("admin/password.html", form=form), 422


@blueprint.route("/desk/forgotten", methods=["GET", "POST"])
def ask_link() -> Page:
    """Ask for a link to set a new password by. The answer is the same whether or not there is
    such an account."""
    form = AskForm(request.form)
    if request.method != "POST":
        return render_template("security/forgotten.html", form=form, is_asked=False)
    if not form.validate():
        return render_template("security/forgotten.html", form=form, is_asked=False), 422
    passwords.ask_link(session(), str(form.email.data), now())
    return render_template("security/forgotten.html", form=form, is_asked=True)


@blueprint.route("/desk/password/<token>", methods=["GET", "POST"])
def set_password(token: str) -> Page:
    """Where a mailed link leads: choose a password, and be signed in."""
    links = parts().links
    try:
        user = passwords.find_link_owner(session(), links, token, now())
    except BadLink as error:
        return render_template("security/bad_link.html", sentence=str(error)), 410
    form = PasswordForm(request.form)
    if request.method != "POST":
        return render_template("security/set_password.html", form=form, user=user)
    if form.validate():
        try:
            passwords.set_by_link(session(), links, token, str(form.password.data), now())
        except Invalid as error:
            show_mistake(form, error)
        else:
            sign_in(user)
            return redirect("/desk/", HTTPStatus.SEE_OTHER)
    return render_template("security/set_password.html", form=form, user=user), 422
