"""Measures what the documents quote: `make bench`. Ratios against a named reference, interleaved
in the same run, three rounds, medians; absolute figures only say what machine this was."""

import json
import os
import platform
from pathlib import Path

from benchmarks import building, sending

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    rows = [*building.measure(), *sending.measure()]
    for row in rows:
        print(
            f"{row['what']:<58} {row['ours']:>10,.0f}/s  {row['ratio']:>7.1f} × {row['reference']}"
        )
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    RESULTS.write_text(
        json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n", encoding="utf-8"
    )
    print(f"Written to {RESULTS.name}.")


if __name__ == "__main__":
    main()
