"""Reads the HTML of a letter into a tree that rules can be held against. Changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})


@dataclass(slots=True, eq=False)
class Element:
    """One tag with its attributes (names in lower case), inline style and content."""

    tag: str
    attrs: dict[str, str]
    parent: "Element | None" = None
    content: "list[Element | str]" = field(default_factory=list)
    style: dict[str, str] = field(default_factory=dict)

    def walk(self) -> "Iterator[Element]":
        """This element and all below it, in the order of the document."""
        yield self
        for part in self.content:
            if isinstance(part, Element):
                yield from part.walk()

    def find_all(self, *tags: str) -> "list[Element]":
        return [element for element in self.walk() if element.tag in tags]

    def lineage(self) -> "Iterator[Element]":
        """This element, then its parent, up to the root."""
        element: Element | None = self
        while element:
            yield element
            element = element.parent

    def text(self) -> str:
        """All text below, white space as single spaces."""
        return " ".join("".join(self.pieces()).split())

    def own_text(self) -> str:
        """The text that stands directly in this element."""
        return " ".join("".join(p for p in self.content if isinstance(p, str)).split())

    def nearest(self, name: str) -> str:
        """An inherited property as the nearest inline style gives it, or nothing."""
        return next((e.style[name] for e in self.lineage() if name in e.style), "")

    def is_hidden(self) -> bool:
        return any(e.style.get("display") == "none" for e in self.lineage())

    def pieces(self) -> Iterator[str]:
        """All text below, as it stands."""
        for part in self.content:
            if isinstance(part, str):
                yield part
            else:
                yield from part.pieces()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("#root", {})
        self.open = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        element = Element(tag, named, self.open, style=read_style(named.get("style", "")))
        self.open.content.append(element)
        if tag not in _VOID:
            self.open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        opener = next((e for e in self.open.lineage() if e.tag == tag), None)
        if opener and opener.parent:
            self.open = opener.parent

    def handle_data(self, data: str) -> None:
        self.open.content.append(data)


def read_markup(html: str) -> Element:
    """The document as a tree under a nameless root. Comments, Outlook's too, are left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.root


def read_style(declarations: str) -> dict[str, str]:
    """Inline CSS as property → value, both in lower case, `!important` dropped."""
    pairs = (part.partition(":") for part in declarations.split(";") if ":" in part)
    return {
        name.strip().lower(): value.lower().replace("!important", "").strip()
        for name, _, value in pairs
    }
