"""A mail server that at every step may do anything, and keeps account of what it took."""

import socket
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from tests.providers.mails import key_of
from tests.sinks import DROP, RESET, SILENCE, THEN_DROP, Conversation, ScriptedSmtp

Odds = Mapping[str, float]
"""Reply → how often, in percent."""

_LEAVING: Odds = {DROP: 1, RESET: 0.5, SILENCE: 0.05, "<html>": 0.5, "421 4.3.2 going": 1}
_REFUSALS: Odds = {"450 4.2.1 later": 1.5, "550 5.1.1 no": 1.5, "454 4.7.0 slow down": 0.2}

ODDS: Mapping[str, Odds] = {
    "CONNECT": {DROP: 1, RESET: 0.5, "421 4.7.0 too many": 3, "554 5.3.2 no": 0.5},
    "EHLO": {DROP: 0.5, "421 4.3.2 going": 0.5},
    "MAIL": {**_LEAVING, **_REFUSALS, "354 what": 0.3},
    "RCPT": {**_LEAVING, **_REFUSALS, "250-half": 0.2},
    "DATA": {
        **_LEAVING,
        **_REFUSALS,
        "250 what": 0.3,
        f"354 go{THEN_DROP}": 1,
        "354 go\r\n552 5.3.4 too big": 0.5,
        f"354 go\r\n452 4.3.1 full{THEN_DROP}": 0.5,
        f"354 go\r\n421 4.3.2 going{THEN_DROP}": 0.5,
    },
    "RSET": {DROP: 3, "502 5.5.1 what": 3},
    "QUIT": {DROP: 10, "500 what": 10},
}
TAKEN: Odds = {
    f"250 taken{THEN_DROP}": 2,
    "250-taken\r\n250 indeed": 2,
    "250 taken\r\n421 4.4.2 idle": 1,
    "250 taken\r\n250 stray": 0.5,
}
"""Answers to a dot, when the mail was taken; else "250 taken"."""
TAKEN_IN_SILENCE: Odds = {DROP: 2, RESET: 1, "350 what": 0.5, "<html>": 0.5, SILENCE: 0.1}
NOT_TAKEN: Odds = {**_REFUSALS, "421 4.3.2 going": 1, DROP: 1, f"554 5.7.1 spam{THEN_DROP}": 1}


class Storm(ScriptedSmtp):
    """`taken`: how often each mail was taken. `told`: those of which it said so. `dots`: how
    often the final dot of each came."""

    def __init__(
        self, seed: str, extensions: Sequence[str], tls: ssl.SSLContext | None = None
    ) -> None:
        self.taken: Counter[int] = Counter()
        self.told: Counter[int] = Counter()
        self.dots: Counter[int] = Counter()
        self._seed = seed
        self._dice: dict[int, Random] = {}
        super().__init__(extensions=extensions, tls=tls, tls_at_once=tls is not None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)

    def reply_to(self, talk: Conversation, line: str) -> str:
        usual = super().reply_to(talk, line)
        dice = self._dice.setdefault(talk.number, Random(f"{self._seed}/{talk.number}"))
        if line == ".":
            return self._judge(key_of(talk.bodies[-1]), dice)
        return _throw(dice, ODDS.get(line.partition(" ")[0], {})) or usual

    def _judge(self, key: int, dice: Random) -> str:
        with self.lock:
            self.dots[key] += 1
            if refusal := _throw(dice, NOT_TAKEN):
                return refusal
            self.taken[key] += 1
            if riddle := _throw(dice, TAKEN_IN_SILENCE):
                return riddle
            self.told[key] += 1
        return _throw(dice, TAKEN) or "250 taken"


def _throw(dice: Random, odds: Odds) -> str:
    left = dice.random() * 100
    for reply, share in odds.items():
        left -= share
        if left < 0:
            return reply
    return ""
