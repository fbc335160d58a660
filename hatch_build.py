"""Puts the templates and migrations inside the wheel; an editable install reads them in place."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CarryFolders(BuildHookInterface):
    """`mailer/places.py` looks for these folders inside the package first."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for folder in ("templates", "migrations"):
            build_data["force_include"][str(Path(self.root) / folder)] = f"mailer/{folder}"
