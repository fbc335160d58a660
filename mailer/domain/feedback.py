"""What a provider's refusal says about an address. Pure reading of codes and words."""

import re

# RFC 3463: 5.1.1 bad mailbox, 5.1.2 bad domain, 5.1.3 bad syntax, 5.1.6 moved, 5.1.10 null MX.
_DEAD = re.compile(r"\b5\.1\.(1|2|3|6|10)\b")
PERMANENT = 5
_PHASES_OF_THE_ADDRESS = frozenset({"rcpt", "request"})


def is_dead_address(phase: str, code: int, text: str) -> bool:
    """Whether a refusal means that the address does not exist, rather than that this mail was
    not wanted: only then is the address never tried again."""
    is_permanent = code // 100 == PERMANENT
    return is_permanent and phase in _PHASES_OF_THE_ADDRESS and bool(_DEAD.search(text))
