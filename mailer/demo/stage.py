"""Prepares a folder in which the demonstration runs: configuration, database, content, sign-in."""

import secrets
import socket
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mailer.boot import Parts
from mailer.config import load
from mailer.demo.content import ASSOCIATION, WHO, add_content
from mailer.demo.readers import add_readers
from mailer.storage import migrate
from mailer.storage.users import find_user
from mailer.usecases.addresses import read_address
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles
from mailer.usecases.websites import import_website

COORDINATOR = "anna@example.org"

CONFIG = """\
# Made by `mailer demo`. Mail goes to the demo's own inbox and nowhere else.
[site]
base_url = "http://localhost:{web_port}"
secret_keys = ["{key}"]
demo = true

[database]
url = "sqlite:///{folder}/mailer.db"

[web]
port = {web_port}

[mail]
from_address = "news@migact.example"
provider = "inbox"

[inbox]
port = {mail_port}
directory = "{folder}/inbox"

[engine]
grace_seconds = {grace}
poll_seconds = 0.2

[limits]
signups_per_hour_per_ip = 100
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demonstration runs, and how the coordinator signs in."""

    folder: Path
    config: Path
    parts: Parts
    password: str


def set_stage(folder: Path, *, web_port: int, mail_port: int, grace: int) -> Stage:
    """Make or reopen the demonstration in `folder`. Content is added to a new database only."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.toml"
    if not config.exists():
        key = secrets.token_urlsafe(48)
        text = CONFIG.format(
            folder=folder, key=key, web_port=web_port, mail_port=mail_port, grace=grace
        )
        config.touch(mode=0o600)
        config.write_text(text, encoding="utf-8")
    parts = Parts(load(config))
    migrate.upgrade(parts.database)
    return Stage(folder, config, parts, _fill(parts, folder))


def _fill(parts: Parts, folder: Path) -> str:
    kept = folder / "password"
    with parts.sessions() as session:
        if find_user(session, COORDINATOR):
            return kept.read_text(encoding="utf-8")
        now = parts.clock()
        password = f"{secrets.token_hex(3)}-{secrets.token_hex(3)}"
        ensure_roles(session)
        set_up(session, ASSOCIATION, now)
        add_user(session, NewUser(COORDINATOR, "Anna", "admin"), password, WHO, now)
        import_website(session, read_example_website(), "migact-website.txt", WHO, now)
        add_content(session, now)
        add_readers(session, lambda text: parts.address_key(read_address(text).key_text), now)
    kept.touch(mode=0o600)
    kept.write_text(password, encoding="utf-8")
    return password


def read_example_website() -> str:
    """The first user's website as it was pasted: what `mailer import website` is shown on."""
    return (files("mailer") / "demo" / "migact-website.txt").read_text(encoding="utf-8")


def find_free_port() -> int:
    """A port on the loopback address that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
