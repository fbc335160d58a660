"""The sign-in form. It never says which half was wrong, and goes nowhere but to the desk."""

import re
from typing import Any

from flask_security.forms import LoginForm
from wtforms import HiddenField, StringField
from wtforms.validators import Length

from mailer.storage.users import find_user
from mailer.web.auth_store import Coordinator
from mailer.web.parts import _, session

_LONGEST_PATH = 500
_DESK_PATH = re.compile(r"/desk/[0-9A-Za-z/_-]*(\?[0-9A-Za-z/_=&%.+-]*)?")


def is_desk_path(text: str) -> bool:
    """Whether the text is a plain path of the desk: no host, no scheme, nothing a browser would
    read otherwise."""
    return len(text) <= _LONGEST_PATH and _DESK_PATH.fullmatch(text) is not None


class SignInForm(LoginForm):  # type: ignore[misc]  # Flask-Security ships no types for it
    """Flask-Security checks the password, and takes as long for an unknown address."""

    email = StringField(validators=[Length(max=254)])
    next = HiddenField()
    remember = None
    submit = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_desk_path(self.next.data or ""):
            self.next.data = ""

    def validate_next(self, field: HiddenField) -> None:
        """Nothing to refuse: whatever is no path of the desk is gone already."""

    def validate(self, **kwargs: Any) -> bool:
        row = find_user(session(), (self.email.data or "").strip())
        self.user = Coordinator(row) if row else None
        self.ifield = self.email
        if super().validate(**kwargs):
            return True
        self.form_errors.append(_("That e-mail address and password do not go together."))
        return False
