"""Opens an SMTP session as the configuration says: connect, encrypt, sign in.

Every way in which this can fail is the server's or the operator's fault and becomes ProviderDown
with a sentence that says what to look at. There is no way round encryption that was asked for.
"""

import socket
import ssl
from base64 import b64encode
from contextlib import ExitStack

from mailer.providers.base import ProviderDown
from mailer.providers.smtp_session import (
    READY,
    SAY_ON,
    SIGNED_IN,
    LineLostError,
    Reply,
    Session,
)
from mailer.providers.words import reason_of
from mailer.sections.mail import Smtp


def open_session(config: Smtp) -> Session:
    """Connect, encrypt and sign in as `config` says. Raises ProviderDown, and then nothing is open.

    EHLO is a must: a server of our days that refuses it is out of order, not old.
    """
    session = Session(_connect(config), config.reply_seconds)
    with ExitStack() as undo:
        undo.callback(session.close)
        try:
            _introduce(session, config)
        except LineLostError as lost:
            words = f"{_place(config)} broke off while the connection was set up: {lost}."
            raise ProviderDown(words) from lost
        undo.pop_all()
    return session


def _introduce(session: Session, config: Smtp) -> None:
    if config.security == "tls":
        _encrypt(session, config)
    greeting = session.reply()
    if greeting.code != READY:
        raise _turned_away(config, "greeted with", greeting)
    _greet(session, config)
    if config.security == "starttls":
        _ask_for_tls(session, config)
        _greet(session, config)
    if config.username:
        _sign_in(session, config)


def _connect(config: Smtp) -> socket.socket:
    try:
        return socket.create_connection((config.host, config.port), config.connect_seconds)
    except (OSError, UnicodeError) as error:
        words = f"{_place(config)} cannot be reached ({reason_of(error)}). Check host and port."
        raise ProviderDown(words) from error


def _greet(session: Session, config: Smtp) -> None:
    reply = session.say(f"EHLO {config.helo or session.own_literal()}")
    if not reply.is_yes:
        raise _turned_away(config, "answered EHLO with", reply)
    offers = (line.partition(" ") for line in reply.lines[1:])
    session.extensions = {keyword.upper(): parameters for keyword, _, parameters in offers}


def _ask_for_tls(session: Session, config: Smtp) -> None:
    if "STARTTLS" not in session.extensions:
        raise ProviderDown(
            f"{_place(config)} does not offer STARTTLS, so nothing was sent. Set smtp.security to "
            '"tls" (most often with port 465), or to "none" if the server is on this machine.'
        )
    reply = session.say("STARTTLS")
    if reply.code != READY:
        raise _turned_away(config, "answered STARTTLS with", reply)
    _encrypt(session, config)


def _encrypt(session: Session, config: Smtp) -> None:
    try:
        session.start_tls(ssl.create_default_context(), config.host, config.connect_seconds)
    except ssl.SSLCertVerificationError as error:
        raise ProviderDown(
            f"The certificate of {config.host}:{config.port} cannot be trusted: "
            f"{error.verify_message.rstrip('.')}. "
            "smtp.host must be the name in the certificate, and this machine must know its issuer."
        ) from error
    except OSError as error:
        raise ProviderDown(
            f"{_place(config)} could not start encryption ({reason_of(error)}). "
            "Check that smtp.security fits smtp.port."
        ) from error


def _sign_in(session: Session, config: Smtp) -> None:
    ways = session.extensions.get("AUTH", "").upper().split()
    user, password = config.username, config.password.get_secret_value()
    if "PLAIN" in ways:
        reply = session.say(f"AUTH PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}")
    elif "LOGIN" in ways:
        reply = _log_in(session, user, password)
    else:
        raise ProviderDown(
            f"{_place(config)} offers no sign-in with a password (AUTH PLAIN or LOGIN). "
            "Check smtp.port and smtp.security, or empty smtp.username."
        )
    if reply.code != SIGNED_IN:
        raise _turned_away(config, "refused smtp.username and smtp.password with", reply)


def _log_in(session: Session, user: str, password: str) -> Reply:
    reply = session.say("AUTH LOGIN")
    for word in (user, password):
        if reply.code != SAY_ON:
            return reply
        reply = session.say(_base64(word))
    return reply


def _turned_away(config: Smtp, did: str, reply: Reply) -> ProviderDown:
    return ProviderDown(f"{_place(config)} {did} {reply.code} {reply.text}", reply.code)


def _place(config: Smtp) -> str:
    return f"The mail server {config.host}:{config.port}"


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
