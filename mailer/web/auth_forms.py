"""The sign-in form, which never says which half was wrong, and where one may go from there."""

import re
from typing import Any

from flask_security.forms import LoginForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from mailer.storage.users import find_user
from mailer.usecases.passwords import LONGEST
from mailer.web.auth_store import Coordinator
from mailer.web.parts import _, session

_LONGEST_PATH = 500
_DESK_PATH = re.compile(r"/desk/[0-9A-Za-z/_-]*(\?[0-9A-Za-z/_=&%.+-]*)?")


def is_desk_path(text: str) -> bool:
    """Whether the text is a plain path of the desk: no host, no scheme, nothing a browser would
    read otherwise."""
    return len(text) <= _LONGEST_PATH and _DESK_PATH.fullmatch(text) is not None


class SignInForm(LoginForm):
    """Flask-Security checks the password, and takes as long for an unknown address."""

    email = EmailField(validators=[Length(max=254)])
    # The hasher fails on monsters, and each try must cost about the same.
    password = PasswordField(validators=[InputRequired(), Length(max=LONGEST)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A second cookie, which would outlive the session, is one that nobody here needs.
        del self.remember

    def validate(self, **kwargs: Any) -> bool:
        row = find_user(session(), (self.email.data or "").strip())
        self.user = Coordinator(row) if row else None
        self.ifield = self.email
        if super().validate(**kwargs):
            return True
        self.form_errors.append(_("That e-mail address and password do not go together."))
        return False
