"""F47, a million recipients: as fast as ten thousand, in as little memory as a hundred thousand.

One `mailer worker` sends the million, a third in each round, paused while the ten thousand have
their turn.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.letters import make_letter
from benchmarks.machine import scratch
from benchmarks.rounds import rate, ratios
from benchmarks.rows import Row
from benchmarks.scale import Stand
from benchmarks.service import Mailing, open_mailing, send
from mailer.message.values import Rendered

SIZE = 8_000
GOAL_OF_RATE, GOAL_OF_MEMORY, GOAL_OF_GROWTH = 0.9, 150, 1.1
_WORD = "VmHWM:"


def measure(stand: Stand) -> Iterator[Row]:
    letter, scale = make_letter(SIZE), stand.scale
    some, few, many = f"{scale.some:,}", f"{scale.few:,}", f"{scale.many:,}"
    needed = {some: _weigh_worker(stand, letter, scale.some)}
    rates: dict[str, list[float]] = {many: [], few: []}
    with scratch() as folder, open_mailing(folder, stand.port, letter, scale.many) as mailing:
        needed[many] = _share_rounds(stand, mailing, letter, rates[many], rates[few])
    yield Row(
        f"{many} recipients against {few}, SQLite",
        ratios(rates, many, few),
        "×",
        GOAL_OF_RATE,
        measured=rates,
    )
    yield Row(
        f"Peak memory of a worker, {many} recipients",
        [needed[many]],
        "MB",
        GOAL_OF_MEMORY,
        is_ceiling=True,
    )
    yield Row(
        f"Peak memory, {many} recipients against {some}",
        [needed[many] / needed[some]],
        "×",
        GOAL_OF_GROWTH,
        is_ceiling=True,
        measured={name: [peak] for name, peak in needed.items()},
        measured_in="MB",
    )


def _share_rounds(
    stand: Stand,
    mailing: Mailing,
    letter: Rendered,
    many: list[float],
    few: list[float],
) -> float:
    """The worker's peak memory; the rates are written into `many` and `few`."""
    scale = stand.scale
    with stand.run_worker(mailing.installation) as worker:
        for turn in range(1, scale.rounds + 1):
            few.append(rate(send(stand, letter, scale.few)))
            begun_at = mailing.go_on()
            if turn == scale.rounds:
                mailing.wait_until_sent()
            else:
                mailing.wait_until_passed(scale.many * turn // scale.rounds)
                mailing.pause()
            number, seconds = mailing.read_pace(begun_at)
            many.append(number / seconds)
        peak = read_peak(worker)
    mailing.check()
    return peak


def _weigh_worker(stand: Stand, letter: Rendered, audience: int) -> float:
    with scratch() as folder, open_mailing(folder, stand.port, letter, audience) as mailing:
        mailing.go_on()
        with stand.run_worker(mailing.installation) as worker:
            mailing.wait_until_sent()
            peak = read_peak(worker)
        mailing.check()
    return peak


def read_peak(pid: int) -> float:
    """The most memory that a process ever had at once, in megabytes (of 1,000,000 bytes)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    kibibytes = next(line for line in status.splitlines() if line.startswith(_WORD))
    return int(kibibytes.split()[1]) * 1024 / 1e6
