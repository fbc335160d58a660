"""How often one may try to sign in, to ask for a new password, to guess the setup code."""

from hashlib import sha256
from http import HTTPStatus

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

SIGN_INS_PER_ADDRESS = "20 per minute; 100 per hour"
SIGN_INS_PER_ACCOUNT = "10 per 15 minutes"
LINKS_PER_ADDRESS = "10 per hour"
LINKS_PER_ACCOUNT = "3 per hour"
SETUP_TRIES = "5 per 15 minutes"


def limit_tries(app: Flask, storage: str) -> None:
    """Put limits around the views. Call when all of them are registered.

    An account is counted by what was typed, so that one that does not exist is limited too.
    """
    limiter = Limiter(get_remote_address, app=app, storage_uri=storage, strategy="moving-window")
    for endpoint, per_address, per_account in (
        ("security.login", SIGN_INS_PER_ADDRESS, SIGN_INS_PER_ACCOUNT),
        ("account.ask_link", LINKS_PER_ADDRESS, LINKS_PER_ACCOUNT),
        ("account.change_password", SIGN_INS_PER_ADDRESS, SIGN_INS_PER_ACCOUNT),
    ):
        view = app.view_functions[endpoint]
        view = limiter.limit(per_address, methods=["POST"])(view)
        view = limiter.limit(per_account, key_func=_account, methods=["POST"])(view)
        app.view_functions[endpoint] = view
    app.view_functions["setup.show"] = limiter.limit(
        SETUP_TRIES, key_func=lambda: "setup", methods=["POST"], deduct_when=_is_wrong_code
    )(app.view_functions["setup.show"])


def _account() -> str:
    # Hashed: the store of counters is no place for addresses.
    typed = request.form.get("email", "").strip().lower()
    return "account " + sha256(typed.encode()).hexdigest()


def _is_wrong_code(response: Response) -> bool:
    return response.status_code == HTTPStatus.FORBIDDEN
