"""What people paste, made harmless."""

import pytest

from mailer.message.sanitise import clean, clean_line, clean_values, is_safe_link, sanitise


@pytest.mark.parametrize(
    ("pasted", "kept"),
    [
        ("It\x92s on", "Its on"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("tab\tstays\nand the line", "tab\tstays\nand the line"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("gro.live\u202emoc.doog\u2066", "gro.livemoc.doog"),
        ("half \ud83d a smile", "half  a smile"),
        ("Příliš žluťoučký 😀 שלום", "Příliš žluťoučký 😀 שלום"),
    ],
)
def test_clean_takes_out_what_no_reader_can_see(pasted: str, kept: str) -> None:
    assert clean(pasted) == kept


def test_clean_line_leaves_one_line_and_single_spaces() -> None:
    assert clean_line("Hello\r\nBcc: all@example.org \t now ") == "Hello Bcc: all@example.org now"


def test_clean_values_reaches_every_text_and_nothing_else() -> None:
    values = {"a": "x\x00", "b": ["y\x01", {"c": "z\x02"}], "d": 7, "e": None}

    assert clean_values(values) == {"a": "x", "b": ["y", {"c": "z"}], "d": 7, "e": None}


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://example.org", True),
        ("HTTP://example.org", True),
        ("mailto:anna@example.org", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("/relative", False),
        ("https:", False),
        ("", False),
    ],
)
def test_is_safe_link_takes_web_and_mail_addresses_only(url: str, is_safe: bool) -> None:
    assert is_safe_link(url) is is_safe


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p>Hi<script>alert(1)</script></p>", "<p>Hi</p>"),
        ('<p onclick="x()">Hi</p>', "<p>Hi</p>"),
        ('<a href="javascript:x()">Hi</a>', "<a>Hi</a>"),
        ('<a href="https://example.org" style="x" target="_top">Hi</a>', None),
        ('<img src="https://example.org/pixel.gif">', ""),
        ("<svg><p>Hi</p></svg>", "<p>Hi</p>"),
        ('<math><mtext><table><mglyph><style><img src=x onerror="x()">', ""),
    ],
)
def test_sanitise_lets_only_harmless_tags_through(html: str, kept: str | None) -> None:
    assert sanitise(html) == (kept if kept is not None else '<a href="https://example.org">Hi</a>')
