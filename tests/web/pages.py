"""Reads a page as a browser would: the fields of its forms, where its links and labels lead."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict

_TYPED = ("text", "hidden", "date", "time", "number", "email", "datetime-local", "url")


@dataclass
class Page(HTMLParser):
    """`fields` is what the browser would send, by the number of the form on the page."""

    html: str
    ids: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)
    described: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    forms: list[MultiDict[str, str]] = field(default_factory=list)
    _select: str = ""
    _options: list[tuple[str, bool]] = field(default_factory=list)
    _textarea: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes |= set(found)
        self._note_names(tag, found)
        name = found.get("name", "")
        if tag == "form":
            self.forms.append(MultiDict())
        elif tag == "input" and name and self.forms:
            self._note_input(name, found)
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((found.get("value", ""), "selected" in found))
        elif tag == "textarea" and self.forms:
            self._textarea = name
            self.forms[-1].add(name, "")

    def handle_data(self, data: str) -> None:
        if self._textarea:
            # HTML drops the newline that follows the tag.
            self.forms[-1].setlist(self._textarea, [data.removeprefix("\r").removeprefix("\n")])

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""
        elif tag == "select" and self._select:
            chosen = [value for value, is_selected in self._options if is_selected]
            self.forms[-1].add(self._select, (chosen or [self._options[0][0]])[0])
            self._select = ""

    def _note_names(self, tag: str, found: dict[str, str]) -> None:
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and found.get("href", "").startswith("#"):
            self.anchors.add(found["href"][1:])
        self.described |= set(found.get("aria-describedby", "").split())

    def _note_input(self, name: str, found: dict[str, str]) -> None:
        kind = found.get("type", "text")
        is_ticked = kind in ("checkbox", "radio") and "checked" in found
        if is_ticked or kind in _TYPED:
            self.forms[-1].add(name, found.get("value", "y" if is_ticked else ""))


def read_form(html: str, with_field: str) -> MultiDict[str, str]:
    """The form of the page that has that field, as the browser would send it untouched."""
    return next(form for form in Page(html).forms if with_field in form)
