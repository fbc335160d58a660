"""Every kind of letter in every language, and what hostile content can do to it: nothing."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import UndefinedError

from mailer.domain.content import Registration, Status
from mailer.domain.digest import Digest, EventCard, Place, Role, Section, SectionKind
from mailer.domain.errors import Refused
from mailer.domain.texts import Chosen
from mailer.domain.when import When
from mailer.message.lint import lint
from mailer.message.markup import Element, read_markup
from mailer.message.render import Renderer
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.values import Rendered
from mailer.places import get_folder
from tests.message.samples import (
    BASE_URL,
    KINDS,
    LANGUAGES,
    LETTER,
    NOW,
    PARTS,
    TRANSACTIONAL,
    TZ,
    digest_for,
    frame,
)

RENDERER = Renderer(BASE_URL)
BULK = ("digest", "letter")

HOSTILE = [
    "{{7*7}} {{ config }} {% for x in range(9) %}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></head><body onload=x()>",
    "--><svg/onload=alert(1)>",
    "%(name)s %s %d",
    "&lt;b&gt; & ' \"",
]


def render(kind: str, lang: str) -> Rendered:
    if kind == "digest":
        return RENDERER.digest(digest_for(lang), frame(lang), tz=TZ, now=NOW)
    if kind == "letter":
        return RENDERER.letter(LETTER, "We have a new home", "", frame(lang))
    return RENDERER.transactional(kind, lang, frame(lang), **TRANSACTIONAL[kind])


def card() -> EventCard:
    """The fullest card of the week: Prague 7 neighbourhood networking."""
    found = [one for one in digest_for("en").cards() if isinstance(one, EventCard)]
    return next(one for one in found if one.slug == "prague-7-networking")


def digest_of(*cards: EventCard) -> Digest:
    return Digest("en", (Section(SectionKind.THIS_WEEK, cards),))


def letter_with(one: EventCard) -> Rendered:
    return RENDERER.digest(digest_of(one), frame(), tz=TZ)


def links(rendered: Rendered) -> list[str]:
    return [link.attrs["href"] for link in read_markup(rendered.html).find_all("a")]


def find(rendered: Rendered, tag: str, text: str) -> Element:
    return next(e for e in read_markup(rendered.html).find_all(tag) if e.text().startswith(text))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_passes_the_lint_in_every_language(kind: str, lang: str) -> None:
    rendered = render(kind, lang)

    assert rendered.lang == lang
    assert lint(rendered, is_bulk=kind in BULK) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_digest_passes_the_lint_with_texts_in_six_languages(lang: str) -> None:
    rendered = RENDERER.digest(digest_for(lang, "vi", "ru", "cs"), frame(lang), tz=TZ)

    assert lint(rendered, is_bulk=True) == []


@pytest.mark.parametrize("lang", ["ru", "vi", "fa"])
def test_letter_passes_the_lint_in_a_language_that_the_service_does_not_speak(lang: str) -> None:
    rendered = RENDERER.letter(LETTER, "We have a new home", "", frame(lang))

    assert lint(rendered, is_bulk=True) == []
    assert (rendered.lang, find(rendered, "td", "You get this e-mail").attrs["lang"]) == (
        lang,
        "en",
    )


def test_letter_stands_in_the_words_that_its_reader_knows_best() -> None:
    rendered = RENDERER.letter(LETTER, "We have a new home", "", replace(frame("ru"), chrome="uk"))

    assert lint(rendered, is_bulk=True) == []
    assert find(rendered, "td", "Ви отримали").attrs["lang"] == "uk"


def test_digest_and_mails_of_a_step_say_in_which_language_they_are_written() -> None:
    digest = RENDERER.digest(digest_for("vi"), frame("vi"), tz=TZ)
    mail = RENDERER.transactional("already", "ru", frame("ru"))

    assert (digest.lang, mail.lang) == ("en", "en")
    assert (lint(digest, is_bulk=True), lint(mail, is_bulk=False)) == ([], [])


def test_every_kind_has_all_its_parts_and_nothing_else_is_there() -> None:
    folder = get_folder("templates") / "emails"

    found = {
        kind.name: sorted(part.name for part in kind.iterdir())
        for kind in folder.iterdir()
        if kind.name != "partials"
    }

    assert found == {kind: sorted(PARTS) for kind in KINDS}


def test_digest_text_puts_date_first_and_links_on_their_own_lines() -> None:
    section = letter_with(card()).text.split("Coming up\n\n")[1].split("\n\nAll times")[0]

    assert section == (
        "Mon 10 May, 17:30–20:00\n"
        "Prague 7 neighbourhood networking\n"
        "Kampus Hybernská, Hybernská 4, Praha 1, sál 201\n"
        "Language: Czech and English\n"
        "Interpretation: Ukrainian\n"
        "Free entry · Food and drinks · Registration required\n"
        "Meet people from your part of the city and plan a small project\n"
        "together. Children are welcome.\n"
        "Register:\n"
        "https://forms.example/prague-7?lang=en&from=letter\n"
        "Add to calendar:\n"
        f"{BASE_URL}/en/events/prague-7-networking.ics\n"
        "About this event:\n"
        f"{BASE_URL}/en/events/prague-7-networking"
    )


def test_digest_links_are_the_page_the_button_the_calendar_and_the_frame() -> None:
    assert links(letter_with(card())) == [
        f"{BASE_URL}/cs/issues/may",
        f"{BASE_URL}/uk/issues/may",
        f"{BASE_URL}/ar/issues/may",
        f"{BASE_URL}/en/issues/may",
        f"{BASE_URL}/en/events/prague-7-networking",
        "https://forms.example/prague-7?lang=en&from=letter",
        f"{BASE_URL}/en/events/prague-7-networking.ics",
        f"{BASE_URL}/p/{PREFERENCES}",
        f"{BASE_URL}/u/{UNSUBSCRIBE}",
        "mailto:hello@migact.example",
        "https://migact.example",
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"Register", "Add to calendar"}),
        ({"status": Status.CANCELLED, "role": Role.CANCELLED}, set()),
        ({"status": Status.POSTPONED, "role": Role.CHANGED}, set()),
        ({"registration": Registration.FULL}, {"Add to calendar"}),
        ({"registration": Registration.WAITLIST}, {"Join the waiting list", "Add to calendar"}),
        ({"registration_url": "javascript:alert(1)"}, {"Add to calendar"}),
        ({"registration_url": "data:text/html,x"}, {"Add to calendar"}),
        ({"role": Role.REMINDER}, set()),
    ],
)
def test_digest_offers_only_what_can_be_done(changed: dict[str, Any], expected: set[str]) -> None:
    rendered = letter_with(replace(card(), **changed))

    offered = {link.text() for link in read_markup(rendered.html).find_all("a")}
    assert offered & {"Register", "Join the waiting list", "Add to calendar"} == expected


def test_digest_gives_no_calendar_file_for_an_approximate_date() -> None:
    one = card()
    summer = replace(one.sittings[0], when=When.in_season("summer", 2027))

    rendered = letter_with(replace(one, sittings=(summer,)))

    assert [link for link in links(rendered) if link.endswith(".ics")] == []


def test_digest_strikes_out_what_is_cancelled_and_says_so_in_words() -> None:
    rendered = letter_with(replace(card(), status=Status.CANCELLED, role=Role.CANCELLED))

    struck = [element.text() for element in read_markup(rendered.html).find_all("s")]
    assert struck == ["Mon", "10", "May", "17:30–20:00"]
    assert "\nCancelled\nMon 10 May, 17:30–20:00\nPrague 7" in rendered.text


def test_digest_marks_a_fallback_with_its_language_and_direction() -> None:
    rendered = RENDERER.digest(digest_for("ar"), frame("ar"), tz=TZ)

    paragraph = find(rendered, "p", "A lawyer from InBáze answers")
    assert (paragraph.attrs["lang"], paragraph.attrs["dir"]) == ("en", "ltr")
    assert (paragraph.style["direction"], paragraph.style["text-align"]) == ("ltr", "left")


def test_digest_tags_a_title_that_is_not_in_a_language_of_the_reader() -> None:
    week = digest_for("en", "vi")

    titles = [
        e.text() for e in read_markup(RENDERER.digest(week, frame(), tz=TZ).html).find_all("h3")
    ]

    assert "RefuFest 2027 (in Czech)" in titles
    assert "Hội nghị: Thành phố cho mọi người" in titles


def test_digest_says_until_once_the_first_of_several_days_has_begun() -> None:
    one = replace(card().sittings[0], when=When.on(NOW.date(), NOW.date().replace(day=9)))
    week = digest_of(replace(card(), role=Role.REMINDER, sittings=(one,)))

    rendered = RENDERER.digest(week, frame(), tz=TZ, now=NOW)

    assert "until Sun 9 May\nPrague 7 neighbourhood networking" in rendered.text


def test_digest_puts_note_subject_and_preheader_of_the_coordinator_first() -> None:
    rendered = RENDERER.digest(
        digest_of(card()),
        frame(),
        subject="Come\r\nBcc: all@example.org",
        preheader="We look forward to seeing you in Prague 7 on Monday evening.",
        note=Chosen("Dear all, see [our plan](https://example.org/plan).", "en"),
        tz=TZ,
    )

    assert rendered.subject == "Come Bcc: all@example.org"
    assert rendered.preheader == "We look forward to seeing you in Prague 7 on Monday evening."
    assert lint(rendered, is_bulk=True) == []
    assert find(rendered, "p", "Dear all").text() == "Dear all, see our plan."


@pytest.mark.parametrize(
    ("note", "label", "marked"),
    [
        (Chosen("Zavřeno", "cs", is_fallback=True), "(in Czech)", ("cs", "ltr")),
        (Chosen("مغلق", "ar"), "", ("ar", "rtl")),
        (Chosen("Closed", "en"), "", None),
    ],
)
def test_digest_marks_a_note_in_another_language(
    note: Chosen, label: str, marked: tuple[str, str] | None
) -> None:
    rendered = RENDERER.digest(digest_of(card()), frame(), note=note, tz=TZ)

    root = read_markup(rendered.html)
    cell = next(e for e in root.find_all("td") if e.text().endswith(note.text))
    blocks = [(e.attrs["lang"], e.attrs["dir"]) for e in cell.find_all("div")]
    assert (cell.text(), blocks) == (f"{label}{note.text}", [marked] if marked else [])
    assert f"{label}\n\n{note.text}".strip() in rendered.text
    assert lint(rendered, is_bulk=True) == []


@pytest.mark.parametrize("role", [Role.NEW, Role.REMINDER])
def test_digest_leaves_the_later_dates_of_a_course_to_its_page(role: Role) -> None:
    rendered = letter_with(replace(card(), role=role, more_sittings=46))

    link = find(rendered, "a", "and 46 more dates")
    assert link.attrs["href"] == f"{BASE_URL}/en/events/prague-7-networking"
    assert "\nand 46 more dates\n" in rendered.text
    assert lint(rendered, is_bulk=True) == []


def test_digest_counts_what_did_not_fit() -> None:
    sections = (
        Section(SectionKind.THIS_WEEK, (card(),), overflow=6),
        Section(SectionKind.UPDATES, (), overflow=2),
    )

    rendered = RENDERER.digest(Digest("en", sections), frame(), tz=TZ)

    assert (
        find(rendered, "a", "and 6 more in the calendar").attrs["href"] == f"{BASE_URL}/en/events"
    )
    assert find(rendered, "p", "and 2 more next time").text() == "and 2 more next time"


def test_digest_is_the_same_each_time() -> None:
    assert render("digest", "uk") == render("digest", "uk")


def test_test_sends_carry_no_personal_link() -> None:
    rendered = RENDERER.digest(digest_of(card()), replace(frame(), is_test=True), tz=TZ)

    assert UNSUBSCRIBE not in rendered.html + rendered.text
    assert PREFERENCES not in rendered.html + rendered.text
    assert find(rendered, "p", "This is a test").text() != ""


@pytest.mark.parametrize("lang", LANGUAGES)
def test_web_copies_offer_the_sign_up_in_place_of_personal_links(lang: str) -> None:
    public = replace(frame(lang), is_public=True)

    rendered = RENDERER.digest(digest_for(lang), public, tz=TZ)

    assert lint(rendered, is_bulk=False) == []
    assert links(rendered)[-3:-2] == [f"{BASE_URL}/{lang}/subscribe"]
    assert [link for link in links(rendered) if "/p/" in link or "/u/" in link] == []
    assert public.view_url not in links(rendered)


def test_an_event_without_sittings_still_has_its_title_and_no_date() -> None:
    rendered = letter_with(replace(card(), sittings=()))

    assert "date not known yet\nPrague 7 neighbourhood networking\n" in rendered.text
    assert [link for link in links(rendered) if link.endswith(".ics")] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_literal_in_a_digest(text: str) -> None:
    place = Place(Chosen(text, "en"), street=text, room=text)
    one = replace(card().sittings[0], place=place)
    bad = replace(card(), title=Chosen(text, "en"), summary=Chosen(text, "en"), sittings=(one,))

    rendered = letter_with(bad)

    page = read_markup(rendered.html)
    literal = " ".join(text.split())
    assert find(rendered, "h3", literal[:9]).text() == literal
    assert literal in rendered.text
    assert page.find_all("script", "img", "svg") == []
    assert [e for e in page.walk() if any(name.startswith("on") for name in e.attrs)] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_literal_in_a_letter(text: str) -> None:
    rendered = RENDERER.letter(f"Dear all\n\n{text}", text, text, frame())

    page = read_markup(rendered.html)
    assert page.find_all("h1")[0].text() == rendered.subject == " ".join(text.split())
    assert page.find_all("script", "img", "svg") == []
    assert [e for e in page.walk() if any(name.startswith("on") for name in e.attrs)] == []


def test_invisible_characters_are_taken_out_everywhere() -> None:
    title = Chosen("Let\x92s\x00 meet\u202e", "en")

    rendered = RENDERER.digest(
        digest_of(replace(card(), title=title)), frame(), note=Chosen("No\x85te\x07", "en"), tz=TZ
    )

    assert find(rendered, "h3", "Let").text() == "Lets meet"
    assert find(rendered, "p", "Note").text() == "Note"
    assert lint(rendered, is_bulk=True) == []


def test_ten_thousand_characters_bend_no_line_and_no_subject() -> None:
    endless, wordy = "x" * 10_000, "many words " * 1_000

    rendered = letter_with(
        replace(card(), title=Chosen(endless, "en"), summary=Chosen(wordy, "en"))
    )

    assert len(rendered.subject) <= 50
    assert lint(rendered, is_bulk=True) == []


def test_an_operator_s_template_stands_in_for_ours(tmp_path: Path) -> None:
    (tmp_path / "confirm").mkdir()
    (tmp_path / "confirm" / "subject.txt").write_text("Ahoj {{ sender.name }}", encoding="utf-8")

    ours, theirs = (
        renderer.transactional("confirm", "en", frame(), **TRANSACTIONAL["confirm"])
        for renderer in (RENDERER, Renderer(BASE_URL, tmp_path))
    )

    assert (ours.subject, theirs.subject) == ("Please confirm: news from MigAct", "Ahoj MigAct")
    assert theirs.text.replace("Ahoj MigAct", ours.subject) == ours.text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ ''.__class__.__mro__ }}", "'__class__' of 'str' object is unsafe"),
        ("{{ _.__globals__ }}", "'__globals__' of 'function' object is unsafe"),
        ("{{ sender.update({'name': 'x'}) }}", "'update' of 'dict' object is unsafe"),
        ("{{ config }}", "'config' is undefined"),
        ("{{ lipsum }}", "'lipsum' is undefined"),
        ("{{ range(9) }}", "'range' is undefined"),
        ("{{ self.__init__.__globals__ }}", "'__init__' of 'TemplateReference' object is unsafe"),
    ],
)
def test_templates_reach_nothing_but_their_values(tmp_path: Path, template: str, said: str) -> None:
    (tmp_path / "already").mkdir()
    (tmp_path / "already" / "subject.txt").write_text(template, encoding="utf-8")
    renderer = Renderer(BASE_URL, tmp_path)

    with pytest.raises(Refused, match=re.escape(said)):
        renderer.transactional("already", "en", frame(), **TRANSACTIONAL["already"])


def test_transactional_refuses_a_kind_that_is_none() -> None:
    with pytest.raises(ValueError, match="digest"):
        RENDERER.transactional("digest", "en", frame())


def test_transactional_misses_a_value_aloud() -> None:
    with pytest.raises(UndefinedError):
        RENDERER.transactional("confirm", "en", frame(), confirm_url=f"{BASE_URL}/c/x")


def test_transactional_letters_have_no_web_copy_and_no_personal_slot() -> None:
    rendered = render("confirm", "en")

    assert links(rendered) == [
        f"{BASE_URL}/c/token",
        "mailto:hello@migact.example",
        "https://migact.example",
    ]


@pytest.mark.parametrize(
    ("purpose", "subject"),
    [("invite", "Your invitation to write for MigAct"), ("reset", "Set a new password")],
)
def test_account_letters_say_why_they_come(purpose: str, subject: str) -> None:
    values = {**TRANSACTIONAL["account"], "purpose": purpose}

    rendered = RENDERER.transactional("account", "en", frame(), **values)

    assert rendered.subject == subject
    assert lint(rendered, is_bulk=False) == []


def test_draft_ready_counts_and_says_when() -> None:
    text = render("draft_ready", "en").text

    assert (
        "Planned for: Thu 6 May, 09:00 (Prague time)\n"
        "- 312 readers\n- 1 change\n- 5 events\n- 2 deadlines\n\n"
        "It is sent only if somebody approves it before then.\n"
    ) in text


def test_an_unsafe_website_of_the_sender_is_left_out() -> None:
    around = frame()
    unsafe = replace(around, association=replace(around.association, website="javascript:x()"))

    rendered = RENDERER.transactional("already", "en", unsafe, **TRANSACTIONAL["already"])

    assert "javascript" not in rendered.html + rendered.text
