"""How Flask-Security is set up here, and its few sentences in our own words."""

from datetime import timedelta
from typing import Any

from mailer.usecases.passwords import LANES, MEMORY_KIB, ROUNDS

SETTINGS: dict[str, Any] = {
    "SECURITY_URL_PREFIX": "/desk",
    "SECURITY_LOGIN_URL": "/sign-in",
    "SECURITY_LOGOUT_URL": "/sign-out",
    "SECURITY_LOGOUT_METHODS": ["POST"],
    "SECURITY_POST_LOGIN_VIEW": "/desk/",
    "SECURITY_POST_LOGOUT_VIEW": "/desk/sign-in",
    "SECURITY_STATIC_FOLDER": None,
    "SECURITY_LOGIN_USER_TEMPLATE": "security/sign_in.html",
    "SECURITY_FLASH_MESSAGES": False,
    # It would say `no-store=True`, which no browser knows; our own header says it right.
    "SECURITY_CACHE_CONTROL": None,
    # No page for typing the password once more: the one that needs it asks itself.
    "SECURITY_FRESHNESS": timedelta(-1),
    # The same words for an unknown address, a wrong password and a closed account.
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_API_ENABLED_METHODS": ["session"],
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_SCHEMES": ["argon2"],
    "SECURITY_PASSWORD_SINGLE_HASH": {"argon2"},
    # The cost at which the use-cases hash, or each sign-in would hash the password anew.
    "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__type": "ID",
        "argon2__memory_cost": MEMORY_KIB,
        "argon2__time_cost": ROUNDS,
        "argon2__parallelism": LANES,
    },
    "SECURITY_CLI_USERS_NAME": None,
    "SECURITY_CLI_ROLES_NAME": None,
    "SESSION_COOKIE_PATH": "/desk",
    "SESSION_COOKIE_NAME": "desk",
    "PERMANENT_SESSION_LIFETIME": timedelta(days=14),
}
