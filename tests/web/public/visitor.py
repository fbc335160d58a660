"""The public site on a database of its own, its visitors, and a clock that is moved by hand."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from mailer.config import Config
from mailer.domain.association import Association
from mailer.message.links import Links, Purpose
from mailer.message.render import Renderer
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.subscribers import Subscriber
from mailer.usecases import setup
from mailer.web.app import create_app
from mailer.web.parts import WebParts
from tests.usecases.readers import KEY

SECRET = "a-test-key-of-more-than-32-letters"
ORIGIN = "http://localhost"


@dataclass
class Site:
    """The application, what it is made of, and one browser."""

    sessions: Sessions
    links: Links
    now: datetime
    app: Flask = field(init=False)
    browser: FlaskClient = field(init=False)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.browser.get(path, headers=headers)

    def read(self, path: str) -> str:
        """The page, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status)
        return answer.text

    def post(self, path: str, values: dict[str, object], **headers: str) -> TestResponse:
        return self.browser.post(path, data=values, headers=headers)

    def sign_up(self, email: str, **changes: object) -> TestResponse:
        """Fill in the form in ten seconds and send it."""
        values = {
            "email": email,
            "languages": "en",
            "topics": ["events"],
            "cadence": "weekly",
            "opened": self.links.form_token(self.now - timedelta(seconds=10)),
            **changes,
        }
        return self.post("/en/subscribe", values)

    def ask_link(self, email: str, **changes: object) -> TestResponse:
        opened = self.links.form_token(self.now - timedelta(seconds=10))
        return self.post("/en/link", {"email": email, "opened": opened, **changes})

    def list_mails(self) -> list[tuple[str, str]]:
        """What was queued, in order: template and address."""
        with self.sessions() as session:
            rows = session.execute(
                select(Delivery.template, Delivery.address).order_by(Delivery.id)
            )
            return [(template, address) for template, address in rows]

    def find(self, address: str) -> Subscriber:
        with self.sessions() as session:
            return session.scalars(select(Subscriber).where(Subscriber.address == address)).one()

    def path_to(self, room: str, reader: Subscriber) -> str:
        """The address of a personal page: u, p, c, a or d."""
        if room == "u":
            return f"/u/{self.links.unsubscribe_token(reader.public_id)}"
        if room == "p":
            return f"/p/{self.links.preferences_token(reader.public_id)}"
        purpose = {"c": Purpose.CONFIRM, "a": Purpose.ADDRESS_CHANGE, "d": Purpose.DATA}[room]
        extra = {"to": "new@example.org"} if room == "a" else {}
        jti = f"{room}-{reader.id}"
        return f"/{room}/{self.links.make(purpose, str(reader.public_id), extra, self.now, jti)}"

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)


def open_site(url: str, now: datetime, **limits: int) -> Site:
    """A site as `set_up` leaves it: three interface languages, five topics, a weekly digest."""
    engine = open_engine(url)
    links = Links([SECRET])
    site = Site(open_sessions(engine), links, now)
    values = {
        "site": {"secret_keys": [SECRET], "base_url": ORIGIN},
        "limits": {"signups_per_hour_per_ip": 1000, "signups_per_hour": 1000, **limits},
    }
    parts = WebParts(
        config=Config.model_validate(values),
        sessions=site.sessions,
        reading=open_sessions(engine, reads_only=True),
        links=links,
        renderer=Renderer(ORIGIN),
        clock=lambda: site.now,
        address_key=KEY,
        readiness=list,
    )
    with site.sessions() as session:
        setup.set_up(session, _association(), now)
    site.app = create_app(parts)
    site.browser = site.app.test_client()
    return site


def _association() -> Association:
    return Association(
        name="MigAct",
        legal_name="MigAct z.s.",
        registration_no="123",
        address="Prague",
        contact_email="hello@example.org",
    )


def count(session: Session, table: type) -> int:
    """How many rows a table has."""
    return len(session.scalars(select(table)).all())
