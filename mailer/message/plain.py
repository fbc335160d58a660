"""Shapes the plain-text part: 72 columns, links on lines of their own, never a gap of two lines."""

import re
import textwrap

WIDTH = 72
_GAPS = re.compile(r"\n{3,}")
_LEAD = re.compile(r"(?P<quote>(?:> ?)*)(?P<mark> *(?:[-*] |\d+\. |\[\d+\] )?)")


def lay_out(text: str) -> str:
    """`text` wrapped line by line; what follows a list mark or a quote mark stays under it."""
    lines = "\n".join(_wrap(line.rstrip()) for line in text.splitlines())
    return _GAPS.sub("\n\n", lines).strip() + "\n"


def _wrap(line: str) -> str:
    if len(line) <= WIDTH or "://" in line or "mailto:" in line:
        return line
    lead = _LEAD.match(line)
    first = lead.group(0) if lead else ""
    under = lead.group("quote") + " " * len(lead.group("mark")) if lead else ""
    body = textwrap.wrap(line[len(first) :], WIDTH - len(first), break_on_hyphens=False)
    return "\n".join((first if number == 0 else under) + part for number, part in enumerate(body))
