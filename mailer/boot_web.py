"""Parts → web application: what is wired for pages only. In a room of its own, so that a worker
never loads the web floor; knows nothing of servers and sockets."""

from flask import Flask

from mailer.boot import Parts
from mailer.config import load
from mailer.providers.base import Hook
from mailer.providers.brevo_hook import BrevoHook
from mailer.web.app import create_app
from mailer.web.parts import HookParts, WebParts


def create_web_app() -> Flask:
    """The web application by the configuration of this machine: for `flask` and WSGI servers."""
    return build_web_app(Parts(load()))


def build_web_app(parts: Parts) -> Flask:
    """A web application on these parts. Connects to nothing yet."""
    return create_app(build_web_parts(parts))


def build_web_parts(parts: Parts) -> WebParts:
    return WebParts(
        config=parts.config,
        sessions=parts.sessions,
        reading=parts.reading,
        links=parts.links,
        renderer=parts.renderer,
        clock=parts.clock,
        address_key=parts.address_key,
        readiness=parts.list_problems,
        hooks=_build_hooks(parts),
    )


def _build_hooks(parts: Parts) -> dict[str, HookParts]:
    """The providers whose reports are expected. One without a secret is not listened to."""
    secret = parts.config.brevo.webhook_secret.get_secret_value()
    hook: Hook = BrevoHook(parts.identify)
    return {hook.name: HookParts(secret, hook.read)} if secret else {}
