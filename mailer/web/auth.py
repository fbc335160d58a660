"""The desk's door: sign-in, sign-out, and who may do what. Flask-Security stays behind it.

Nothing under `/desk` is open to strangers but the few pages named in `_OPEN`.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar, cast

from flask import Flask, Response, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask_login import (  # type: ignore[import-untyped]  # it ships no types
    current_user,
    user_logged_in,
    user_logged_out,
)
from flask_security.core import Security
from flask_security.signals import user_authenticated
from flask_security.utils import login_user
from werkzeug.wrappers import Response as AnyResponse

from mailer.domain.permissions import Permission, check, may
from mailer.i18n import INTERFACE, SOURCE, Words
from mailer.storage import audit
from mailer.storage.settings import get_association
from mailer.storage.users import User, count_users
from mailer.usecases.passwords import new_epoch
from mailer.web.auth_forms import SignInForm, is_desk_path
from mailer.web.auth_sessions import DeskSessions, is_desk, protect_forms
from mailer.web.auth_settings import SETTINGS
from mailer.web.auth_store import Coordinator, Coordinators
from mailer.web.parts import WebParts, now, session

P = ParamSpec("P")
R = TypeVar("R")

_OPEN = frozenset(
    {
        "security.login",
        "security.logout",
        "setup.show",
        "account.ask_link",
        "account.set_password",
    }
)


def init_auth(app: Flask, parts: WebParts) -> None:
    """Install sign-in, sign-out and the checks around every request to the desk."""
    app.session_interface = DeskSessions()
    app.config.update(SETTINGS, SECURITY_EMAIL_SENDER=parts.config.mail.from_address)
    app.before_request(_meet)
    protect_forms(app)
    security = Security(
        app,
        Coordinators(),
        login_form=SignInForm,
        render_template=_render,  # type: ignore[arg-type]  # Flask takes a status with the page
    )
    # Pages are the only way in: no JSON, no tokens in the query, no second identity system.
    security.want_json(lambda _request: False)
    security.login_manager.request_loader(lambda _request: None)
    security.principal.identity_loaders.clear()
    app.context_processor(_frame)
    user_logged_in.connect(_start_session, app)
    user_logged_out.connect(_end_sessions, app)
    user_authenticated.connect(_note_sign_in, app)


def requires(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let the view answer only coordinators whose role includes `permission`.

    Others get NotPermitted; strangers never come this far. The wrapped view carries the
    permission as its attribute `permission`.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            check(_coordinator().role_names, permission)
            return view(*args, **kwargs)

        guarded.__dict__["permission"] = permission
        return guarded

    return decorate


def who() -> str:
    """The signed-in coordinator's e-mail address, for the log."""
    return _coordinator().email


def me() -> User:
    """The signed-in coordinator's row, in this request's transaction."""
    return _coordinator().row


def i_may(permission: Permission | str) -> bool:
    """Whether the signed-in coordinator may: for showing or hiding what would be refused."""
    return is_signed_in() and may(_coordinator().role_names, Permission(permission))


def is_signed_in() -> bool:
    """Whether this request comes from a coordinator."""
    return bool(current_user and current_user.is_authenticated)


def sign_in(user: User) -> None:
    """Make this session the user's."""
    login_user(Coordinator(user))


def guess_language() -> str:
    """The language of a page for somebody who has told us none: `?lang=`, or the browser's."""
    wanted = request.args.get("lang", "")
    if wanted in INTERFACE:
        return wanted
    return request.accept_languages.best_match(INTERFACE) or SOURCE


def _coordinator() -> Coordinator:
    return cast("Coordinator", current_user)


def _meet() -> AnyResponse | None:
    """Choose the language; send strangers to the sign-in page and the first comer to the setup."""
    if not is_desk(request.path):
        return None
    if request.endpoint == "security.login" and not _leads_to_desk():
        return redirect(url_for("security.login"), HTTPStatus.SEE_OTHER)
    if is_signed_in():
        g.words = Words(me().language)
        g.frame = {
            "coordinator": me(),
            "is_admin": i_may(Permission.ADMIN),
            "desk_name": get_association(session()).name,
        }
        return None
    g.words = Words(guess_language())
    if request.endpoint == "security.login" and not count_users(session()):
        return redirect(url_for("setup.show"), HTTPStatus.SEE_OTHER)
    if request.endpoint in _OPEN or request.endpoint is None:
        return None
    return _ask_to_sign_in()


def _leads_to_desk() -> bool:
    """Whether the sign-in would end at the desk. Flask-Security follows any path that it takes
    for one of this host, and browsers read some of those otherwise."""
    wanted = [*request.args.getlist("next"), *request.form.getlist("next")]
    return all(is_desk_path(path) for path in wanted if path)


def _ask_to_sign_in() -> AnyResponse:
    if "HX-Request" in request.headers:
        # A fragment of a page cannot show a sign-in form: the whole page goes there.
        return Response(
            status=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": url_for("security.login")}
        )
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else None
    return redirect(url_for("security.login", next=wanted), HTTPStatus.SEE_OTHER)


def _start_session(_app: Flask, **_signal: Any) -> None:
    # A form token handed out before sign-in must not be good after it.
    cookie.pop("csrf_token", None)
    g.pop("csrf_token", None)
    cookie.permanent = True


def _end_sessions(_app: Flask, user: Any, **_signal: Any) -> None:
    # A copied cookie would outlive the sign-out: a new epoch ends it, here and on all devices.
    if isinstance(user, Coordinator):
        new_epoch(user.row)


def _note_sign_in(_app: Flask, user: Coordinator, **_signal: Any) -> None:
    audit.record(session(), user.email, "signed in", now(), thing="user", thing_id=user.id)


def _render(template: str, **context: Any) -> tuple[str, int]:
    """Flask-Security's pages with our status: 422 when something typed cannot be used."""
    form = context["login_user_form"]
    return render_template(template, **context), 422 if form.errors else 200


def _frame() -> dict[str, Any]:
    """What the desk's frame shows. Mistakes are framed too, so nothing here may fail."""
    stranger = {"coordinator": None, "is_admin": False, "desk_name": ""}
    return {"i_may": i_may, **g.get("frame", stranger)}
