"""A connection that never waits: what is said in pieces, too early, or right before the end."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailer.providers.smtp_channel import Channel
from mailer.providers.smtp_session import LineLostError, Reply
from tests.sinks import make_certificate

Ends = tuple[Channel, socket.socket]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        yield near, far


@pytest.fixture(params=["plain", "tls"])
def ends(
    request: pytest.FixtureRequest, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> Iterator[Ends]:
    near, far = pair if request.param == "plain" else encrypt(*pair, tmp_path)
    with closing(Channel(near, {})) as channel, near, far:
        yield channel, far


def encrypt(
    near: socket.socket, far: socket.socket, directory: Path
) -> tuple[socket.socket, socket.socket]:
    certificate = make_certificate(directory)
    context = ssl.create_default_context(cafile=str(certificate.file))
    ready: list[socket.socket] = []
    greeter = threading.Thread(
        target=lambda: ready.append(context.wrap_socket(near, server_hostname="localhost"))
    )
    greeter.start()
    far = certificate.server_context().wrap_socket(far, server_side=True)
    greeter.join()
    return ready[0], far


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def listen(channel: Channel) -> None:
    wait_for(channel.listen)


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
def test_reply_is_read_whole(ends: Ends, sent: bytes, reply: Reply) -> None:
    channel, far = ends
    far.sendall(sent)

    listen(channel)

    assert channel.reply() == reply


def test_reply_in_pieces_is_put_together(ends: Ends) -> None:
    channel, far = ends
    far.sendall(b"250-o")
    listen(channel)
    before = channel.reply()
    far.sendall(b"ne\r\n250 two\r\n354 next\r\n")
    listen(channel)

    replies = [channel.reply(), channel.reply(), channel.reply()]

    assert before is None
    assert replies == [Reply(250, ("one", "two")), Reply(354, ("next",)), None]


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\r\n",
        b"25 Ok\r\n",
        b"999 Ok\r\n",
        b"2500 Ok\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28\n",
        b"x" * 9000,
        b"250-and so on\r\n" * 100,
    ],
)
def test_line_that_is_not_smtp_ends_the_connection(ends: Ends, sent: bytes) -> None:
    channel, far = ends
    far.sendall(sent)
    listen(channel)

    with pytest.raises(LineLostError) as lost:
        channel.reply()

    assert str(lost.value) == "the answer was not SMTP"
    assert not channel.is_open


def test_quiet_server_has_not_spoken(ends: Ends) -> None:
    channel, _ = ends

    assert not channel.has_spoken()
    assert not channel.listen()


def test_server_that_hung_up_has_spoken(ends: Ends) -> None:
    channel, far = ends
    far.close()

    wait_for(channel.has_spoken)

    assert not channel.is_open


def test_server_that_reset_the_connection_has_spoken(ends: Ends) -> None:
    channel, far = ends
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()

    wait_for(channel.has_spoken)

    assert not channel.is_open


@pytest.mark.parametrize("farewell", [b"", b"421 idle too long\r\n"])
def test_answer_is_read_before_the_end_that_came_with_it(ends: Ends, farewell: bytes) -> None:
    channel, far = ends
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    far.sendall(b"250 taken\r\n" + farewell)
    far.close()
    listen(channel)

    first = channel.reply()

    assert first == Reply(250, ("taken",))
    if farewell:
        assert channel.reply() == Reply(421, ("idle too long",))
    with pytest.raises(LineLostError) as lost:
        wait_for(channel.listen)
    assert str(lost.value) == "the server closed the connection"
    assert not channel.is_open


def test_half_an_answer_before_the_end_is_none(ends: Ends) -> None:
    channel, far = ends
    far.sendall(b"250-half\r\n250 an ans")
    far.close()

    with pytest.raises(LineLostError) as lost:
        wait_for(lambda: (channel.listen(), channel.reply())[1])

    assert str(lost.value) == "the server closed the connection"


def test_what_does_not_fit_into_the_network_goes_out_later(ends: Ends) -> None:
    channel, far = ends
    body = b"0123456789abcdef" * 500_000
    heard = bytearray()

    channel.write(body)
    was_stuck = channel.has_unsent
    channel.write(b"the end")
    reader = threading.Thread(target=read_all, args=(far, heard, len(body) + 7))
    reader.start()
    while channel.has_unsent:
        channel.flush()
    reader.join()

    assert was_stuck
    assert heard == body + b"the end"


def read_all(far: socket.socket, heard: bytearray, size: int) -> None:
    while len(heard) < size:
        heard += far.recv(65_536)


def test_words_before_the_end_are_heard_though_sending_fails(ends: Ends) -> None:
    channel, far = ends
    channel.write(b"0123456789abcdef" * 500_000)
    far.sendall(b"552 5.3.4 too big\r\n")
    far.close()  # with all of the body unread, so the next write fails
    time.sleep(0.05)

    channel.flush()

    assert channel.reply() == Reply(552, ("5.3.4 too big",))


def test_sending_into_a_lost_connection_says_so(ends: Ends) -> None:
    channel, far = ends
    channel.write(b"0123456789abcdef" * 500_000)
    far.close()
    time.sleep(0.05)

    with pytest.raises(LineLostError) as lost:
        channel.flush()

    assert str(lost.value).startswith("the connection broke while sending (")
    assert not channel.is_open


def test_connection_is_given_away_open(ends: Ends) -> None:
    channel, far = ends

    given = channel.detach()
    given.setblocking(True)
    given.sendall(b"QUIT\r\n")

    assert not channel.is_open
    assert far.recv(99) == b"QUIT\r\n"
