"""Mail as the demo's server leaves it in its Maildir, for whoever reads it."""

import mailbox
import os
from datetime import UTC, datetime
from pathlib import Path

ARRIVED = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)

LETTER = (
    b"Subject: =?utf-8?q?Setk=C3=A1n=C3=AD?=\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"UMWZaWrEjyENCmh0dHBzOi8vbmV3cy5leGFtcGxlLm9yZy9hLg0KaHR0cHM6Ly9uLmV4YW1wbGUub3JnL3QNCg==\r\n"
    b"--b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
    b'<a href=3D"https://news.example.org/a?x=3D1&amp;y=3D2">P=C5=99ij=C4=8F</a>\r\n'
    b'<a href=3D"https://news.example.org/a">again</a><a href=3D"mailto:x@y.z">mail</a>\r\n'
    b"--b--\r\n"
)


def keep(
    directory: Path,
    content: bytes = LETTER,
    recipient: str = "bob@example.org",
    at: datetime = ARRIVED,
) -> str:
    """Leave one mail in the Maildir; its id."""
    envelope = f"Return-Path: <news@example.org>\r\nDelivered-To: {recipient}\r\n".encode()
    name = mailbox.Maildir(directory, create=True).add(envelope + content)
    os.utime(directory / "new" / name, (at.timestamp(), at.timestamp()))
    return name
