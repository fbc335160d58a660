"""Config → parts: the one place where objects are wired together. The pages have `boot_web`."""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import uuid4

from sqlalchemy import Engine as Database
from sqlalchemy.exc import SQLAlchemyError

from mailer import clock
from mailer.clock import Clock
from mailer.config import Config
from mailer.domain.delivery import UNKNOWN_WAIT
from mailer.domain.errors import Refused
from mailer.message.dkim import build_signer
from mailer.message.headers import read_message_id
from mailer.message.links import Links
from mailer.message.render import Renderer
from mailer.providers.inbox import InboxServer
from mailer.providers.registry import build_sender
from mailer.storage import migrate
from mailer.storage.db import KeptSessions, Sessions, open_engine, open_sessions
from mailer.storage.presence import Presence
from mailer.usecases import outages
from mailer.usecases.addresses import make_address_key
from mailer.usecases.forecasts import get_limits
from mailer.usecases.writing import LetterWriter
from mailer.worker.bounces import BounceReader
from mailer.worker.builder import Builder, Sending
from mailer.worker.celery_app import make_app
from mailer.worker.celery_dispatch import Dispatcher
from mailer.worker.celery_service import CeleryService
from mailer.worker.claims import Pace
from mailer.worker.engine import Engine
from mailer.worker.journal import Journal
from mailer.worker.service import Service
from mailer.worker.signing import UNSIGNED, Signing
from mailer.worker.timetable import Jobs
from mailer.worker.watermark import Watermark


@dataclass(frozen=True)
class Parts:
    """Everything that a web process, a worker or a command is made of, built when first used."""

    config: Config
    clock: Clock = clock.now

    @cached_property
    def database(self) -> Database:
        # The worker's engine and timetable want connections beside the threads of the pages.
        return open_engine(self.config.database.url, pool_size=self.config.web.threads + 5)

    @cached_property
    def sessions(self) -> Sessions:
        return open_sessions(self.database)

    @cached_property
    def reading(self) -> Sessions:
        return open_sessions(self.database, reads_only=True)

    @cached_property
    def renderer(self) -> Renderer:
        return Renderer(self.config.site.base_url, self.config.templates.overrides)

    @cached_property
    def secrets(self) -> list[str]:
        return [key.get_secret_value() for key in self.config.site.secret_keys]

    @cached_property
    def links(self) -> Links:
        return Links(self.secrets)

    @property
    def identity(self) -> bytes:
        """The oldest key: hashes of addresses and Message-IDs outlive a change of keys."""
        return self.secrets[0].encode()

    @cached_property
    def address_key(self) -> Callable[[str], str]:
        return make_address_key(self.identity)

    @cached_property
    def owner(self) -> str:
        """What this process is called in the ledger."""
        return f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid4().hex[:8]}"

    @cached_property
    def watermark(self) -> Watermark:
        return Watermark(self.config.engine.journal_directory)

    def build_engine(self, stop: threading.Event | None = None) -> Engine:
        """A sending engine with a name of its own in the ledger. Without `stop`, only for those
        who call `run_once`."""
        settings, sessions = self.config.engine, KeptSessions(self.database)
        return Engine(
            sessions=sessions,
            sender=build_sender(self.config),
            builder=self.build_builder(),
            clock=self.clock,
            owner=self.owner,
            presence=Presence(self.database, self.owner),
            journal=Journal(settings.journal_directory, self.owner),
            watermark=self.watermark,
            pace=Pace(
                claim_size=settings.claim_size,
                lease=timedelta(seconds=settings.lease_seconds),
                idle_seconds=settings.poll_seconds,
                resends_unknown=settings.resend_unknown,
            ),
            signing=self.build_signing(),
            limits=get_limits(self.config.throttle, self.config.mail.provider),
            stop=stop,
            close=sessions.close,
        )

    def build_builder(self) -> Builder:
        mail = self.config.mail
        sending = Sending(
            from_address=mail.from_address,
            reply_to=mail.reply_to,
            unsubscribe_address=mail.unsubscribe_address,
            base_url=self.config.site.base_url,
            secret=self.identity,
            bounce_address=self.config.bounces.address or mail.from_address,
            has_verp=self.config.bounces.verp,
        )
        writer = LetterWriter(self.renderer, self.links)
        return Builder(self.reading, sending, self.links, writer)

    def build_signing(self) -> Signing:
        """DKIM for mail that leaves here byte by byte; an HTTP provider writes its own."""
        mail = self.config.mail
        if mail.provider not in ("smtp", "inbox"):
            return UNSIGNED
        return Signing(build_signer(self.config.dkim, mail.from_address))

    def build_jobs(self) -> Jobs:
        return Jobs(
            self.sessions,
            self.renderer,
            self.clock,
            timedelta(seconds=self.config.engine.grace_seconds),
            UNKNOWN_WAIT if self.config.engine.resend_unknown else None,
            self.reading,
            self.build_bounce_reader(),
            watermark=self.watermark,
        )

    def build_bounce_reader(self) -> BounceReader | None:
        """Who looks into the mailbox of bounces, if there is one."""
        bounces = self.config.bounces
        if not bounces.imap_host:
            return None
        return BounceReader(self.sessions, bounces, self.identify, self.clock)

    def identify(self, text: str) -> int | None:
        """The delivery that a Message-ID or a return path of ours in this text names."""
        return read_message_id(text, self.identity)

    def build_service(self, *, sole_sender: bool) -> Service | CeleryService:
        """The worker as threads of this process; with the demo's provider, its mail server too.
        `sole_sender`: the caller holds the lock that proves every predecessor dead.

        Raises Refused when it shall dispatch to Celery and that is not installed.
        """
        inbox = InboxServer(self.config.inbox) if self.config.mail.provider == "inbox" else None
        jobs = self.build_jobs()
        if self.config.engine.kind == "celery":
            return CeleryService(self.build_dispatcher(), jobs, inbox)
        return Service(
            self.sessions, self.clock, self.build_engine, jobs, inbox, sole_sender=sole_sender
        )

    def build_dispatcher(self) -> Dispatcher:
        engine, settings = self.config.engine, self.config.celery
        return Dispatcher(
            make_app(settings),
            settings,
            self.reading,
            self.clock,
            claim_size=engine.claim_size,
            poll_seconds=engine.poll_seconds,
        )

    def list_problems(self) -> list[str]:
        """What keeps this service from being ready, a sentence each."""
        try:
            return self._look_into_database()
        except (SQLAlchemyError, Refused):
            # The cause may name hosts and accounts, and anybody may ask.
            return ["The database cannot be reached. `mailer doctor` says why."]

    def _look_into_database(self) -> list[str]:
        if mismatch := migrate.find_mismatch(self.database):
            return [mismatch]
        reads_box = bool(self.config.bounces.imap_host)
        with self.reading() as session:
            return outages.list_problems(session, self.clock(), reads_box=reads_box)
