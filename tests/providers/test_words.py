"""What a provider said, made fit to be stored."""

import pytest

from mailer.providers.words import reason_of, tidy


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2.0.0 Ok: queued as 4XyZ", "2.0.0 Ok: queued as 4XyZ"),
        ("one\r\ntwo\tthree", "one two three"),
        ("bell\x07 escape\x1b[31m nul\x00 C1\x92", "bell escape [31m nul C1"),
        ("line\u2028paragraph\u2029", "line paragraph"),
        ("turned \u202ereading", "turned reading"),
        ("half a \ud83d pair", "half a pair"),
        ("Příliš žluťoučký", "Příliš žluťoučký"),
        ("x" * 501, "x" * 500),
        ("", ""),
    ],
)
def test_tidy_keeps_only_what_can_be_shown(said: str, kept: str) -> None:
    assert tidy(said) == kept


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_reason_is_the_systems_own_words(error: Exception, words: str) -> None:
    assert reason_of(error) == words
