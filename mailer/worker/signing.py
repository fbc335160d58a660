"""Signs mails in threads, a few ahead of their turn: the signature lets go of the interpreter, so
every core can work on one while the loop talks."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mailer.message.dkim import Signer
from mailer.providers.base import Mail

AHEAD_PER_CORE = 8

Finish = Callable[[], Mail]
"""Gives the mail as it goes out; waits for it if need be."""


class Signing:
    """`ahead`: how many mails are worth being begun before the first of them is needed."""

    def __init__(self, signer: Signer | None) -> None:
        cores = os.cpu_count() or 1
        self._signer = signer
        self._threads = ThreadPoolExecutor(cores, "sign") if signer else None
        self.ahead = AHEAD_PER_CORE * cores if signer else 1

    def begin(self, mail: Mail) -> Finish:
        """Begin to sign the mail, if mail is signed here."""
        if self._signer is None or self._threads is None:
            return lambda: mail
        signed = self._threads.submit(self._signer.sign, mail.content)
        return lambda: mail._replace(content=signed.result())

    def close(self) -> None:
        if self._threads:
            self._threads.shutdown(cancel_futures=True)


UNSIGNED = Signing(None)
