"""Real servers on loopback for tests to send to: Postfix's sink, a scripted one, a stub of Brevo.

Each is a context manager; what it started is stopped by the end of the block.
"""

import json
import os
import pwd
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

START_SECONDS = 5
LONGEST_SILENCE = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class SinkMail:
    """`content` has line feeds only, as smtp-sink writes it, and its dots unstuffed."""

    sender_args: str
    recipient_args: tuple[str, ...]
    content: bytes


@dataclass(frozen=True)
class Sink:
    port: int
    directory: Path

    def mails(self) -> list[SinkMail]:
        """What arrived, sorted by recipient. A mail is listed once its dot was answered."""
        mails = (_sink_mail(file.read_bytes()) for file in self.directory.iterdir())
        return sorted(mails, key=lambda mail: mail.recipient_args)


@contextmanager
def smtp_sink(*options: str, port: int = 0) -> Iterator[Sink]:
    """Postfix's test server; see smtp-sink(1) for `options` such as "-f", "RCPT"."""
    port = port or free_port()
    directory = Path(tempfile.mkdtemp(prefix="sink-"))
    command = [_smtp_sink_path(), *_as_myself(), "-d", f"{directory}/mail.", *options]
    process = subprocess.Popen(
        [*command, f"127.0.0.1:{port}", "64"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_open(port)
        yield Sink(port, directory)
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        shutil.rmtree(directory)


def _smtp_sink_path() -> str:
    path = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert path, "smtp-sink is missing: install Postfix (apt install postfix)"
    return path


def _as_myself() -> Sequence[str]:
    # With super-user rights smtp-sink insists on being told whose to take.
    user = os.geteuid()
    return () if user else ("-u", pwd.getpwuid(user).pw_name)


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


def _sink_mail(stored: bytes) -> SinkMail:
    lines = stored.split(b"\n")
    received_at = next(i for i, line in enumerate(lines) if line.startswith(b"Received: "))
    head = [line.decode() for line in lines[:received_at]]
    content = lines[received_at + 3 :]
    return SinkMail(
        sender_args=_values(head, "X-Mail-Args: ")[0],
        recipient_args=tuple(_values(head, "X-Rcpt-Args: ")),
        # The file ends with an empty line of smtp-sink's own.
        content=b"\n".join(content).removesuffix(b"\n"),
    )


def _values(head: Iterable[str], name: str) -> list[str]:
    return [line.removeprefix(name) for line in head if line.startswith(name)]


DROP = "drop the connection"
RESET = "reset the connection"
SILENCE = "say nothing more"
THEN_DROP = " and hang up"
"""After a reply: the reply and the end of the connection arrive in one packet."""

_USUAL = {
    "CONNECT": "220 scripted",
    "STARTTLS": "220 go on",
    "AUTH": "235 welcome",
    "DATA": "354 go on",
    ".": "250 taken",
    "QUIT": "221 bye",
}


class ScriptedSmtp(socketserver.ThreadingTCPServer):
    """Answers as told and remembers everything.

    `answers` maps a whole command line, or a verb (CONNECT, EHLO, MAIL, RCPT, DATA, ".", …), to a
    reply, or to a list of replies of which the last one stays; DROP, RESET and SILENCE are
    replies, too. After 421 it hangs up. Closing it waits for its conversations to end. A server
    with a mind of its own overrides `reply_to`.
    """

    daemon_threads = False
    pause = 0.0
    """Seconds before each look at what came in."""

    def __init__(
        self,
        answers: Mapping[str, str | list[str]] | None = None,
        extensions: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
    ) -> None:
        self.extensions, self.tls, self.tls_at_once = extensions, tls, tls_at_once
        self.commands: list[str] = []
        """Every command line, and CONNECT for each new connection."""
        self.lines: list[tuple[int, str]] = []
        """The same, each with the number of its connection, from 1 on."""
        self.talks: list[Conversation] = []
        """The connections of this moment."""
        self.most_open = 0
        """How many there were at the busiest moment."""
        self.chunks: list[bytes] = []
        """What came in at once."""
        self.bodies: list[bytes] = []
        """Each message as sent, with its stuffed dots, without the final one."""
        self.abandoned: list[bytes] = []
        """What had come of messages whose dot never came."""
        self._script = {
            key: deque([given] if isinstance(given, str) else given)
            for key, given in (answers or {}).items()
        }
        self.lock = threading.Lock()
        self._count = 0
        super().__init__(("127.0.0.1", 0), Conversation)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def come_in(self, talk: "Conversation") -> int:
        """The number of a new connection."""
        with self.lock:
            self._count += 1
            self.talks.append(talk)
            self.most_open = max(self.most_open, len(self.talks))
            return self._count

    def leave(self, talk: "Conversation") -> None:
        """That conversation is over."""
        with self.lock:
            self.talks.remove(talk)

    def verbs(self) -> list[str]:
        return [_verb(line) for line in self.commands]

    def reply_to(self, talk: "Conversation", line: str) -> str:
        """What to say to this line of this conversation."""
        self.commands.append(line)
        self.lines.append((talk.number, line))
        script = self._script.get(line) or self._script.get(_verb(line))
        if script is None:
            return self._hello() if _verb(line) == "EHLO" else _USUAL.get(_verb(line), "250 fine")
        return script.popleft() if len(script) > 1 else script[0]

    def _hello(self) -> str:
        lines = ["scripted", *self.extensions]
        return "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what many tests are about, and nothing to report."""


class Conversation(socketserver.BaseRequestHandler):
    """`number` counts the server's connections from 1 on, `bodies` are the messages of this one."""

    server: ScriptedSmtp

    def setup(self) -> None:
        self.number = self.server.come_in(self)
        self.bodies: list[bytes] = []
        self._heard = self._unsent = b""

    def handle(self) -> None:
        self.request.settimeout(LONGEST_SILENCE)
        if self.server.tls_at_once:
            self._encrypt()
        if not self._say(self.server.reply_to(self, "CONNECT")):
            return
        while line := self._until(b"\r\n"):
            reply = self.server.reply_to(self, line.decode())
            if not self._say(reply):
                return
            if reply.startswith("220"):
                self._encrypt()
            if reply.startswith("354") and not self._take_body():
                return

    def finish(self) -> None:
        self.server.leave(self)
        # The server closes the socket that it accepted; encryption made another one of it.
        self.request.close()

    def _encrypt(self) -> None:
        assert self.server.tls
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)

    def _take_body(self) -> bool:
        # The line break of DATA itself may be the first half of the final dot.
        self._heard = b"\r\n" + self._heard
        body = self._until(b"\r\n.\r\n")
        if body is None:
            self.server.abandoned.append(self._heard[2:])
            return False
        self.bodies.append(body[2:] + b"\r\n" if body else b"")
        self.server.bodies.append(self.bodies[-1])
        return self._say(self.server.reply_to(self, "."))

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._heard:
            chunk = self._chunk()
            if not chunk:
                return None
            self.server.chunks.append(chunk)
            self._heard += chunk
        found, self._heard = self._heard.split(end, 1)
        return found

    def _chunk(self) -> bytes:
        time.sleep(self.server.pause)
        try:
            # As real servers do: the answers to one group of commands leave together.
            self._flush()
            return bytes(self.request.recv(65536))
        except (ConnectionResetError, TimeoutError):
            return b""

    def _flush(self) -> None:
        self.request.sendall(self._unsent)
        self._unsent = b""

    def _say(self, reply: str) -> bool:
        if reply == SILENCE:
            self._chunk()
            return False
        if reply in (RESET, DROP):
            self._flush()
        if reply == RESET:
            no_goodbye = struct.pack("ii", 1, 0)
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_goodbye)
            self.request.close()
        if reply in (RESET, DROP):
            return False
        if reply.endswith(THEN_DROP):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self._unsent += f"{reply}\r\n".encode()
        is_last = reply.startswith("421") or reply.endswith(THEN_DROP)
        if is_last or reply.startswith("220"):
            self._flush()
        return not is_last


def _verb(line: str) -> str:
    return line.partition(" ")[0]


@contextmanager
def scripted_smtp(
    answers: Mapping[str, str | list[str]] | None = None,
    extensions: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    tls_at_once: bool = False,
) -> Iterator[ScriptedSmtp]:
    """Run a ScriptedSmtp in a thread."""
    with ScriptedSmtp(answers, extensions, tls, tls_at_once) as server, in_thread(server):
        yield server


@contextmanager
def in_thread(server: socketserver.BaseServer) -> Iterator[None]:
    """Let `server` work in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(START_SECONDS)


@dataclass(frozen=True)
class Certificate:
    """A certificate for `localhost` (not for 127.0.0.1) that vouches for itself."""

    file: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def make_certificate(directory: Path) -> Certificate:
    """Trust it by naming its file in SSL_CERT_FILE."""
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-out", str(made.file), "-keyout", str(made.key)]
    subprocess.run(["openssl", *options.split(), *subject, *files], check=True, capture_output=True)
    return made


@dataclass(frozen=True)
class BrevoAnswer:
    """`body` as bytes goes out as it is, anything else as JSON. `delay` is in seconds."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0


@dataclass(frozen=True)
class BrevoRequest:
    method: str
    path: str
    headers: Mapping[str, str]
    fields: dict[str, Any]


class BrevoStub(ThreadingHTTPServer):
    """Takes mail like Brevo. `answers` are given to the next POSTs, `account` to every GET."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.account = BrevoAnswer(200, {"email": "owner@example.org", "plan": []})
        self.answers: deque[BrevoAnswer] = deque()
        self.requests: list[BrevoRequest] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _BrevoConversation)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def posts(self) -> list[dict[str, Any]]:
        return [request.fields for request in self.requests if request.method == "POST"]

    def answer(self, request: BrevoRequest) -> BrevoAnswer:
        self.requests.append(request)
        if request.method == "GET":
            return self.account
        return self.answers.popleft() if self.answers else _brevo_yes(request.fields)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is what some tests are about, and nothing to report."""


class _BrevoConversation(BaseHTTPRequestHandler):
    server: BrevoStub
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, fields: dict[str, Any]) -> None:
        request = BrevoRequest(self.command, self.path, dict(self.headers), fields)
        answer = self.server.answer(request)
        time.sleep(answer.delay)
        is_raw = isinstance(answer.body, bytes)
        body = answer.body if is_raw else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        """The requests are kept in `BrevoStub.requests`."""


def _brevo_yes(fields: Mapping[str, Any]) -> BrevoAnswer:
    count = len(fields.get("messageVersions", ()))
    ids = [f"<2026112209150{n}.1@smtp-relay.mailin.fr>" for n in range(1, count + 1)]
    single = {"messageId": "<20261122091500.1@smtp-relay.mailin.fr>"}
    return BrevoAnswer(201, {"messageIds": ids} if ids else single)


@contextmanager
def brevo_stub() -> Iterator[BrevoStub]:
    """Run a BrevoStub in a thread."""
    with BrevoStub() as server, in_thread(server):
        yield server


class SlowSmtp(ScriptedSmtp):
    """Takes `seconds` to answer each final dot. Its `bodies` are all that arrived, answered or
    not: what a mail server has, whatever its client heard of it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(extensions=("PIPELINING",))

    def reply_to(self, talk: Conversation, line: str) -> str:
        if line == ".":
            time.sleep(self.seconds)
        return super().reply_to(talk, line)


@contextmanager
def slow_smtp(seconds: float) -> Iterator[SlowSmtp]:
    """Run a SlowSmtp in a thread."""
    with SlowSmtp(seconds) as server, in_thread(server):
        yield server
