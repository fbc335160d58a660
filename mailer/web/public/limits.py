"""How many forms that send mail are taken: from one network address, from its neighbours, from
everyone. What one mailbox gets is limited too, in `usecases.subscriptions`."""

from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, Response, after_this_request, request
from flask_limiter import Limiter, RequestLimit

from mailer.sections.service import Limits
from mailer.web.parts import now

NEIGHBOURS = 5
"""How many times the limit of one address its whole block may use."""

_FORMS = ("public.signup.subscribe", "public.signup.send_link")


def limit_forms(app: Flask, limits: Limits) -> None:
    """Put the limits around the forms that send mail. Call when their views are registered.

    Only forms that were taken count: somebody who mistypes an address is not shut out.
    """
    limiter = Limiter(
        _one, app=app, storage_uri=limits.storage, strategy="moving-window", key_prefix="public"
    )
    for amount, key in (
        (limits.signups_per_hour_per_ip, _one),
        (limits.signups_per_hour_per_ip * NEIGHBOURS, _block),
        (limits.signups_per_hour, _everyone),
    ):
        limit = limiter.shared_limit(
            f"{amount} per hour",
            scope="forms",
            key_func=key,
            methods=["POST"],
            deduct_when=_was_taken,
            on_breach=_say_when,
        )
        for form in _FORMS:
            limited: Any = limit(app.view_functions[form])
            app.view_functions[form] = limited


def _one() -> str:
    """One sender: an IPv4 address, or the /64 that one IPv6 household has."""
    return _network(32, 64)


def _block() -> str:
    return _network(24, 48)


def _everyone() -> str:
    return "everyone"


def _network(bits: int, bits_of_6: int) -> str:
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(ip_network((address, bits_of_6), strict=False))
        address = address.ipv4_mapped
    return str(ip_network((address, bits), strict=False))


def _was_taken(response: Response) -> bool:
    return response.status_code == HTTPStatus.SEE_OTHER


def _say_when(limit: RequestLimit) -> None:
    seconds = max(1, int(limit.reset_at - now().timestamp()))

    @after_this_request
    def add_retry_after(response: Response) -> Response:
        response.headers["Retry-After"] = str(seconds)
        return response
