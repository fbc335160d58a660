"""One SMTP connection: reading replies from whatever a server may say."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from mailer.providers.smtp_session import LineLostError, Reply, Session


@pytest.fixture
def ends() -> Iterator[tuple[Session, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with closing(Session(near, 0.3)) as session, far:
        yield session, far


def is_open(session: Session) -> bool:
    try:
        session.write(b"NOOP\r\n")
    except LineLostError:
        return False
    return True


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"250 Ok\r\n", Reply(250, ("Ok",))),
        (b"250\r\n", Reply(250, ("",))),
        (b"250-one\r\n250-two words\r\n250 three\r\n", Reply(250, ("one", "two words", "three"))),
        (b"250 only a line feed\n", Reply(250, ("only a line feed",))),
        (b"550 5.1.1 nen\xed\r\n", Reply(550, ("5.1.1 nen\ufffd",))),
    ],
)
def test_reply_is_read_whole(
    ends: tuple[Session, socket.socket], sent: bytes, reply: Reply
) -> None:
    session, far = ends
    far.sendall(sent)

    assert session.reply() == reply


def test_reply_in_pieces_is_put_together(ends: tuple[Session, socket.socket]) -> None:
    session, far = ends
    far.sendall(b"250-o")
    later = threading.Timer(0.05, far.sendall, [b"ne\r\n250 two\r\n354 next\r\n"])
    later.start()

    replies = [session.reply(), session.reply()]

    assert replies == [Reply(250, ("one", "two")), Reply(354, ("next",))]


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\r\n",
        b"25 Ok\r\n",
        b"999 Ok\r\n",
        b"2500 Ok\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28\n",
        b"x" * 20_000,
        b"250-and so on\r\n" * 200,
    ],
)
def test_line_that_is_not_smtp_ends_the_session(
    ends: tuple[Session, socket.socket], sent: bytes
) -> None:
    session, far = ends
    far.sendall(sent)

    with pytest.raises(LineLostError) as lost:
        session.reply()

    assert str(lost.value) == "the answer was not SMTP"
    assert not is_open(session)


def test_silence_ends_the_session(ends: tuple[Session, socket.socket]) -> None:
    session, far = ends
    far.sendall(b"250-half a reply\r\n")

    with pytest.raises(LineLostError) as lost:
        session.reply()

    assert str(lost.value) == "no answer (timed out)"
    assert not is_open(session)


def test_trickle_does_not_stretch_the_wait(ends: tuple[Session, socket.socket]) -> None:
    session, far = ends
    done = threading.Event()

    def trickle() -> None:
        with suppress(OSError):
            while not done.wait(0.02):
                far.sendall(b"250-x\r\n")

    thread = threading.Thread(target=trickle)
    thread.start()
    with pytest.raises(LineLostError) as lost:
        session.reply()
    done.set()
    thread.join()

    assert str(lost.value) == "no answer (timed out)"


def test_end_of_the_connection_ends_the_session(ends: tuple[Session, socket.socket]) -> None:
    session, far = ends
    far.close()

    with pytest.raises(LineLostError) as lost:
        session.reply()

    assert str(lost.value) == "the server closed the connection"


def test_writing_to_a_closed_session_is_a_lost_line(ends: tuple[Session, socket.socket]) -> None:
    session, _ = ends
    session.close()

    with pytest.raises(LineLostError):
        session.write(b"NOOP\r\n")


def test_connection_is_given_away_open(ends: tuple[Session, socket.socket]) -> None:
    session, far = ends

    given = session.detach()
    given.sendall(b"NOOP\r\n")

    assert far.recv(99) == b"NOOP\r\n"


def test_connection_on_which_more_was_said_is_not_given_away(
    ends: tuple[Session, socket.socket],
) -> None:
    session, far = ends
    far.sendall(b"250 Ok\r\n421 idle too long\r\n")
    session.reply()

    with pytest.raises(LineLostError) as lost:
        session.detach()

    assert str(lost.value) == "the server spoke before it was asked"
    assert far.recv(99) == b""


@pytest.mark.parametrize("answer", [b"221 bye\r\n", b"500 what\r\n", b"421 go\r\n"])
def test_quit_closes_whatever_the_answer(
    ends: tuple[Session, socket.socket], answer: bytes
) -> None:
    session, far = ends
    far.sendall(answer)

    session.quit()

    assert far.recv(99) == b"QUIT\r\n"
    assert not is_open(session)


@pytest.mark.parametrize(
    ("address", "literal"),
    [("127.0.0.1", "[127.0.0.1]"), ("::1", "[IPv6:::1]")],
)
def test_own_literal_is_written_as_ehlo_takes_it(address: str, literal: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        near = socket.create_connection(listener.getsockname()[:2])
        with closing(Session(near, 0.3)) as session:
            assert session.own_literal() == literal
