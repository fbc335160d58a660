"""A visitor without a browser: fetches pages, fills in their forms as they stand, and follows
links. Enough for the story, no more: no scripts, no styles, no cookies unless a page sets them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

TIMEOUT = 20


@dataclass(slots=True)
class Form:
    """A form as the page has it: where it goes, how, and what it would send untouched."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def filled(self, changes: dict[str, str | Iterable[str]]) -> list[tuple[str, str]]:
        """What the form sends after `changes`; unknown fields are a mistake of ours."""
        unknown = changes.keys() - self.names
        if unknown:
            raise LookupError(f"The form has no field {', '.join(sorted(unknown))}.")
        kept = [(name, value) for name, value in self.fields if name not in changes]
        for name, value in changes.items():
            values = [value] if isinstance(value, str) else value
            kept.extend((name, one) for one in values)
        return kept


class _Forms(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.forms = url, list[Form]()
        self.open: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.url, found.get("action") or self.url)
            self.open = Form(action, found.get("method", "get").lower())
            self.forms.append(self.open)
        elif self.open is not None:
            self._take(self.open, tag, found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None

    def _take(self, form: Form, tag: str, found: dict[str, str]) -> None:
        name = found.get("name", "")
        if tag == "select":
            self.select = name
        if name:
            form.names.add(name)
        if tag == "option" and "selected" in found:
            form.fields.append((self.select, found.get("value", "")))
        if tag != "input" or not name:
            return
        ticked = found.get("type", "text") not in ("checkbox", "radio") or "checked" in found
        if ticked and found.get("type") not in ("submit", "image", "file"):
            form.fields.append((name, found.get("value", "")))


class Visitor:
    """One person at the website."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = requests.Session()
        self._http.trust_env = False

    def get(self, path: str) -> requests.Response:
        """The page at `path` (or a whole address)."""
        return self._http.get(urljoin(self._base_url, path), timeout=TIMEOUT)

    def post(self, path: str, data: dict[str, str]) -> requests.Response:
        """What a mail program does for one-click unsubscribing: no page, no form, no cookie."""
        return requests.post(
            urljoin(self._base_url, path), data=data, timeout=TIMEOUT, allow_redirects=False
        )

    def submit(
        self, page: requests.Response, *, having: str, **changes: str | Iterable[str]
    ) -> requests.Response:
        """Send the form of `page` that has a field called `having`, with `changes` typed in.

        `having=""` means the only form that is sent by POST.
        """
        form = find_form(page, having)
        return self._http.request(
            form.method,
            form.action,
            data=form.filled(dict(changes)),
            headers={"Origin": self._base_url},
            timeout=TIMEOUT,
        )


def find_form(page: requests.Response, having: str) -> Form:
    """The form of the page that has that field; LookupError when there is none."""
    reader = _Forms(page.url)
    reader.feed(page.text)
    for form in reader.forms:
        if form.method == "post" and (not having or having in form.names):
            return form
    raise LookupError(
        f"{page.url} has no form with the field “{having}” (status {page.status_code})."
    )
