"""Where the files beside the code live: inside an installed package, or in the checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def get_folder(name: str) -> Path:
    """The folder `templates` or `migrations`: the wheel carries it inside the package, a checkout
    keeps it beside."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
