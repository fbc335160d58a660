"""A coordinator's Markdown, read once and written twice."""

import time

import pytest

from mailer.message.markdown import DEEPEST, read_markdown
from mailer.message.plain import lay_out
from mailer.usecases.newsletters import LONGEST_BODY


@pytest.mark.parametrize(
    ("source", "html", "text"),
    [
        ("Hello **all** _of_ you", "<p>Hello <strong>all</strong> <em>of</em> you</p>", None),
        ("one\ntwo", "<p>one<br>\ntwo</p>", "one\ntwo"),
        ("# Big\n\n#### Small", "<h2>Big</h2>\n<h3>Small</h3>", "Big\n\nSmall"),
        ("### First\n\n# Higher", "<h2>First</h2>\n<h2>Higher</h2>", "First\n\nHigher"),
        (
            "[Our rooms](https://example.org/a?b=1&c=2)",
            '<p><a href="https://example.org/a?b=1&amp;c=2">Our rooms</a></p>',
            "Our rooms [1]\n\n[1] https://example.org/a?b=1&c=2",
        ),
        (
            "[Anna](mailto:anna@example.org)",
            '<p><a href="mailto:anna@example.org">Anna</a></p>',
            "Anna [1]\n\n[1] anna@example.org",
        ),
        (
            "Go to https://maps.example/x, please",
            '<p>Go to <a href="https://maps.example/x">maps.example</a>, please</p>',
            "Go to maps.example [1], please\n\n[1] https://maps.example/x",
        ),
        (
            "<https://maps.example/x>",
            '<p><a href="https://maps.example/x">maps.example</a></p>',
            "maps.example [1]\n\n[1] https://maps.example/x",
        ),
        (
            "![Our door](https://example.org/door.jpg)",
            '<p><a href="https://example.org/door.jpg">Our door</a></p>',
            "Our door [1]\n\n[1] https://example.org/door.jpg",
        ),
        ("[out](/relative)", "<p>out</p>", "out"),
        (
            "- a\n- b\n  1. c",
            "<ul>\n<li>a</li>\n<li>b\n<ol>\n<li>c</li>\n</ol>\n</li>\n</ul>",
            None,
        ),
        ("> so\n> it is", "<blockquote>\n<p>so<br>\nit is</p>\n</blockquote>", "> so\n> it is"),
        ("a\n\n***\n\nb", "<p>a</p>\n<hr>\n<p>b</p>", "a\n\n* * *\n\nb"),
    ],
)
def test_read_markdown_says_the_same_in_html_and_text(
    source: str, html: str, text: str | None
) -> None:
    read = read_markdown(source)

    assert read.html.strip() == html
    assert text is None or read.text == text


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](data:text/html,y)", "<p>[x](data:text/html,y)</p>"),
        ("{{7*7}} and {% raw %}", "<p>{{7*7}} and {% raw %}</p>"),
        ("    four spaces are no code", "<p>four spaces are no code</p>"),
        ("`ticks` stay", "<p>`ticks` stay</p>"),
        ("It\x92s", "<p>Its</p>"),
    ],
)
def test_read_markdown_keeps_hostile_and_odd_text_as_it_was_typed(source: str, html: str) -> None:
    assert read_markdown(source).html.strip() == html


@pytest.mark.parametrize(
    "piece",
    [
        "- ",
        "> ",
        "1. ",
        "# a\n",
        "[a](https://example.org/)\n",
        "https://example.org/ ",
        "<https://example.org>",
        "[",
        "![",
        "[](",
        "[a](<b",
        "*",
        "*a ",
        "**a*b",
        "_a__b",
        "<",
        "\\",
        "&amp;",
        "https://a.,",
        "[r]: https://example.org/ ",
    ],
)
def test_read_markdown_takes_a_moment_for_any_text_of_the_longest_letter(piece: str) -> None:
    """F39: coordinators write Markdown and no templates, so the length is what bounds it."""
    began_at = time.monotonic()

    read_markdown(piece * (LONGEST_BODY // len(piece)))

    assert time.monotonic() - began_at < 2


def test_read_markdown_reads_what_is_nested_too_deep_to_be_seen() -> None:
    read = read_markdown("*" * 9_999 + "deep" + "*" * 9_999)

    assert read.text == "deep"
    assert read.html.count("<strong>") + read.html.count("<em>") == DEEPEST


def test_read_markdown_numbers_links_through_the_whole_letter() -> None:
    read = read_markdown("[a](https://a.example)\n\n- [b](https://b.example)")

    assert read.text == "a [1]\n\n[1] https://a.example\n\n- b [2]\n  \n  [2] https://b.example"


def test_read_markdown_takes_the_lead_from_paragraphs_only() -> None:
    read = read_markdown("# Title\n\nDear *friends*,\nsee [our rooms](https://a.example).")

    assert read.lead == "Dear friends, see our rooms."


def test_lay_out_wraps_under_marks_and_leaves_addresses_whole() -> None:
    address = "https://example.org/" + "x" * 80

    text = lay_out(f"- {'word ' * 20}\n{address}\n\n\n\n> {'said ' * 20}")

    assert text == (
        f"- {'word ' * 13}word\n  {'word ' * 5}word\n{address}\n\n"
        f"> {'said ' * 13}said\n> {'said ' * 5}said\n"
    )


def test_lay_out_breaks_a_word_that_no_line_can_hold() -> None:
    assert lay_out("x" * 100) == f"{'x' * 72}\n{'x' * 28}\n"
