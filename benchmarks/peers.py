"""Against Mailman 3 and django-newsletter, which are not installed here. Both were measured once,
on another machine, beside the naive loop; the ratio between each and the loop is taken from there
and the loop is run here. So the figures are estimates, and hold as far as that ratio does."""

from collections.abc import Iterator

from benchmarks.letters import make_letter
from benchmarks.naive import send_naively
from benchmarks.rounds import take_turns
from benchmarks.rows import OURS, Row
from benchmarks.scale import Stand
from benchmarks.service import send

SIZE = 10_000
NAIVE = "naive: Jinja, build, smtplib"

# Mails per second side by side on that other machine: 10 KB, personalised, the same sink.
NAIVE_THERE = 354
PEERS_THERE = {
    "Mailman 3": (70, 100),  # it did 45 to 70
    "django-newsletter": (192, 30),
}
"""What each did there, and how many times as fast we want to be."""


def measure(stand: Stand) -> Iterator[Row]:
    letter, scale = make_letter(SIZE), stand.scale
    ways = {
        OURS: send(stand, letter, scale.messages),
        NAIVE: send_naively(stand.port, letter, scale.slow_messages),
    }
    rates = take_turns(ways, scale.rounds)
    for peer, (there, goal) in PEERS_THERE.items():
        rescaled = [rate * there / NAIVE_THERE for rate in rates[NAIVE]]
        yield Row(
            f"10 KB, unsigned, ledger on SQLite, 16 connections, against {peer} (rescaled)",
            [ours / theirs for ours, theirs in zip(rates[OURS], rescaled, strict=True)],
            "×",
            goal,
            measured={**rates, f"{peer}, rescaled": rescaled},
        )
