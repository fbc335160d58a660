"""Looks at a service from outside and says what is wrong and what to do about it.

Reads only; its network calls go to the configured database and mail server, and to the DNS where
mail is signed here. Nothing is sent.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver
from sqlalchemy.exc import SQLAlchemyError

from mailer.boot import Parts
from mailer.message.dkim import Key, list_keys
from mailer.providers.base import ProviderDown
from mailer.providers.mailbox import MailboxDown, open_mailbox
from mailer.providers.smtp_opening import open_session
from mailer.sections.mail import Bounces, Smtp
from mailer.storage import migrate
from mailer.storage.db import find_cause
from mailer.storage.settings import get_association
from mailer.storage.users import count_users
from mailer.usecases.outages import find_restore

RESERVED = (".example", ".example.org", ".example.com", ".example.net", ".test", ".localdomain")
"""Domains that nobody can have (RFC 2606) but that examples and defaults are made of."""

DNS_SECONDS = 5.0
"""How long an answer of the DNS is waited for, all its servers taken together."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at. `advice` says what to do when it is not good."""

    is_good: bool
    what: str
    advice: str = ""


def good(what: str) -> Diagnosis:
    return Diagnosis(is_good=True, what=what)


def mend(what: str, advice: str) -> Diagnosis:
    return Diagnosis(is_good=False, what=what, advice=advice)


def examine(parts: Parts, open_resolver: Callable[[], Resolver] = Resolver) -> list[Diagnosis]:
    """Everything that can be looked at from here, in the order in which it matters.

    The DNS is asked only where the configuration has a DKIM key, by default as this machine does.
    """
    return [
        *_examine_site(parts),
        _examine_sender(parts),
        *_examine_database(parts),
        *_examine_provider(parts),
        *_examine_signature(parts, open_resolver),
        *_examine_bounces(parts.config.bounces),
    ]


def _examine_site(parts: Parts) -> Iterator[Diagnosis]:
    url = parts.config.site.base_url
    if url.startswith("https://"):
        yield good(f"Links in mail begin with {url}.")
    else:
        yield Diagnosis(
            parts.config.site.demo,
            f"Links in mail begin with {url}, without encryption.",
            "Put a web server with a certificate in front and set site.base_url to https://…: "
            "mail programs offer one-click unsubscribing only then.",
        )


def _examine_sender(parts: Parts) -> Diagnosis:
    address = parts.config.mail.from_address
    domain = "." + address.rpartition("@")[2].lower()
    if parts.config.site.demo or not domain.endswith(RESERVED):
        return good(f"Mail comes from {address}.")
    return mend(
        f"Mail comes from {address}, a domain that cannot send any.",
        "Set mail.from_address to an address of your own domain.",
    )


def _examine_database(parts: Parts) -> Iterator[Diagnosis]:
    try:
        mismatch = migrate.find_mismatch(parts.database)
    except SQLAlchemyError as error:
        yield mend(f"The database cannot be opened: {find_cause(error)}", "Check database.url.")
        return
    if mismatch:
        what, _, advice = mismatch.partition(". ")
        yield mend(f"{what}.", advice)
        return
    yield good("The database is at the newest version.")
    yield from _examine_desk(parts)
    yield from _examine_restore(parts)
    problems = parts.list_problems()
    yield Diagnosis(not problems, " ".join(problems) or "The worker is alive.")


def _examine_desk(parts: Parts) -> Iterator[Diagnosis]:
    """What only people at the desk can give: an address for the footer, and themselves."""
    with parts.reading() as session:
        association, users = get_association(session), count_users(session)
    yield Diagnosis(
        bool(association.address),
        f"The footer of every mail names the sender: {association.signature()}",
        "" if association.address else "Add the postal address under Settings on the desk.",
    )
    yield Diagnosis(
        users > 0,
        f"{users} {'coordinator' if users == 1 else 'coordinators'} can sign in.",
        "" if users else "Run `mailer init` for a setup code, or `mailer user add`.",
    )


def _examine_restore(parts: Parts) -> Iterator[Diagnosis]:
    with parts.reading() as session:
        held = find_restore(session)
    if held:
        yield mend(
            f"This database is a restored backup, as it was on {held.since:%Y-%m-%d %H:%M} UTC: no "
            "newsletter leaves.",
            "Run `mailer restored --resend-nothing` if anything was sent after that, `mailer "
            "restored --send` if nothing was.",
        )


def _examine_provider(parts: Parts) -> Iterator[Diagnosis]:
    provider = parts.config.mail.provider
    if provider == "smtp":
        yield _knock(parts.config.smtp)
    elif provider == "brevo":
        known = bool(parts.config.brevo.api_key.get_secret_value())
        yield Diagnosis(known, "Mail leaves through Brevo.", "" if known else "Set brevo.api_key.")
        yield _examine_hook(parts)
    else:
        yield Diagnosis(
            parts.config.site.demo,
            f"Mail leaves through “{provider}”: it reaches nobody.",
            "Set mail.provider to smtp or brevo to reach people.",
        )


def _examine_hook(parts: Parts) -> Diagnosis:
    """Whether Brevo can tell what became of mail. What is printed is for the operator alone."""
    secret = parts.config.brevo.webhook_secret.get_secret_value()
    if not secret:
        return mend(
            "Brevo cannot report bounces and complaints: dead addresses are mailed again.",
            "Set brevo.webhook_secret, then run this again for the address to enter at Brevo.",
        )
    url = f"{parts.config.site.base_url}/hooks/brevo/{secret}"
    return good(f"Brevo reports to {url} (enter it at Brevo as a transactional webhook).")


def _knock(smtp: Smtp) -> Diagnosis:
    """Connect, encrypt and sign in as the sender does; send nothing."""
    # The sender may wait for minutes; somebody sits in front of this.
    seconds = min(smtp.connect_seconds, smtp.reply_seconds)
    try:
        open_session(smtp.model_copy(update={"reply_seconds": seconds})).quit()
    except ProviderDown as down:
        return mend(
            down.text,
            "Check the [smtp] section: host, port, security, username, password and helo.",
        )
    return good(f"The mail server {smtp.host}:{smtp.port} lets us in.")


def _examine_bounces(bounces: Bounces) -> Iterator[Diagnosis]:
    """Open the mailbox that bounces come back to, as the worker would; change nothing in it."""
    if not bounces.imap_host:
        return
    where = f"“{bounces.folder}” at {bounces.imap_host}:{bounces.imap_port}"
    try:
        with open_mailbox(bounces) as mailbox:
            yield good(f"Bounces can be read: {where} opens. Mails in it: {mailbox.number}.")
    except MailboxDown as down:
        yield mend(
            f"Bounces cannot be read from {where}: {down}",
            "Check the [bounces] section: host, port, security, username, password and folder.",
        )


def _examine_signature(parts: Parts, open_resolver: Callable[[], Resolver]) -> Iterator[Diagnosis]:
    mail = parts.config.mail
    keys = list_keys(parts.config.dkim, mail.from_address)
    if mail.provider == "smtp":
        yield from (_compare(key, open_resolver) for key in keys)
    elif mail.provider == "brevo" and keys:
        yield good("Brevo signs mail with its own key; the one in [dkim] is not used.")


def _compare(key: Key, open_resolver: Callable[[], Resolver]) -> Diagnosis:
    """Whether the DNS publishes the public half of the key that mail is signed with."""
    name = key.record_name
    try:
        records = [
            b"".join(record.strings).decode(errors="replace")
            for record in open_resolver().resolve(name, "TXT", lifetime=DNS_SECONDS)
        ]
    except (NXDOMAIN, NoAnswer):
        return mend(
            f"There is no DKIM record {name}.",
            "Publish what `mailer dkim show` prints. Until then, mail counts as not signed.",
        )
    except DNSException as error:
        return mend(
            f"The DKIM record {name} cannot be looked up: {error}",
            "Try again later; if it stays so, check the name servers of this machine.",
        )
    if [_read_key(record) for record in records] == [_read_key(key.record)]:
        return good(f"The DKIM record {name} fits the key that mail is signed with.")
    return mend(
        f"The DKIM record {name} does not fit the key that mail is signed with.",
        "Publish only the one that `mailer dkim show` prints, or configure the key that belongs to "
        "the published one. Until then, mail seems to be forged.",
    )


def _read_key(record: str) -> tuple[str, str]:
    """Kind and public key of a DKIM record (RFC 6376, 3.6.1)."""
    tags = dict(tag.partition("=")[::2] for tag in "".join(record.split()).split(";"))
    return tags.get("k", "rsa"), tags.get("p", "")
