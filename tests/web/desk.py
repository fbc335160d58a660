"""A desk to test: the whole application on a database of its own, and a browser of one person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from mailer.config import Config
from mailer.domain.association import Association
from mailer.message.links import Links
from mailer.message.render import Renderer
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.users import User, find_user
from mailer.usecases import passwords, setup, users
from mailer.usecases.addresses import make_address_key
from mailer.web.app import create_app
from mailer.web.parts import WebParts

SECRET = "a-test-key-of-more-than-32-letters"
PASSWORD = "correct horse battery"
ROLES = ("admin", "sender", "editor", "viewer")

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Desk:
    """The application, its database, and a clock that is moved by hand."""

    sessions: Sessions
    links: Links
    now: datetime
    app: Flask = field(init=False)

    def browse(self, lang: str = "en") -> "Browser":
        """A browser that nobody has signed in with."""
        return Browser(self.app.test_client(), lang)

    def sign_in(self, role: str = "admin") -> "Browser":
        """A browser in which the coordinator of that role has signed in."""
        browser = self.browse()
        answer = browser.sign_in(f"{role}@example.org")
        assert answer.status_code == 302
        return browser

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)

    def mailed_path(self) -> str:
        """Where the newest “account” mail leads, signed as the worker would do it now."""
        mail = self.mails()[-1]
        assert mail.template == "account"
        return passwords.link_path(self.links, mail.context, self.now)

    def mails(self) -> list[Delivery]:
        """All mail in the ledger, oldest first."""
        with self.sessions() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def user(self, role: str) -> User:
        """The coordinator of that role."""
        with self.sessions() as session:
            user = find_user(session, f"{role}@example.org")
            assert user is not None
            return user


@dataclass
class Browser:
    """A person's browser: keeps cookies, sends the form token of the page it is on."""

    client: FlaskClient
    lang: str = "en"

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers={"Accept-Language": self.lang})

    def read(self, path: str) -> str:
        """The page, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status)
        return answer.text

    def token(self, path: str) -> str:
        """The form token of a page."""
        found = _TOKEN.search(self.get(path).text)
        assert found, path
        return found[1]

    def post(
        self, path: str, values: Mapping[str, object] | None = None, *, page: str = ""
    ) -> TestResponse:
        """Send the form of `page` (by default the page at `path` itself)."""
        data = {"csrf_token": self.token(page or path), **(values or {})}
        return self.client.post(path, data=data, headers={"Accept-Language": self.lang})

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
        values = {"email": email, "password": password, **more}
        return self.post("/desk/sign-in", values)

    @property
    def is_in(self) -> bool:
        """Whether somebody is signed in."""
        return self.get("/desk/account").status_code == 200

    @property
    def cookie(self) -> str:
        """What the browser keeps as the session of the desk."""
        cookie = self.client.get_cookie("desk", path="/desk")
        return cookie.value if cookie else ""


def open_desk(
    url: str, now: datetime, *, inbox: Path | None = None, https: bool = False, staff: bool = True
) -> Desk:
    """A desk on the database `url`, with one coordinator per role: admin@example.org and so on."""
    engine = open_engine(url)
    origin = "https://news.example.org" if https else "http://localhost"
    values: dict[str, object] = {"site": {"secret_keys": [SECRET], "base_url": origin}}
    if inbox:
        values |= {"mail": {"provider": "inbox"}, "inbox": {"directory": inbox}}
    links = Links([SECRET])
    desk = Desk(open_sessions(engine), links, now)
    parts = WebParts(
        config=Config.model_validate(values),
        sessions=desk.sessions,
        reading=open_sessions(engine, reads_only=True),
        links=links,
        renderer=Renderer(origin),
        clock=lambda: desk.now,
        address_key=make_address_key(SECRET.encode()),
        readiness=list,
    )
    with desk.sessions() as session:
        setup.set_up(session, Association(name="MigAct"), now)
        if staff:
            _add_staff(session, now)
    desk.app = create_app(parts)
    return desk


def _add_staff(session: Session, now: datetime) -> None:
    for role in ROLES:
        new = users.NewUser(f"{role}@example.org", f"{role.capitalize()} Person", role)
        users.add_user(session, new, PASSWORD, "test", now)
