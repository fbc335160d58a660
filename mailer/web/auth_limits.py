"""How often one may try to sign in, to ask for a new password, to guess the setup code."""

from hashlib import sha256
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, Response, after_this_request, request
from flask_limiter import Limiter, RequestLimit

from mailer.web.auth import who
from mailer.web.parts import now

SIGN_INS_PER_VISITOR, SIGN_INS_PER_ACCOUNT = "20 per minute; 100 per hour", "10 per 15 minutes"
LINKS_PER_VISITOR, LINKS_PER_ACCOUNT = "10 per hour", "3 per hour"
SETUP_TRIES = "5 per 15 minutes"


def limit_tries(app: Flask, storage: str) -> None:
    """Put limits around the views. Call when all of them are registered.

    An account is counted by what was typed, so that one that does not exist is limited too. The
    count for an account never locks out its owner for good: a mailed link signs in as well.
    """
    limiter = Limiter(
        _visitor, app=app, storage_uri=storage, strategy="moving-window", key_prefix="desk"
    )
    _limit(app, limiter, "security.login", SIGN_INS_PER_VISITOR)
    _limit(app, limiter, "security.login", SIGN_INS_PER_ACCOUNT, key_func=_account)
    _limit(app, limiter, "account.ask_link", LINKS_PER_VISITOR)
    _limit(app, limiter, "account.ask_link", LINKS_PER_ACCOUNT, key_func=_account)
    _limit(app, limiter, "account.change_password", SIGN_INS_PER_ACCOUNT, key_func=who)
    _limit(app, limiter, "setup.show", SETUP_TRIES, key_func=_setup, deduct_when=_is_wrong_code)


def _limit(app: Flask, limiter: Limiter, endpoint: str, amount: str, **how: Any) -> None:
    limit = limiter.limit(amount, methods=["POST"], on_breach=_say_when, **how)
    view: Any = limit(app.view_functions[endpoint])
    app.view_functions[endpoint] = view


def _visitor() -> str:
    """One visitor: an IPv4 address, or the /64 that one IPv6 household has."""
    address = ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104  # a key, nothing listens
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _account() -> str:
    # Hashed: the store of counters is no place for addresses.
    typed = request.form.get("email", "").strip().lower()
    return "account " + sha256(typed.encode()).hexdigest()


def _setup() -> str:
    return "setup"


def _is_wrong_code(response: Response) -> bool:
    return response.status_code == HTTPStatus.FORBIDDEN


def _say_when(limit: RequestLimit) -> None:
    seconds = max(1, int(limit.reset_at - now().timestamp()))

    @after_this_request
    def add_retry_after(response: Response) -> Response:
        response.headers["Retry-After"] = str(seconds)
        return response
