"""The lint sees each fault: a sound letter is spoilt in one place and exactly that is found."""

from dataclasses import replace

import pytest

from mailer.i18n import INTERFACE, Words, get_language
from mailer.message.contrast import contrast, dark_scheme
from mailer.message.fault import SENTENCES, Fault, Level
from mailer.message.lint import SIZE_BLOCK, SIZE_WARN, lint, wire_size
from mailer.message.plain import lay_out
from mailer.message.render import Renderer
from mailer.message.slots import UNSUBSCRIBE
from mailer.message.values import Rendered
from tests.message.samples import BASE_URL, LETTER, frame

SOUND = Renderer(BASE_URL).letter(LETTER, "We have a new home", "", frame("en"))
ARABIC = Renderer(BASE_URL).letter(
    "انتقلنا إلى مكتب جديد. نلتقي يوم الخميس القادم في المساء.", "مرحبًا", "", frame("ar")
)


def rules(rendered: Rendered) -> list[str]:
    return sorted({fault.rule for fault in lint(rendered, is_bulk=True)})


def spoil(before: str, after: str, letter: Rendered = SOUND) -> Rendered:
    assert before in letter.html
    return replace(letter, html=letter.html.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ('<html lang="en"', '<html lang="cs"', "lang"),
        ('<html lang="en" dir="ltr"', '<html lang="en"', "dir"),
        ('role="article" ', "", "wrapper"),
        ('aria-label="We have a new home"', 'aria-label="Newsletter"', "wrapper"),
        ('aria-roledescription="email"', "", "wrapper"),
        ("<title>We have", "<title>They have", "title"),
        ('charset="utf-8"', 'charset="iso-8859-1"', "charset"),
        ('<!--[if mso]><table role="presentation"', "<!--[if mso]><table", "table"),
        ('cellspacing="0"', 'cellspacing="2"', "table"),
        ('<div class="hidden" style="', '<div style="padding:4px;', "div-padding"),
        ("h1", "h2", "h1"),
        ("h2", "h4", "heading-order"),
        ("</h1>", '</h1><img src="https://x.example/a.png" width="9" height="9">', "alt"),
        ("</h1>", '</h1><img src="https://x.example/a.png" alt="x">', "image-size"),
        ("</h1>", '</h1><img src="data:x" alt="x" width="9" height="9">', "link-address"),
        ('href="https://migact.example/new"', 'href="/new"', "link-address"),
        ("mailto:anna@migact.example", "mailto:anna", "link-address"),
        (">our new rooms<", ">Click here<", "link-text"),
        (">our new rooms<", ">детальніше…<", "link-text"),
        (">our new rooms<", "><", "link-text"),
        (">our new rooms<", ">https://migact.example/new<", "link-text"),
        ("text-decoration:underline", "text-decoration:none", "link-underline"),
        ("</h1>", "</h1><script></script>", "forbidden"),
        ("</h1>", "</h1><form></form>", "forbidden"),
        ("</h1>", "</h1><svg></svg>", "forbidden"),
        ("</h1>", "</h1><section></section>", "forbidden"),
        ("<h1 ", '<h1 onclick="x()" ', "forbidden"),
        ('<h1 style="', '<h1 style="display:flex;', "forbidden"),
        ('<h1 style="', '<h1 style="width:var(--x);', "forbidden"),
        ("@media (max-width", "/*" + "x" * 16_384 + "*/@media (max-width", "style-size"),
        ("font-size:27px", "font-size:14px", "font-size"),
        ("font-size:27px", "font-size:1.5em", "font-size"),
        ("color:#fdf8ef;font-size:27px", "color:#8a8a8a;font-size:27px", "contrast"),
        ("color: #9dc1fb !important", "color: #444444 !important", "contrast"),
        ("Dear friends", "Dear\x92friends", "control-character"),
        ("June brings", "July brings", "text-misses"),
        ("mailto:anna@migact.example", "mailto:eva@migact.example", "text-misses"),
    ],
)
def test_lint_finds_what_is_wrong_with_the_html(before: str, after: str, rule: str) -> None:
    assert rules(spoil(before, after)) == [rule]


def test_lint_is_silent_about_a_sound_letter() -> None:
    assert (rules(SOUND), rules(ARABIC)) == ([], [])


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("direction:rtl", "color:#2a2522", "direction"),
        ("text-align:right", "text-align:left", "text-align"),
        ("text-align:right", "text-align:start", "forbidden"),
        ("<b>MigAct</b>", "<bdi>MigAct</bdi>", "forbidden"),
    ],
)
def test_lint_holds_right_to_left_letters_to_inline_css(before: str, after: str, rule: str) -> None:
    assert rule in rules(spoil(before, after, ARABIC))


@pytest.mark.parametrize(
    "address", ["#top", "javascript:x()", "data:text/html,x", "mailto:", "https://", "http://[x"]
)
def test_lint_takes_no_link_that_is_not_complete(address: str) -> None:
    spoilt = spoil("https://migact.example/new", address)

    assert rules(replace(spoilt, text=f"{SOUND.text}\n{address}\n")) == ["link-address"]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"subject": ""}, "subject-empty"),
        ({"subject": "xy " * 26 + "z"}, "subject-long"),
        ({"subject": "FREE DINNER"}, "subject-shouts"),
        ({"subject": "Free dinner!!"}, "subject-shouts"),
        ({"subject": "Free\ndinner"}, "control-character"),
        ({"preheader": ""}, "preheader-empty"),
        ({"preheader": "x" * 39}, "preheader-length"),
        ({"preheader": "x" * 91}, "preheader-length"),
        ({"preheader": "Read on: we have a new home, and it is large."}, "preheader-repeats"),
    ],
)
def test_lint_finds_what_is_wrong_with_subject_and_preheader(
    changed: dict[str, str], rule: str
) -> None:
    subject = changed.get("subject", SOUND.subject)
    matching = replace(SOUND, html=SOUND.html.replace(SOUND.subject, " ".join(subject.split())))
    text = lay_out(f"{' '.join(subject.split())}\n{SOUND.text}")

    assert rules(replace(matching, text=text, **changed)) == [rule]


@pytest.mark.parametrize(
    ("added", "rule"),
    [
        ("x " * 50, "text-line"),
        ("Hello {{ name }}", "placeholder"),
        ("Lorem ipsum dolor", "placeholder"),
        ("Place: TK", "placeholder"),
    ],
)
def test_lint_finds_what_is_wrong_with_the_text(added: str, rule: str) -> None:
    assert rules(replace(SOUND, text=f"{SOUND.text}\n{added}\n")) == [rule]


def test_lint_lets_a_long_address_stand_on_its_line() -> None:
    assert rules(replace(SOUND, text=f"{SOUND.text}\nhttps://example.org/{'x' * 90}\n")) == []


def test_lint_misses_the_plain_text_when_it_is_empty() -> None:
    assert {"text-empty", "text-misses"} <= set(rules(replace(SOUND, text="")))


def test_lint_asks_newsletters_only_for_the_links_to_leave() -> None:
    without = replace(
        SOUND,
        html=SOUND.html.replace(UNSUBSCRIBE, "x"),
        text=SOUND.text.replace(UNSUBSCRIBE, "x"),
    )

    assert rules(without) == ["unsubscribe-missing"]
    assert lint(without, is_bulk=False) == []


@pytest.mark.parametrize(
    ("extra", "rule"), [(SIZE_WARN, ["size-warn"]), (SIZE_BLOCK, ["size-block"]), (0, [])]
)
def test_lint_weighs_the_letter(extra: int, rule: list[str]) -> None:
    filled = SOUND.html.replace("<h2", f"<!--{'y' * extra}--><h2", 1)

    assert rules(replace(SOUND, html=filled)) == rule


@pytest.mark.parametrize(
    ("html", "size"),
    [
        ("a" * 100, 103),  # quoted-printable with one soft line break
        ("я" * 100, 276),  # base64 in four lines
        ("", 0),
    ],
)
def test_wire_size_is_the_larger_of_decoded_and_encoded(html: str, size: int) -> None:
    assert wire_size(html) == size


def test_faults_come_worst_first_and_once() -> None:
    broken = replace(SOUND, preheader="", text=f"{SOUND.text}\n{{{{ a }}}} {{{{ a }}}}\n")

    assert lint(broken, is_bulk=False) == [
        Fault(Level.BLOCK, "placeholder", "{{"),
        Fault(Level.BLOCK, "placeholder", "}}"),
        Fault(Level.WARN, "preheader-empty"),
    ]


@pytest.mark.parametrize("lang", INTERFACE)
def test_every_rule_has_a_sentence(lang: str) -> None:
    words = Words(lang)

    said = {words.say(Fault(Level.BLOCK, rule).message) for rule in SENTENCES}

    assert len(said) == len(SENTENCES)
    assert words.say(Fault(Level.BLOCK, "wrapper").message) not in said


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#fff", "#ffffff", 1.0),
        ("#595959", "#ffffff", 7.0),
        ("#0b57d0", "#ffffff", 6.4),
        ("#b3261e", "#ffffff", 6.5),
    ],
)
def test_contrast_follows_wcag(one: str, other: str, ratio: float) -> None:
    assert round(contrast(one, other), 1) == ratio


def test_dark_scheme_reads_selectors_and_colours() -> None:
    css = (
        "p{color:red} @media (prefers-color-scheme: dark) { .a, .b p { color: #FFF !important; } }"
    )

    assert dark_scheme(css) == [((".a",), {"color": "#fff"}), ((".b", "p"), {"color": "#fff"})]


def test_right_to_left_letters_say_so_at_every_level() -> None:
    assert get_language("ar").dir == "rtl"
    assert ARABIC.html.count('dir="rtl"') >= 4
