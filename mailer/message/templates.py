"""The e-mail templates: where they are found and what is within their reach.

They run in a sandbox, and get plain values and the words of the catalogue: no object of ours.
"""

from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from mailer.i18n import Words
from mailer.places import get_folder


def open_templates(overrides: Path | None = None) -> Environment:
    """Our templates; one of the same name in the folder `overrides` stands in for ours."""
    folders = [overrides] if overrides else []
    folders.append(get_folder("templates") / "emails")
    templates = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.clear()
    templates.globals.update({"_": _say, "ngettext": _count})
    return templates


@pass_context
def _say(context: Context, message: str, /, **values: Any) -> str:
    """`_("…", name=…)` in a template: the words in the letter's language, the values escaped."""
    text = Words(context["chrome"]["lang"]).say(message)
    if context.eval_ctx.autoescape:
        text = Markup(text)  # noqa: S704  our own catalogue, not a person's text
    return text % values if values else text


@pass_context
def _count(context: Context, one: str, many: str, number: int, /, **values: Any) -> str:
    """`ngettext(one, many, number)` in a template; `%(num)d` is the number."""
    return Words(context["chrome"]["lang"]).plural(one, many, number, **values)
