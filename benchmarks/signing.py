"""Signed mail: against what `cryptography` alone can sign on this machine, and against the naive
way, which signs with dkimpy."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.letters import make_letter
from benchmarks.machine import scratch
from benchmarks.naive import send_naively, sign_with_dkimpy
from benchmarks.rounds import Watch, Work, take_turns
from benchmarks.rows import OURS, Row, compare
from benchmarks.scale import Stand
from benchmarks.service import open_mailing, run_through, send
from mailer.message.values import Rendered
from tests.sinks import smtp_sink

SIZE = 8_000
GOAL_OF_SIGNING, GOAL_AGAINST_NAIVE = 0.8, 25
SELECTOR, DOMAIN = "bench", "example.org"
ALONE = "cryptography alone, a thread per core"
NAIVE = "naive: Jinja, build, dkimpy, smtplib"
_HEADERS = b"h" * 1_500  # what a signature is made of: the headers, and the body's hash


def measure(stand: Stand) -> Iterator[Row]:
    scale = stand.scale
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    dkim = {"selector": SELECTOR, "private_key": pem.decode()}
    letter = make_letter(SIZE)
    _prove_signed(stand, letter, dkim)
    sign = sign_with_dkimpy(SELECTOR, DOMAIN, pem)
    ways = {
        OURS: send(stand, letter, scale.messages, dkim=dkim),
        ALONE: _sign_alone(key, scale.signatures),
        NAIVE: send_naively(stand.port, letter, scale.slow_messages, sign),
    }
    rates = take_turns(ways, scale.rounds)
    what = "8 KB, signed with RSA-2048, ledger on SQLite, 16 connections"
    yield compare(what, rates, OURS, ALONE, GOAL_OF_SIGNING)
    yield compare(f"{what}, against the naive way", rates, OURS, NAIVE, GOAL_AGAINST_NAIVE)


def _sign_alone(key: rsa.RSAPrivateKey, number: int) -> Work:
    threads = os.cpu_count() or 1
    padding, digest = PKCS1v15(), SHA256()

    def sign(times: int) -> None:
        for _ in range(times):
            key.sign(_HEADERS, padding, digest)

    def work(watch: Watch) -> int:
        share = number // threads
        with ThreadPoolExecutor(threads) as pool, watch.running():
            list(pool.map(sign, [share] * threads))
        return share * threads

    return work


def _prove_signed(stand: Stand, letter: Rendered, dkim: Mapping[str, str]) -> None:
    """A figure for signed mail from a service that does not sign would be a lie."""
    with (
        smtp_sink() as sink,
        scratch() as folder,
        open_mailing(folder, sink.port, letter, 1, dkim=dkim) as mailing,
    ):
        run_through(stand, mailing)
        (mail,) = sink.mails()
    if not mail.content.startswith(b"DKIM-Signature: "):
        raise RuntimeError("[dkim] is configured, and the mail that left has no signature")
