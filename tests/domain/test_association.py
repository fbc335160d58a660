"""The line that signs every mail."""

import pytest

from mailer.domain.address import mask
from mailer.domain.association import Association


@pytest.mark.parametrize(
    ("association", "line"),
    [
        (Association("MigAct"), "MigAct"),
        (Association("MigAct", "MigAct z.s."), "MigAct z.s."),
        (
            Association("MigAct", "MigAct z.s.", "12345678", "Praha 1"),
            "MigAct z.s., IČO 12345678, Praha 1",
        ),
    ],
)
def test_signature_has_what_there_is(association: Association, line: str) -> None:
    assert association.signature() == line


def test_tidied_has_a_line_for_each_but_keeps_paragraphs() -> None:
    association = Association(" Mig\nAct ", address="Dlouhá 1\r\nPraha", about="One.\n\nTwo.\n")

    assert association.tidied() == Association(
        "Mig Act", address="Dlouhá 1 Praha", about="One.\n\nTwo."
    )


def test_mask_keeps_the_first_letter_and_the_domain() -> None:
    assert mask("anna@seznam.cz") == "a***@seznam.cz"
