"""Small walls around public forms and token pages. They carry no cookie, so there is nothing to
steal; what is kept away here is mail that nobody asked for, and links that leak."""

from hashlib import sha256
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request
from itsdangerous import BadSignature, URLSafeSerializer

from mailer.usecases.consents import Trace
from mailer.web.parts import parts, words


def refuse_other_sites() -> None:
    """Abort with 400 when the browser says that the form was on somebody else's page.

    Browsers without `Sec-Fetch-Site` send `Origin: null` from our own pages, because those send
    no referrer; so `null` proves nothing and passes.
    """
    if request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none"):
        abort(400)
    origin = request.headers.get("Origin")
    own = {request.host, urlsplit(parts().config.site.base_url).netloc}
    if origin not in (None, "null") and _host_of(origin) not in own:
        abort(400)


def hide(blueprint: Blueprint) -> None:
    """Keep the pages of a blueprint out of search engines: their addresses are keys."""

    @blueprint.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response


def trace(source: str, evidence: str = "") -> Trace:
    """Where this request comes from, for the proof of consent."""
    ip = request.remote_addr or ""
    return Trace(source=source, language=words().lang, ip=ip, evidence=evidence)


def seal(text: str) -> str:
    """A short text that can travel in an address and be shown again: nobody else can make one."""
    return _sealer().dumps(text)


def unseal(sealed: str) -> str:
    """What `seal` was given; empty for anything that it did not make."""
    try:
        return str(_sealer().loads(sealed))
    except BadSignature:
        return ""


def _sealer() -> URLSafeSerializer:
    keys = [key.get_secret_value() for key in parts().config.site.secret_keys]
    return URLSafeSerializer(
        keys,
        salt="mailer.web.public.seal",
        signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
    )


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
