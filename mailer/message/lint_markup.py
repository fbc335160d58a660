"""The rules for the HTML part: structure that screen readers and old mail programs can follow.

Each rule reads the tree and yields faults. Sizes, subject and plain text are held in `lint`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mailer.i18n import Language
from mailer.message.contrast import ENOUGH, dark_scheme, text_contrast
from mailer.message.fault import Fault, block, warn
from mailer.message.markup import Element
from mailer.message.sanitise import is_web_address

SMALLEST_TEXT_PX = 16
STYLE_LIMIT = 16 * 1024

_FORBIDDEN_TAGS = (
    "svg",
    "form",
    "input",
    "button",
    "script",
    "iframe",
    "object",
    "video",
    "bdi",
)
_INLINE_TAGS = ("a", "b", "em", "s", "span", "strong")
_SECTIONING_TAGS = ("article", "aside", "footer", "header", "main", "nav", "section")
_FORBIDDEN_CSS = re.compile(
    r"flex|grid|var\(|@import|@font-face|position:|text-align: ?(start|end)"
)
# Words that say nothing about where a link leads, in the languages of the service.
_VAGUE = frozenset(
    (
        *("here", "click here", "click", "link", "this link", "more", "read more"),
        *("zde", "klikněte zde", "odkaz", "více", "číst dál"),
        *("тут", "тисніть тут", "посилання", "детальніше", "далі"),
        *("здесь", "нажмите здесь", "ссылка", "подробнее"),
        *("هنا", "اضغط هنا", "رابط", "المزيد"),
    )
)
_TABLE_ATTRS = ('role="presentation"', 'border="0"', 'cellpadding="0"', 'cellspacing="0"')


@dataclass(frozen=True, slots=True)
class Page:
    """The HTML part as the rules see it."""

    root: Element
    html: str
    subject: str
    language: Language

    def texts(self) -> list[Element]:
        """What holds visible text of its own."""
        body = self.root.find_all("body")
        elements = body[0].walk() if body else iter(())
        return [
            e
            for e in elements
            if e.own_text().strip("\u034f\u200c\xa0\ufeff ") and not e.is_hidden()
        ]


def language_and_direction(page: Page) -> Iterator[Fault]:
    wrapper = [e for e in page.root.find_all("div") if e.attrs.get("role") == "article"]
    if len(wrapper) != 1:
        yield block("wrapper", len(wrapper))
    for element in (*page.root.find_all("html", "body"), *wrapper):
        for name, wanted in (("lang", page.language.code), ("dir", page.language.dir)):
            if element.attrs.get(name) != wanted:
                yield block(name, f"<{element.tag}> {element.attrs.get(name, '')}")
    for element in wrapper:
        label = " ".join(element.attrs.get("aria-label", "").split())
        if label != " ".join(page.subject.split()):
            yield block("wrapper", label)
        if element.attrs.get("aria-roledescription") != "email":
            yield block("wrapper", "aria-roledescription")
    if [title.text() for title in page.root.find_all("title")] != [" ".join(page.subject.split())]:
        yield block("title")


def charset(page: Page) -> Iterator[Fault]:
    charsets = [
        e.attrs["charset"].lower() for e in page.root.find_all("meta") if "charset" in e.attrs
    ]
    if charsets != ["utf-8"]:
        yield block("charset", charsets)


def tables(page: Page) -> Iterator[Fault]:
    """Layout tables say that they are layout, in Outlook's comments too; padding stands on cells,
    for Outlook drops it on div."""
    for table in re.findall(r"<table[^>]*>", page.html):
        for attribute in _TABLE_ATTRS:
            if attribute not in table:
                yield block("table", f"{attribute} {table}")
    for div in page.root.find_all("div"):
        if any(name.startswith("padding") and value != "0" for name, value in div.style.items()):
            yield block("div-padding", div.attrs.get("style", ""))


def headings(page: Page) -> Iterator[Fault]:
    levels = [int(e.tag[1]) for e in page.root.find_all("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels.count(1) != 1:
        yield block("h1", levels.count(1))
    for before, level in pairwise(levels):
        if level > before + 1:
            yield block("heading-order", f"h{before} → h{level}")


def pictures(page: Page) -> Iterator[Fault]:
    for image in page.root.find_all("img"):
        if "alt" not in image.attrs:
            yield block("alt", image.attrs.get("src", ""))
        if not {"width", "height"} <= image.attrs.keys():
            yield block("image-size", image.attrs.get("src", ""))
        if not is_web_address(image.attrs.get("src", "")):
            yield block("link-address", image.attrs.get("src", ""))


def links(page: Page) -> Iterator[Fault]:
    for link in page.root.find_all("a"):
        href = link.attrs.get("href", "")
        if not (is_web_address(href) or re.match(r"mailto:[^@\s]+@[^@\s]+$", href)):
            yield block("link-address", href)
        text = link.text() or " ".join(i.attrs.get("alt", "") for i in link.find_all("img"))
        if text.lower().strip(" .…→>") in _VAGUE or not text.strip() or _is_bare(text):
            yield warn("link-text", text or href)
        if not (
            {"underline"} & set(link.style.get("text-decoration", "").split()) or _is_button(link)
        ):
            yield block("link-underline", text)


def forbidden(page: Page) -> Iterator[Fault]:
    """Markup that mail programs drop, or that could act."""
    for element in page.root.walk():
        if element.tag in _FORBIDDEN_TAGS or element.tag in _SECTIONING_TAGS:
            yield block("forbidden", f"<{element.tag}>")
        if any(name.startswith("on") for name in element.attrs):
            yield block("forbidden", f"<{element.tag} on…>")
        found = _FORBIDDEN_CSS.search(element.attrs.get("style", "").lower())
        if found:
            yield block("forbidden", found.group(0))


def styles(page: Page) -> Iterator[Fault]:
    css = "".join("".join(style.pieces()) for style in page.root.find_all("style"))
    if len(css.encode()) > STYLE_LIMIT:
        yield block("style-size", len(css.encode()))
    scheme = dark_scheme(css)
    for element in page.texts():
        size = element.nearest("font-size")
        if not size.endswith("px") or float(size.removesuffix("px")) < SMALLEST_TEXT_PX:
            yield block("font-size", f"{size} {element.own_text()[:40]}")
        for colours in ((), scheme):
            if text_contrast(element, colours) < ENOUGH:
                yield block(
                    "contrast",
                    f"{text_contrast(element, colours):.2f} {element.own_text()[:40]}",
                )


def right_to_left(page: Page) -> Iterator[Fault]:
    """GMX and Web.de drop `dir` and keep CSS; Outlook, Yahoo and GMX do not know `start`."""
    for element in page.root.walk():
        direction = element.attrs.get("dir")
        if not direction or element.tag in ("html", *_INLINE_TAGS):
            continue
        if element.style.get("direction") != direction:
            yield block("direction", f"<{element.tag}> {element.attrs.get('style', '')[:60]}")
    for element in page.texts():
        aligned = element.nearest("text-align")
        if _direction(element) == "rtl" and aligned not in ("right", "center"):
            yield block("text-align", element.own_text()[:40])


RULES = (
    language_and_direction,
    charset,
    tables,
    headings,
    pictures,
    links,
    forbidden,
    styles,
    right_to_left,
)


def _is_bare(text: str) -> bool:
    return bool(re.match(r"(https?://|www\.)\S+$", text.strip()))


def _is_button(link: Element) -> bool:
    """A link that fills a coloured cell is seen as a button without a line under it."""
    return link.style.get("display") == "inline-block" and bool(
        link.parent and link.parent.style.get("background-color")
    )


def _direction(element: Element) -> str:
    """Of the block around a text: inline tags move letters, not the edge that lines begin at."""
    blocks = (e for e in element.lineage() if e.tag not in _INLINE_TAGS)
    return next((e.attrs["dir"] for e in blocks if "dir" in e.attrs), "ltr")
