"""Writes letters by an operator's own templates, in a process that may be killed.

The sandbox keeps a template from reaching anything, but not from an endless loop or from a
gigabyte: this bounds both. Our own templates need no such care and are not written here.
"""

import json
import os
import pickle
import resource
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment

from mailer.domain.errors import Refused
from mailer.message.templates import open_templates

SECONDS = 5.0
MEMORY = 512 * 2**20
"""Bytes, of which Python itself takes about a quarter."""

LONGEST = 1_000_000
"""Characters that one template may come to: ten times what mail programs show."""


class Press:
    """One process for all templates of the folder `overrides`, started when it is first needed and
    again after it had to be killed. May serve many threads, one after the other."""

    def __init__(self, overrides: Path) -> None:
        self._overrides = overrides
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._end: Callable[[], object] = bool

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The template filled with `context`, plain values. Raises Refused, in words for a
        coordinator, when it cannot be written or takes too much."""
        with self._lock:
            answer = self._ask(name, context)
        if answer is None:
            raise Refused(
                f"The e-mail template {name} was stopped: it takes more than {SECONDS:.0f} seconds "
                f"or {MEMORY >> 20} MB."
            )
        if "error" in answer:
            raise Refused(f"The e-mail template {name} cannot be used: {answer['error']}")
        return str(answer["text"])

    def _ask(self, name: str, context: Mapping[str, Any]) -> dict[str, str] | None:
        """What the process answers; None when it did not live to do so."""
        process = self._start()
        assert process.stdin
        assert process.stdout
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            pickle.dump((name, dict(context)), process.stdin)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            watch.cancel()
        if not line.endswith(b"\n"):
            self._end()
            return None
        answer: dict[str, str] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        # A process that was forked since has no part in its parent's conversation.
        is_ours = self._owner == os.getpid()
        if self._process and is_ours and self._process.poll() is None:
            return self._process
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "mailer.message.press", str(self._overrides)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={key: value for key, value in os.environ.items() if key[:7] != "MAILER_"},
        )
        self._end = weakref.finalize(self, _end, self._process, self._owner)
        assert self._process.stdout
        # Reading in Python takes its time on a busy machine, and is no template's fault.
        self._process.stdout.readline()
        return self._process


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner == os.getpid():
        process.kill()
        # Waits for it, and closes the pipes whatever is left in them.
        process.communicate()


def serve(templates: Environment, asked: IO[bytes], answers: IO[bytes]) -> None:
    """Say that we are there, then answer requests until there are no more. Without memory this
    process ends, and that tells whoever asked."""
    answers.write(b"\n")
    answers.flush()
    while True:
        try:
            name, context = pickle.load(asked)  # noqa: S301  our parent writes it
        except EOFError:
            return
        answers.write(json.dumps(_fill(templates, name, context)).encode() + b"\n")
        answers.flush()


def _fill(templates: Environment, name: str, context: dict[str, Any]) -> dict[str, str]:
    pieces, length = [], 0
    try:
        for piece in templates.get_template(name).generate(context):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST:
                return {"error": f"it writes more than {LONGEST:,} characters."}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  whatever is wrong with it, its author is to read it
        return {"error": str(error) or type(error).__name__}
    return {"text": "".join(pieces)}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    serve(open_templates(Path(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)
