"""Is the process up, and is it ready to serve? For load balancers and for people in a hurry."""

from flask import Blueprint, Response, jsonify

from mailer.web.parts import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers. It asks nobody else."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 when all is well, 503 with a sentence for each thing that is not."""
    problems = parts().readiness()
    return jsonify(status="ok" if not problems else "not ready", problems=problems), (
        503 if problems else 200
    )
