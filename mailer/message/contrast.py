"""Whether a reader can tell text from its background, by day and in dark mode. Judges colours only.

WCAG 2.2, success criterion 1.4.3, asks for 4.5:1.
"""

import re
from collections.abc import Mapping, Sequence

from mailer.message.markup import Element, read_style

ENOUGH = 4.5
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b")
_DARK = re.compile(r"@media \(prefers-color-scheme: ?dark\) ?\{(.*?\})\s*\}", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SHORT = 3  # digits of a colour such as #fff
_KNEE = 0.04045  # below it sRGB is a straight line
_NAMED = {"white": "#ffffff", "black": "#000000"}

Scheme = Sequence[tuple[tuple[str, ...], Mapping[str, str]]]
"""A selector, as the words of it, and what it sets; later ones win."""


def contrast(one: str, other: str) -> float:
    """The ratio of two opaque `#rrggbb` colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def dark_scheme(css: str) -> Scheme:
    """What the sheet sets under `prefers-color-scheme: dark`, by `.class`, `tag`, `.class tag`."""
    return [
        (tuple(selector.split()), read_style(declarations))
        for media in _DARK.finditer(css)
        for selectors, declarations in _RULE.findall(media.group(1))
        for selector in selectors.split(",")
    ]


def text_contrast(element: Element, scheme: Scheme) -> float:
    """The ratio for the text of `element`; 0 when a colour is not said outright."""
    ink = _nearest(element, scheme, "color")
    paper = _nearest(element, scheme, "background-color", "background")
    return contrast(ink, paper) if ink and paper else 0.0


def _nearest(element: Element, scheme: Scheme, *names: str) -> str:
    for ancestor in element.lineage():
        for name in names:
            found = _HEX.match(_colour(ancestor, scheme, name))
            if found:
                return found.group(0)
    return ""


def _colour(element: Element, scheme: Scheme, name: str) -> str:
    said = element.style.get(name, "")
    for selector, declarations in scheme:
        if name in declarations and _is_chosen(element, selector):
            said = declarations[name]
    return _NAMED.get(said, said)


def _is_chosen(element: Element, selector: tuple[str, ...]) -> bool:
    *outer, last = selector
    above = list(element.lineage())[1:]
    return _has(element, last) and all(any(_has(e, word) for e in above) for word in outer)


def _has(element: Element, word: str) -> bool:
    if word.startswith("."):
        return word[1:] in element.attrs.get("class", "").split()
    return element.tag == word


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == _SHORT:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (_linear(int(digits[i : i + 2], 16) / 255) for i in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= _KNEE else float(((share + 0.055) / 1.055) ** 2.4)
