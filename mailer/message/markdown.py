"""A coordinator's Markdown as HTML and as plain text, both from one reading of it.

It knows headings, paragraphs, lists, quotes, emphasis and links. HTML, code and pictures are not
part of it: a picture becomes a link to itself, so nothing is fetched when a letter is opened.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from mailer.message.sanitise import clean, is_safe_link, sanitise

_READER = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(
    ["backticks", "code", "fence", "html_block", "html_inline"]
)
_BARE = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]']")

DEEPEST = 20
"""Levels of emphasis; of lists and quotes the reader itself takes no more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The same text thrice. `html` is sanitised, `text` not yet wrapped, `lead` the bare words of
    its paragraphs on one line."""

    html: str
    text: str
    lead: str


def read_markdown(source: str) -> Reading:
    """What a coordinator wrote, ready for a letter whose h1 is the subject.

    The first heading becomes h2 and deeper ones h3; a line break stays one; a bare address becomes
    a link named by its host; a link that is not http, https or mailto keeps only its words.
    """
    tokens = _READER.parse(clean(source))
    _level_headings(tokens)
    for token in tokens:
        if token.type == "inline":
            token.children = list(_link(list(_flatten(token.children or []))))
    html = _READER.renderer.render(tokens, _READER.options, {})
    return Reading(sanitise(html), _Writer().write(SyntaxTreeNode(tokens)), _lead(tokens))


def _lead(tokens: Sequence[Token]) -> str:
    paragraphs = [
        "".join(part.content or " " for part in token.children or [] if not part.nesting)
        for before, token in pairwise(tokens)
        if before.type == "paragraph_open"
    ]
    return " ".join(" ".join(paragraphs).split())


def _level_headings(tokens: Sequence[Token]) -> None:
    """Two levels at most, and none skipped, whatever the number of `#` was."""
    depths = [token.tag for token in tokens if token.type == "heading_open"]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h2" if token.tag <= depths[0] else "h3"


def _flatten(tokens: Sequence[Token]) -> Iterator[Token]:
    """Without what is nested deeper than anybody can see: ten thousand stars are ten thousand
    levels of emphasis, and more than whoever reads the tree can climb."""
    depth = 0
    for token in tokens:
        depth += max(token.nesting, 0)
        if depth <= DEEPEST or not token.nesting:
            yield token
        depth += min(token.nesting, 0)


def _link(tokens: Sequence[Token]) -> Iterator[Token]:
    """Pictures and bare addresses as links, unsafe links as words."""
    opened: list[Token] = []
    for token in tokens:
        if token.type == "link_open":
            opened.append(token)
            yield from [token] if _is_kept(token) else []
        elif token.type == "link_close":
            yield from [token] if _is_kept(opened.pop()) else []
        elif token.type == "image":
            yield from _picture(token, is_linked=bool(opened))
        elif token.type == "text":
            yield from _named(token, opened)
        else:
            yield token


def _is_kept(opener: Token) -> bool:
    return is_safe_link(str(opener.attrs.get("href", "")))


def _named(token: Token, opened: Sequence[Token]) -> Iterator[Token]:
    """A text; an address in it that is a link, or could be one, gives way to its host."""
    if not opened:
        return _bare_links(token)
    is_address = opened[-1].markup == "autolink"
    return iter([_text(_host(token.content)) if is_address else token])


def _picture(token: Token, *, is_linked: bool) -> Iterator[Token]:
    url = str(token.attrs.get("src", ""))
    name = _text(token.content.strip() or urlsplit(url).hostname or url)
    yield from [name] if is_linked or not is_safe_link(url) else _anchor(url, name)


def _bare_links(token: Token) -> Iterator[Token]:
    end = 0
    for found in _BARE.finditer(token.content):
        url = _READER.normalizeLink(found.group(0))
        yield _text(token.content[end : found.start()])
        yield from _anchor(url, _text(_host(url)))
        end = found.end()
    yield _text(token.content[end:])


def _anchor(url: str, name: Token) -> Iterator[Token]:
    yield Token("link_open", "a", 1, attrs={"href": url})
    yield name
    yield Token("link_close", "a", -1)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


@dataclass(slots=True)
class _Writer:
    """Writes the tree as plain text. Links are numbered and stand under their paragraph."""

    number: int = 0
    waiting: list[str] = field(default_factory=list)

    def write(self, root: SyntaxTreeNode) -> str:
        return "\n\n".join(self._block(node) for node in root.children)

    def _block(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "bullet_list" | "ordered_list":
                return self._list(node)
            case "blockquote":
                quoted = self.write(node).splitlines()
                return "\n".join(f"> {line}".rstrip() for line in quoted)
            case "hr":
                return "* * *"
            case _:
                return self._paragraph(node)

    def _list(self, node: SyntaxTreeNode) -> str:
        start = int(node.attrs.get("start", 1))
        items = []
        for number, item in enumerate(node.children, start):
            mark = "- " if node.type == "bullet_list" else f"{number}. "
            lines = "\n".join(self._block(part) for part in item.children).splitlines()
            lines = lines or [""]
            items.append("\n".join([mark + lines[0], *(" " * len(mark) + x for x in lines[1:])]))
        return "\n".join(items)

    def _paragraph(self, node: SyntaxTreeNode) -> str:
        text = "".join(self._inline(child) for child in node.children)
        links, self.waiting = self.waiting, []
        return "\n".join([text, *(["", *links] if links else [])])

    def _inline(self, node: SyntaxTreeNode) -> str:
        if node.type == "text":
            return node.content
        if node.type in ("softbreak", "hardbreak"):
            return "\n"
        words = "".join(self._inline(child) for child in node.children)
        return f"{words} {self._note(str(node.attrs['href']))}" if node.type == "link" else words

    def _note(self, url: str) -> str:
        self.number += 1
        self.waiting.append(f"[{self.number}] {url.removeprefix('mailto:')}")
        return f"[{self.number}]"
