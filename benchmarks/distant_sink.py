"""An SMTP server at the end of a long line: it offers PIPELINING, takes everything, keeps nothing,
and each packet of answers arrives 10 ms late. `python -m benchmarks.distant_sink PORT`."""

import asyncio
import sys

LATE_SECONDS = 0.010
_END = b"\r\n.\r\n"
_ANSWERS = {
    b"EHLO": b"250-distant\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
}
_FINE = b"250 fine\r\n"
_BYE = b"221 bye\r\n"


class Conversation(asyncio.Protocol):
    """What was heard and not understood yet, and whether it is a message's body."""

    def __init__(self) -> None:
        self._heard = b""
        self._is_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 distant\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        answers = b"".join(iter(self._answer_next, b""))
        if answers:
            self._say(answers)

    def _answer_next(self) -> bytes:
        """The answer to the next command or message; empty while it has not come whole."""
        end = _END if self._is_body else b"\r\n"
        said, found, rest = self._heard.partition(end)
        if not found:
            return b""
        self._heard = rest
        if self._is_body:
            self._is_body = False
            return _FINE
        verb = said[:4].upper()
        self._is_body = verb == b"DATA"
        return _BYE if verb == b"QUIT" else _ANSWERS.get(verb, _FINE)

    def _say(self, answers: bytes) -> None:
        asyncio.get_running_loop().call_later(LATE_SECONDS, self._write, answers)

    def _write(self, answers: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answers)
        if answers.endswith(_BYE):
            self._transport.close()


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
