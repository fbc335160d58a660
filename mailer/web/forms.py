"""What every form has in common: messages in the page's language, and mistakes put beside the
field they are about. Labels are marked with `N_` and translated where they are shown."""

from typing import Any

from flask import Flask
from wtforms import Form
from wtforms.i18n import get_translations

from mailer.domain.errors import Invalid
from mailer.i18n import INTERFACE
from mailer.web.parts import words


class DeskForm(Form):
    """A form whose ready-made messages come in the language of the page."""

    class Meta:
        """What WTForms asks for a form's surroundings."""

        def get_translations(self, _form: Any) -> Any:
            """WTForms' own sentences, for instance “This field is required.”"""
            return get_translations([words().lang])


def show_mistake(form: Form, error: Invalid) -> None:
    """Put the sentence of `error` beside its field, or above the form if it has no such field."""
    if error.field not in form:
        form.form_errors.append(str(error))
        return
    field = form[error.field]
    field.errors = [*field.errors, str(error)]


def init_forms(app: Flask) -> None:
    """Give templates the filter `say`: a text that Python marked with `N_`, in the page's
    language. Unlike `_()` it takes any text, and its result is escaped like any other."""
    app.jinja_env.globals["interface_languages"] = INTERFACE
    app.jinja_env.filters["say"] = lambda text: words().say(str(text))
