"""Newsletters and community mailings that lose nobody and reach each reader in their language.

`flask --app mailer` finds the web application through `create_app` below; nothing else is
imported here, so that a worker and most commands never load the web floor by accident.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("mailer")
except PackageNotFoundError:  # a bare checkout on the import path, not installed
    __version__ = "0"


def __getattr__(name: str) -> Any:
    if name == "create_app":
        return import_module("mailer.boot_web").create_web_app
    raise AttributeError(name)
