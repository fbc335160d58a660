import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domain.texts import Chosen, Text, Texts, TextState

LANGS = ("ar", "cs", "en", "ru", "uk", "vi")

MEETING = Texts(
    "cs",
    {
        "cs": Text("Setkání", TextState.SOURCE),
        "en": Text("Meeting", TextState.REVIEWED),
        "uk": Text("Зустріч", TextState.REVIEWED, outdated=True),
        "ru": Text("Встреча", TextState.MACHINE),
        "vi": Text("Cuộc họp", TextState.DRAFT),
        "ar": Text("", TextState.REVIEWED),
    },
)


@pytest.mark.parametrize(
    ("wanted", "fallback", "expected"),
    [
        pytest.param(("en",), "cs", Chosen("Meeting", "en"), id="reviewed"),
        pytest.param(("cs",), "en", Chosen("Setkání", "cs"), id="source"),
        pytest.param(("uk",), "en", Chosen("Зустріч", "uk"), id="outdated is still reviewed"),
        pytest.param(("cs", "en"), "en", Chosen("Setkání", "cs"), id="best first"),
        pytest.param(("en", "cs"), "en", Chosen("Meeting", "en"), id="best first, turned round"),
        pytest.param(("ru", "cs"), "en", Chosen("Setkání", "cs"), id="machine is passed over"),
        pytest.param(("vi", "cs"), "en", Chosen("Setkání", "cs"), id="draft is passed over"),
        pytest.param(("ar", "cs"), "en", Chosen("Setkání", "cs"), id="empty is passed over"),
        pytest.param(("ru",), "en", Chosen("Meeting", "en", True), id="the list's fallback"),
        pytest.param(("ru",), "vi", Chosen("Setkání", "cs", True), id="the source at last"),
        pytest.param((), "en", Chosen("Meeting", "en", True), id="no language wanted"),
    ],
)
def test_pick_takes_the_first_text_fit_to_be_mailed(
    wanted: tuple[str, ...], fallback: str, expected: Chosen
) -> None:
    chosen = MEETING.pick(wanted, fallback)

    assert chosen == expected


def test_pick_of_nothing_is_empty_and_false() -> None:
    chosen = Texts("cs").pick(("uk", "en"), "en")

    assert chosen == Chosen("", "cs")
    assert not chosen


def test_source_is_the_first_writing_whatever_its_state() -> None:
    texts = Texts("cs", {"cs": Text("Návrh", TextState.DRAFT), "en": MEETING.by_lang["en"]})

    source = texts.source()

    assert source == "Návrh"


def test_source_of_nothing_is_empty() -> None:
    source = Texts("cs").source()

    assert source == ""


@given(
    by_lang=st.dictionaries(
        st.sampled_from(LANGS),
        st.builds(Text, st.sampled_from(["", "x", "y"]), st.sampled_from(TextState), st.booleans()),
    ),
    wanted=st.lists(st.sampled_from(LANGS), unique=True),
    fallback=st.sampled_from(LANGS),
)
def test_pick_never_mails_a_draft_and_says_when_it_fell_back(
    by_lang: dict[str, Text], wanted: list[str], fallback: str
) -> None:
    chosen = Texts("en", by_lang).pick(wanted, fallback)

    if chosen:
        text = by_lang[chosen.lang]
        assert text.text == chosen.text
        assert text.state in (TextState.SOURCE, TextState.REVIEWED)
        assert chosen.is_fallback is (chosen.lang not in wanted)
