"""Who works at the desk: the list, invitations, roles, shutting somebody out."""

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import EmailField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.i18n import INTERFACE, get_language
from mailer.message.vocabulary import N_
from mailer.storage.users import list_users
from mailer.usecases import users
from mailer.web.auth import me, requires, who
from mailer.web.forms import DeskForm, show_mistake
from mailer.web.parts import _, now, session

blueprint = Blueprint("users", __name__)

Page = Response | str | tuple[str, int]

ROLES = {
    "viewer": N_("Viewer: sees everything but people's addresses"),
    "editor": N_("Editor: also writes events, updates and drafts"),
    "sender": N_("Sender: also approves newsletters and looks after subscribers"),
    "admin": N_("Administrator: also coordinators, settings and the log"),
}


class InviteForm(DeskForm):
    """Whom to invite, and as what."""

    name = StringField(N_("Name"), [InputRequired(), Length(max=100)])
    email = EmailField(N_("E-mail address"), [InputRequired(), Length(max=254)])
    role = RadioField(N_("Role"), choices=ROLES, default="editor")
    language = SelectField(
        N_("Language of the desk"),
        choices={code: get_language(code).endonym for code in INTERFACE},
    )


class RoleForm(DeskForm):
    """What somebody may do from now on."""

    role = RadioField(N_("Role"), choices=ROLES)


@blueprint.get("/desk/users")
@requires(Permission.ADMIN)
def show_all() -> str:
    """Everybody who has or had an account."""
    return render_template("admin/users/list.html", users=list_users(session()), me=me())


@blueprint.route("/desk/users/new", methods=["GET", "POST"])
@requires(Permission.ADMIN)
def invite() -> Page:
    """Invite somebody by mail."""
    form = InviteForm(request.form)
    if request.method != "POST":
        return render_template("admin/users/invite.html", form=form)
    if form.validate():
        new = users.NewUser(
            str(form.email.data), str(form.name.data), form.role.data, form.language.data
        )
        try:
            user = users.invite(session(), new, who(), now())
        except Invalid as error:
            show_mistake(form, error)
        else:
            flash(_("An invitation is on its way to %(email)s.", email=user.email))
            return _back()
    return render_template("admin/users/invite.html", form=form), 422


@blueprint.get("/desk/users/<int:user_id>")
@requires(Permission.ADMIN)
def show(user_id: int) -> str:
    """One coordinator: role, and the doors in and out."""
    user = users.get_user(session(), user_id)
    form = RoleForm(role=next((role.name for role in user.roles), "viewer"))
    return render_template("admin/users/show.html", user=user, form=form, me=me())


@blueprint.post("/desk/users/<int:user_id>/role")
@requires(Permission.ADMIN)
def change_role(user_id: int) -> Page:
    """Give another role; the person has to sign in again."""
    form = RoleForm(request.form)
    if not form.validate():
        user = users.get_user(session(), user_id)
        return render_template("admin/users/show.html", user=user, form=form, me=me()), 422
    user = users.change_role(session(), user_id, form.role.data, who(), now())
    flash(_("The role of %(name)s is changed.", name=user.name))
    return _back()


@blueprint.post("/desk/users/<int:user_id>/invite")
@requires(Permission.ADMIN)
def invite_again(user_id: int) -> Page:
    """Send the invitation once more."""
    user = users.invite_again(session(), user_id, who(), now())
    flash(_("An invitation is on its way to %(email)s.", email=user.email))
    return _back()


@blueprint.post("/desk/users/<int:user_id>/shut-out")
@requires(Permission.ADMIN)
def deactivate(user_id: int) -> Page:
    """Shut somebody out."""
    user = users.deactivate(session(), user_id, who(), now())
    flash(_("%(name)s cannot sign in any more.", name=user.name))
    return _back()


@blueprint.post("/desk/users/<int:user_id>/let-in")
@requires(Permission.ADMIN)
def reactivate(user_id: int) -> Page:
    """Let somebody in again."""
    user = users.reactivate(session(), user_id, who(), now())
    flash(_("%(name)s can sign in again.", name=user.name))
    return _back()


def _back() -> Response:
    return redirect(url_for("users.show_all"), HTTPStatus.SEE_OTHER)
