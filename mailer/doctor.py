"""Looks at a service from outside and says what is wrong and what to do about it.

Reads only; its network calls go to the configured database and mail server, and nothing is sent.
"""

import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mailer.boot import Parts
from mailer.sections import Smtp
from mailer.storage import migrate
from mailer.storage.settings import get_association
from mailer.storage.users import count_users

RESERVED = (".example", ".example.org", ".example.com", ".example.net", ".test", ".localdomain")
"""Domains that nobody can have (RFC 2606) but that examples and defaults are made of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do when it is not good."""

    is_good: bool
    what: str
    advice: str = ""


def good(what: str) -> Finding:
    return Finding(is_good=True, what=what)


def mend(what: str, advice: str) -> Finding:
    return Finding(is_good=False, what=what, advice=advice)


def examine(parts: Parts) -> list[Finding]:
    """Everything that can be looked at from here, in the order in which it matters."""
    return [
        *_examine_site(parts),
        _examine_sender(parts),
        *_examine_database(parts),
        *_examine_provider(parts),
    ]


def _examine_site(parts: Parts) -> Iterator[Finding]:
    url = parts.config.site.base_url
    if url.startswith("https://"):
        yield good(f"Links in mail begin with {url}.")
    else:
        yield Finding(
            parts.config.site.demo,
            f"Links in mail begin with {url}, without encryption.",
            "Put a web server with a certificate in front and set site.base_url to https://…: "
            "mail programs offer one-click unsubscribing only then.",
        )


def _examine_sender(parts: Parts) -> Finding:
    address = parts.config.mail.from_address
    domain = "." + address.rpartition("@")[2].lower()
    if parts.config.site.demo or not domain.endswith(RESERVED):
        return good(f"Mail comes from {address}.")
    return mend(
        f"Mail comes from {address}, a domain that cannot send any.",
        "Set mail.from_address to an address of your own domain.",
    )


def _examine_database(parts: Parts) -> Iterator[Finding]:
    try:
        current = migrate.is_at_head(parts.database)
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        yield mend(f"The database cannot be opened: {cause}", "Check database.url.")
        return
    yield Finding(
        current,
        "The database is at the newest version." if current else "The database is out of date.",
        "" if current else "Run `mailer migrate`.",
    )
    if not current:
        return
    with parts.reading() as session:
        association, users = get_association(session), count_users(session)
    yield Finding(
        bool(association.address),
        f"Mail is signed by: {association.signature()}",
        "" if association.address else "Add the postal address under Settings on the desk.",
    )
    yield Finding(
        users > 0,
        f"{users} coordinators can sign in.",
        "" if users else "Run `mailer init` for a setup code, or `mailer user add`.",
    )
    problems = parts.list_problems()
    yield Finding(not problems, " ".join(problems) or "The worker is alive.")


def _examine_provider(parts: Parts) -> Iterator[Finding]:
    provider = parts.config.mail.provider
    if provider == "smtp":
        yield _knock(parts.config.smtp)
    elif provider == "brevo":
        known = bool(parts.config.brevo.api_key.get_secret_value())
        yield Finding(known, "Mail leaves through Brevo.", "" if known else "Set brevo.api_key.")
    else:
        yield Finding(
            parts.config.site.demo,
            f"Mail leaves through “{provider}”: it reaches nobody.",
            "Set mail.provider to smtp or brevo to reach people.",
        )


def _knock(smtp: Smtp) -> Finding:
    """Connect, encrypt and sign in, as the sender would; send nothing."""
    where = f"{smtp.host}:{smtp.port}"
    try:
        with _connect(smtp) as server:
            server.ehlo()
            if smtp.security == "starttls":
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if smtp.username:
                server.login(smtp.username, smtp.password.get_secret_value())
    except (OSError, smtplib.SMTPException) as error:
        return mend(
            f"The mail server {where} cannot be used: {error}",
            "Check the [smtp] section: host, port, security, username and password.",
        )
    return good(f"The mail server {where} lets us in.")


def _connect(smtp: Smtp) -> smtplib.SMTP:
    if smtp.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=smtp.connect_seconds, context=context)
    return smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.connect_seconds)
