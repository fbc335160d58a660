"""Config → parts: the one place where objects are wired together."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import uuid4

from flask import Flask
from sqlalchemy import Engine as Database
from sqlalchemy.exc import SQLAlchemyError

from mailer import clock
from mailer.clock import Clock
from mailer.config import Config, load
from mailer.domain.errors import Refused
from mailer.message.links import Links
from mailer.message.render import Renderer
from mailer.providers.inbox import InboxServer
from mailer.providers.registry import build_sender
from mailer.storage import accounts, migrate
from mailer.storage.db import Sessions, open_engine, open_sessions
from mailer.storage.settings import find_setting
from mailer.usecases.addresses import make_address_key
from mailer.usecases.outages import WORKER_TICK
from mailer.usecases.writing import LetterWriter
from mailer.web.app import create_app
from mailer.web.parts import WebParts
from mailer.worker.builder import Builder, Sending
from mailer.worker.engine import Engine, Pace
from mailer.worker.service import Service
from mailer.worker.timetable import Timetable

WORKER_SILENT_AFTER = timedelta(minutes=2)
MAIL_WAITS_TOO_LONG = timedelta(minutes=15)


@dataclass(frozen=True)
class Parts:
    """Everything that a web process, a worker or a command is made of, built when first used."""

    config: Config
    clock: Clock = clock.now

    @cached_property
    def database(self) -> Database:
        # The worker's engine and timetable want connections beside the threads of the pages.
        return open_engine(self.config.database.url, pool_size=self.config.web.threads + 4)

    @cached_property
    def sessions(self) -> Sessions:
        return open_sessions(self.database)

    @cached_property
    def reading(self) -> Sessions:
        return open_sessions(self.database, reads_only=True)

    @cached_property
    def renderer(self) -> Renderer:
        return Renderer(self.config.templates.overrides)

    @cached_property
    def secrets(self) -> list[str]:
        return [key.get_secret_value() for key in self.config.site.secret_keys]

    @cached_property
    def links(self) -> Links:
        return Links(self.secrets)

    def web(self) -> WebParts:
        return WebParts(
            config=self.config,
            sessions=self.sessions,
            reading=self.reading,
            links=self.links,
            renderer=self.renderer,
            clock=self.clock,
            address_key=make_address_key(self.identity),
            readiness=self.list_problems,
        )

    @property
    def identity(self) -> bytes:
        """The oldest key: hashes of addresses and Message-IDs outlive a change of keys."""
        return self.secrets[0].encode()

    def build_engine(self) -> Engine:
        """A sending engine with a name of its own in the ledger."""
        settings = self.config.engine
        return Engine(
            sessions=self.sessions,
            sender=build_sender(self.config),
            builder=self.build_builder(),
            clock=self.clock,
            owner=f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid4().hex[:8]}",
            pace=Pace(
                claim_size=settings.claim_size,
                lease=timedelta(seconds=settings.lease_seconds),
                idle_seconds=settings.poll_seconds,
                resends_unknown=settings.resend_unknown,
            ),
        )

    def build_builder(self) -> Builder:
        mail = self.config.mail
        sending = Sending(
            from_address=mail.from_address,
            reply_to=mail.reply_to,
            unsubscribe_address=mail.unsubscribe_address,
            base_url=self.config.site.base_url,
            secret=self.identity,
        )
        return Builder(
            sending, self.links, LetterWriter(self.renderer, self.links, sending.base_url)
        )

    def build_timetable(self) -> Timetable:
        return Timetable(self.sessions, self.renderer, self.config.site.base_url, self.clock)

    def build_service(self) -> Service:
        """The worker as threads of this process; with the demo's provider, its mail server too."""
        inbox = InboxServer(self.config.inbox) if self.config.mail.provider == "inbox" else None
        return Service(self.sessions, self.clock, self.build_engine, self.build_timetable(), inbox)

    def list_problems(self) -> list[str]:
        """What keeps this service from being ready, a sentence each."""
        try:
            return self._look_into_database()
        except (SQLAlchemyError, Refused):
            # The cause may name hosts and accounts, and anybody may ask.
            return ["The database cannot be reached. `mailer doctor` says why."]

    def _look_into_database(self) -> list[str]:
        if not migrate.is_at_head(self.database):
            return ["The database is not at the newest migration. Run `mailer migrate`."]
        now = self.clock()
        with self.reading() as session:
            tick = find_setting(session, WORKER_TICK)
            oldest = accounts.find_oldest_due(session, now)
        problems = []
        if not tick or now - datetime.fromisoformat(tick) > WORKER_SILENT_AFTER:
            problems.append("The worker has not been heard of for two minutes. Is it running?")
        if oldest and now - oldest > MAIL_WAITS_TOO_LONG:
            problems.append(f"Mail has been waiting to leave since {oldest:%Y-%m-%d %H:%M} UTC.")
        return problems


def create_web_app() -> Flask:
    """The web application by the configuration of this machine: for `flask` and WSGI servers."""
    return create_app(Parts(load()).web())
