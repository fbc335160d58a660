"""Where providers report what became of mail: proves that it is them, has their words read, and
hands them to `usecases.feedback`. Answers in plain text; shows no page and sets no cookie."""

import hmac
from collections.abc import Sequence

import structlog
from flask import Blueprint, Response, abort, request
from sqlalchemy.exc import SQLAlchemyError

from mailer.domain.errors import Unreadable
from mailer.domain.feedback import Feedback
from mailer.storage.db import find_cause
from mailer.usecases import feedback
from mailer.web.parts import now, parts

LARGEST_BODY = 1024 * 1024
RETRY_SECONDS = 600

log = structlog.get_logger()

blueprint = Blueprint("hooks", __name__)


@blueprint.post("/hooks/<provider>/<secret>")
def take(provider: str, secret: str) -> Response:
    """200 when it is written down, and on every repeat; 400 for what cannot be read.

    429 while the database is away: after any other refusal Brevo would not come again
    (https://developers.brevo.com/docs/retry-mechanism).
    """
    hook = parts().hooks.get(provider)
    if hook is None or not hmac.compare_digest(secret.encode(), hook.secret.encode()):
        abort(404)
    request.max_content_length = LARGEST_BODY
    try:
        said = hook.read(request.get_data())
    except Unreadable as error:
        return Response(str(error), 400, mimetype="text/plain")
    try:
        _take(said)
    except SQLAlchemyError as error:
        log.warning("report put off", provider=provider, error=str(find_cause(error)))
        later = {"Retry-After": str(RETRY_SECONDS)}
        return Response("Not now.", 429, later, mimetype="text/plain")
    return Response("ok", mimetype="text/plain")


def _take(said: Sequence[Feedback]) -> None:
    """Each in a transaction of its own, which is not the request's: that one ends when the answer
    cannot be changed any more."""
    for one in said:
        with parts().sessions() as session:
            feedback.take(session, one, now(), address_key=parts().address_key)
