"""The first sign-in: the one-time code from the console makes the first administrator."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from mailer.domain.errors import Invalid
from mailer.message.vocabulary import N_
from mailer.storage.users import count_users
from mailer.usecases import users
from mailer.web.auth import sign_in
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import now, session, words

blueprint = Blueprint("setup", __name__)


class SetupForm(DeskForm):
    """What makes the first administrator."""

    code = StringField(N_("Setup code"), [InputRequired(), Length(max=60)])
    name = StringField(N_("Your name"), [InputRequired(), Length(max=100)])
    email = EmailField(N_("Your e-mail address"), [InputRequired(), Length(max=254)])
    password = PasswordField(N_("Password"), [InputRequired(), Length(max=200)])


@blueprint.route("/desk/setup", methods=["GET", "POST"])
def show() -> Response | str | tuple[str, int]:
    """The form, for as long as there is no coordinator; afterwards the sign-in page."""
    if count_users(session()):
        return redirect(url_for("security.login"), HTTPStatus.SEE_OTHER)
    form = SetupForm(request.form)
    if request.method != "POST":
        return render_template("admin/setup.html", form=form)
    if form.validate():
        try:
            return _set_up(form)
        except Invalid as error:
            show_mistake(form, error)
    return render_template("admin/setup.html", form=form), _code_of(form)


def _set_up(form: SetupForm) -> Response:
    new = users.NewUser(
        email=str(form.email.data),
        name=str(form.name.data),
        role=users.ADMIN,
        language=words().lang,
    )
    user = users.add_first(session(), str(form.code.data), new, str(form.password.data), now())
    sign_in(user)
    return redirect("/desk/", HTTPStatus.SEE_OTHER)


def _code_of(form: SetupForm) -> HTTPStatus:
    # Only wrong codes are counted against whoever guesses (see auth_limits).
    return HTTPStatus.FORBIDDEN if form.code.errors else HTTPStatus.UNPROCESSABLE_ENTITY
