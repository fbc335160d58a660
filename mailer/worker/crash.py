"""Named places where the worker may be made to die, for the tests that prove nothing is lost.

`MAILER_CRASH_AT=after_gate` (or `after_gate:5`, the fifth time) ends the process there as
`kill -9` would. Unset, a crash point costs one comparison.
"""

import itertools
import os

POINTS = frozenset(
    {
        "after_claim",
        "before_gate",
        "after_gate",
        "after_outcome",
        "after_record",
        "in_preparation",
        "before_completion",
    }
)

_name, _, _count = os.environ.get("MAILER_CRASH_AT", "").partition(":")
if _name and _name not in POINTS:
    raise SystemExit(f"MAILER_CRASH_AT: no such point; choose one of {', '.join(sorted(POINTS))}")
_passes = itertools.count(1)


def crash_point(name: str) -> None:
    """End the process here, without any clean-up, if this is the point that was asked for."""
    if name == _name and next(_passes) >= int(_count or 1):
        os._exit(137)
