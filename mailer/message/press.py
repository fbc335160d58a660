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
from dataclasses import dataclass
from pathlib import Path
from signal import ITIMER_PROF, SIGHUP, SIGINT, SIGKILL, SIGTERM, setitimer
from time import monotonic
from typing import IO, Any, NoReturn

from jinja2 import Environment

from mailer.domain.errors import NotNow, Refused
from mailer.message.templates import open_templates

SECONDS = 2.0
"""Of computing, for the templates of a letter together. A busy machine does not make it more."""

PATIENCE = 5.0
"""Seconds until a letter is left for later, whatever holds it up. It may be written in the middle
of a transaction, and whoever waits for SQLite does so for ten seconds at most."""

MEMORY = 512 * 2**20
"""Bytes, of which Python itself takes about a quarter."""

LONGEST = 1_000_000
"""Characters that one template may come to: ten times what mail programs show."""

_FROM_OUTSIDE = frozenset({-SIGHUP, -SIGINT, -SIGKILL, -SIGTERM})
"""Ends that no template brings about: our own impatience, an operator, a machine without memory."""


class _EndedError(Exception):
    """The process could not be started, or ended without an answer and without blame."""


@dataclass(slots=True)
class _Letter:
    """What is left for the templates of one letter, which are given the same context."""

    context: Mapping[str, Any]
    ends_at: float
    computing: float

    @property
    def seconds(self) -> float:
        return max(0.0, self.ends_at - monotonic())


class Press:
    """One process for all templates of the folder `overrides`, started when it is first needed and
    again after it ended. May serve many threads, one after the other."""

    def __init__(self, overrides: Path) -> None:
        self._overrides = overrides
        self._lock = threading.Lock()
        self._at_hand = threading.local()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._owner = 0
        self._end: Callable[[], object] = lambda: None

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The template filled with `context`, plain values; the templates of one letter come with
        the very same object, and share its time.

        Raises Refused, in words for a coordinator, when it cannot be written or takes too much;
        NotNow when that is nobody's fault and may go better later.
        """
        letter = self._find_letter(context)
        try:
            answer = self._ask_twice(name, letter)
        except _EndedError as end:
            self._at_hand.letter = None
            raise NotNow(f"The e-mail template {name} cannot be written just now.") from end
        if "error" in answer:
            raise Refused(f"The e-mail template {name} cannot be used: {answer['error']}")
        letter.computing = answer["left"]
        return str(answer["text"])

    def _find_letter(self, context: Mapping[str, Any]) -> _Letter:
        letter: _Letter | None = getattr(self._at_hand, "letter", None)
        if letter is None or letter.context is not context:
            letter = self._at_hand.letter = _Letter(context, monotonic() + PATIENCE, SECONDS)
        return letter

    def _ask_twice(self, name: str, letter: _Letter) -> dict[str, Any]:
        if not self._lock.acquire(timeout=letter.seconds):
            raise _EndedError
        try:
            return self._ask(name, letter)
        except _EndedError:
            if not letter.seconds:
                raise
            return self._ask(name, letter)
        finally:
            self._lock.release()

    def _ask(self, name: str, letter: _Letter) -> dict[str, Any]:
        try:
            process = self._open()
        except OSError as error:
            raise _EndedError from error
        watch = threading.Timer(letter.seconds, process.kill)
        try:
            watch.start()
            line = self._converse(process, (name, dict(letter.context), letter.computing))
        except (OSError, RuntimeError):  # a broken pipe, or no thread to watch
            line = b""
        finally:
            watch.cancel()
        if not line.endswith(b"\n"):
            self._end()
            self._judge(name, process.returncode)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _judge(self, name: str, code: int) -> NoReturn:
        """Whose fault it is that a process ended before it answered."""
        if not self._is_ready or code in _FROM_OUTSIDE:
            raise _EndedError
        raise Refused(
            f"The e-mail template {name} was stopped: it takes more than {SECONDS:.0f} seconds "
            f"or {MEMORY >> 20} MB."
        )

    def _converse(self, process: subprocess.Popen[bytes], request: object) -> bytes:
        assert process.stdin
        assert process.stdout
        if not self._is_ready:
            # Reading in Python takes its time, and is no template's fault.
            self._is_ready = process.stdout.readline() == b"\n"
        pickle.dump(request, process.stdin)
        process.stdin.flush()
        return process.stdout.readline()

    def _open(self) -> subprocess.Popen[bytes]:
        # A process that was forked since has no part in its parent's conversation.
        if self._process and self._owner == os.getpid():
            if self._process.poll() is None:
                return self._process
            self._end()
        self._owner, self._is_ready = os.getpid(), False
        self._process = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "mailer.message.press", str(self._overrides)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={key: value for key, value in os.environ.items() if key[:7] != "MAILER_"},
        )
        self._end = weakref.finalize(self, _end, self._process, self._owner)
        return self._process


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner == os.getpid():
        process.kill()
        # Waits for it, and closes the pipes whatever is left in them.
        process.communicate()


def serve(templates: Environment, asked: IO[bytes], answers: IO[bytes]) -> None:
    """Say that we are there, then answer requests until there are no more. Without memory, or with
    its share of computing used up, this process ends, and that tells whoever asked."""
    answers.write(b"\n")
    answers.flush()
    while True:
        try:
            name, context, seconds = pickle.load(asked)  # noqa: S301  our parent writes it
        except EOFError:
            return
        setitimer(ITIMER_PROF, seconds)
        answer = _fill(templates, name, context)
        # Nothing would be no limit.
        left = max(setitimer(ITIMER_PROF, 0)[0], 0.001)
        answers.write(json.dumps({**answer, "left": left}).encode() + b"\n")
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
