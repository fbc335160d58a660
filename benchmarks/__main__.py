"""Measures what the documents quote: `make bench`. Ratios against a named reference, interleaved
in the same run, three rounds, medians; absolute figures only say what machine this was."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping

from benchmarks import (
    building,
    distance,
    materialising,
    million,
    peers,
    report,
    sending,
    signing,
    signups,
)
from benchmarks.machine import describe, measure_disk
from benchmarks.postgres import make_database, run_postgres
from benchmarks.rows import Row
from benchmarks.scale import FULL, QUICK, Scale, Stand
from benchmarks.service import run_worker
from benchmarks.sinks import run_sink

PARTS: Mapping[str, Callable[[Stand], Iterator[Row]]] = {
    "sending": sending.measure,
    "signing": signing.measure,
    "peers": peers.measure,
    "distance": distance.measure,
    "million": million.measure,
    "materialising": materialising.measure,
    "signups": signups.measure,
    "building": building.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; else all")
    parser.add_argument(
        "--quick", action="store_true", help="a try-out with small numbers; writes nothing"
    )
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    measured = _measure(options.parts or list(PARTS), QUICK if options.quick else FULL)
    if not options.quick:
        machine = {**describe(), "forced write of 4 KiB": f"{measure_disk():,.0f} µs"}
        report.write(measured, machine, list(PARTS))
        print("Written to benchmarks/results.json, docs/benchmarks.md and its chart.")


def _measure(parts: Iterable[str], scale: Scale) -> dict[str, list[Row]]:
    measured = {}
    with run_sink() as port, run_postgres() as server:
        stand = Stand(scale, port, lambda: make_database(server), run_worker)
        for name in parts:
            measured[name] = list(PARTS[name](stand))
            print(report.show(measured[name]), flush=True)
    return measured


if __name__ == "__main__":
    main()
