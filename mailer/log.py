"""How the service talks to its operator: lines of text or JSON, never an address or a token."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_ADDRESS = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"',;)]+")
_TOKEN = re.compile(r"(/(?:u|p|c|a|d|desk/password|hooks/[a-z]+)/)[A-Za-z0-9_.\-]{20,}")


def mask_secrets(text: str) -> str:
    """`text` without addresses and without the tokens of links."""
    return _TOKEN.sub(r"\1…", _ADDRESS.sub("<address>", text))


def _mask(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = mask_secrets(value)
    return event


class _Masked(logging.Formatter):
    """For lines of libraries, which know nothing of our rules."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_secrets(super().format(record))


def set_up_log(level: str, style: str) -> None:
    """Send everything to standard error, from `level` up, as `text` or `json`."""
    render: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Asked for each line: whoever redirects standard error later gets the lines, too.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masked("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # A line for every run, for every look at the version of the database, for every way to read a
    # bounce.
    for talkative in ("apscheduler", "alembic", "flufl.bounce"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
