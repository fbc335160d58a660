"""Mails that came back, as the servers of the world write them: samples with our ids filled in."""

from pathlib import Path

SAMPLES = Path(__file__).parent / "data" / "bounces"
SYSTEMS = ("postfix", "exim", "exchange", "gmail", "qmail")
"""Samples that say, each in its own way, that the address does not exist."""


def read_sample(name: str, message_id: str, address: str = "reader@example.net") -> bytes:
    """The sample as it goes over the wire, about the mail of that Message-ID to that address."""
    text = (SAMPLES / f"{name}.eml").read_text(encoding="ascii")
    filled = text.replace("@@MESSAGE_ID@@", message_id).replace("@@ADDRESS@@", address)
    return filled.replace("\n", "\r\n").encode("ascii")
