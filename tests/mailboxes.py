"""A mail server's mailboxes for tests: Dovecot on loopback ports of its own, with everything it
needs in a temporary folder, ended by the number it was given.
"""

import grp
import os
import pwd
import shutil
import socketserver
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from imaplib import IMAP4
from pathlib import Path

import pytest

from tests.brokers import is_open
from tests.parts import find_dovecot
from tests.service import wait_until
from tests.sinks import Certificate, free_port, in_thread, make_certificate

PASSWORD = "hush-ünd-more"
STOP_SECONDS = 10


@dataclass
class Dovecot:
    """`port` speaks plain text and STARTTLS, `tls_port` TLS from the first byte. Everybody has a
    mailbox, with the same password."""

    folder: Path
    certificate: Certificate
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)

    def section(self, owner: str, **others: object) -> dict[str, object]:
        """What `[bounces]` says about the box of that owner."""
        usual = {"imap_host": "localhost", "imap_port": self.tls_port}
        return {**usual, "username": owner, "password": PASSWORD, **others}

    @contextmanager
    def sign_in(self, owner: str, folder: str = "INBOX") -> Iterator[IMAP4]:
        """As the owner of a box, who may do everything."""
        with IMAP4("localhost", self.port, timeout=STOP_SECONDS) as server:
            server.starttls(ssl.create_default_context(cafile=str(self.certificate.file)))
            server.authenticate("PLAIN", lambda _: f"\0{owner}\0{PASSWORD}".encode())
            server.select(folder)
            yield server

    def put(self, owner: str, *mails: bytes, folder: str = "INBOX") -> None:
        """These arrive in the box, as new ones."""
        with self.sign_in(owner) as server:
            server.create(folder)
            for mail in mails:
                kind, said = server.append(folder, "", "", mail)
                assert kind == "OK", said

    def renumber(self, owner: str) -> None:
        """Its mails are lost, and the numbers of new ones mean others than before."""
        shutil.rmtree(self.folder / "mail" / owner)
        time.sleep(1.1)  # the second in which a box is made is what tells it from the one before

    def find_file(self, owner: str, marker: bytes) -> Path:
        """Where the mail lies that has `marker` in it."""
        box = self.folder / "mail" / owner
        mails = [path for name in ("new", "cur") for path in (box / name).iterdir()]
        (found,) = [path for path in mails if marker in path.read_bytes()]
        return found

    def list_flags(self, owner: str) -> list[bytes]:
        """Every mail in the box, with what is marked about it."""
        with self.sign_in(owner) as server:
            return [bytes(said) for said in server.fetch("1:*", "(UID FLAGS)")[1] if said]

    def said(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def configure(self) -> str:
        """All of it, instead of what this machine has in /etc."""
        internal, login, owner = _list_users()
        group = grp.getgrgid(internal.pw_gid).gr_name
        return f"""\
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal.pw_name}
default_internal_group = {group}
default_login_user = {login.pw_name}
first_valid_uid = {owner.pw_uid}
mail_location = maildir:{self.folder}/mail/%u
ssl = yes
ssl_cert = <{self.certificate.file}
ssl_key = <{self.certificate.key}
disable_plaintext_auth = yes
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={self.folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = {self.tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def _list_users() -> Sequence[pwd.struct_passwd]:
    """Whom its processes run as, whom those that strangers speak to, whose the mails are. Never
    root's, says Dovecot; others cannot choose."""
    if os.geteuid():
        return [pwd.getpwuid(os.geteuid())] * 3
    return [pwd.getpwnam(name) for name in ("dovecot", "dovenull", "nobody")]


@contextmanager
def run_dovecot() -> Iterator[Dovecot]:
    """A server that lets everybody in with `PASSWORD`, and only with encryption."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-dovecot-"))
    folder.chmod(0o755)
    (folder / "mail").mkdir(mode=0o777)
    (folder / "mail").chmod(0o777)
    server = Dovecot(folder, make_certificate(folder))
    (folder / "dovecot.conf").write_text(server.configure(), encoding="utf-8")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [find_dovecot() or "dovecot", "-F", "-c", str(folder / "dovecot.conf")],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is not None or is_open(server.tls_port), server.said)
        assert process.poll() is None, server.said()
        yield server
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _dovecot() -> Iterator[Dovecot]:
    with run_dovecot() as server:
        yield server


@pytest.fixture
def dovecot(_dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Dovecot:
    """One server for all tests of this process, whose certificate this test trusts. Let every test
    have an owner of its own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(_dovecot.certificate.file))
    return _dovecot


@contextmanager
def silent_imap() -> Iterator[dict[str, object]]:
    """A box with one mail, whose server falls silent when it is asked for it; what `[bounces]` says
    about it."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _SilentAtFetch)
    with server, in_thread(server):
        port = server.server_address[1]
        yield {"imap_host": "127.0.0.1", "imap_port": port, "imap_security": "none"}


class _SilentAtFetch(socketserver.StreamRequestHandler):
    said: Mapping[bytes, bytes] = {
        b"CAPABILITY": b"* CAPABILITY IMAP4rev1",
        b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] same\r\n* OK [UIDNEXT 2] next",
        b"UID SEARCH": b"* SEARCH 1",
    }

    def handle(self) -> None:
        self.wfile.write(b"* OK hello\r\n")
        for line in self.rfile:
            tag, command, *words = line.split()
            command = b" ".join([command, *words[:1]]) if command == b"UID" else command
            if command != b"UID FETCH":
                said = self.said.get(command, b"* OK")
                self.wfile.write(said + b"\r\n" + tag + b" OK done\r\n")
