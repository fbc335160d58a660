"""The marks of a list: how far a thing is in each language."""

import pytest

from mailer.domain.texts import Text, Texts, TextState
from mailer.domain.translating import Progress, progress
from tests.domain.samples import texts

DRAFT = Text("Akce", TextState.DRAFT)
MACHINE = Text("Akce", TextState.MACHINE)
OUTDATED = Text("Akce", TextState.REVIEWED, outdated=True)


@pytest.mark.parametrize(
    ("fields", "lang", "expected"),
    [
        ([texts("Event")], "en", Progress.READY),
        ([texts("Event", cs="Akce")], "cs", Progress.READY),
        ([texts("Event")], "cs", Progress.MISSING),
        ([texts("Event", cs=DRAFT)], "cs", Progress.BEGUN),
        ([texts("Event", cs=MACHINE)], "cs", Progress.BEGUN),
        ([texts("Event", cs=OUTDATED)], "cs", Progress.BEGUN),
        ([texts("Event", cs="Akce"), texts("Come")], "cs", Progress.BEGUN),
        ([texts("Event", cs="Akce"), texts("")], "cs", Progress.READY),
        ([texts("Event", cs="Akce"), Texts()], "cs", Progress.READY),
        ([Texts()], "en", Progress.MISSING),
    ],
)
def test_progress_is_that_of_the_least_finished_text(
    fields: list[Texts], lang: str, expected: Progress
) -> None:
    assert progress(fields, lang) is expected
