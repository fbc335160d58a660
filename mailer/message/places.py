"""Where the templates lie: inside an installed package, or beside it in a checkout."""

from importlib.resources import files
from pathlib import Path


def templates_folder() -> Path:
    """The folder `templates`: the copy in the installed package if it is there, else the one of
    the checkout that the package stands in."""
    package = Path(str(files("mailer")))
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
