"""Numbers in addresses: only those that can be the number of a row."""

from flask import Flask
from werkzeug.routing import IntegerConverter, ValidationError

LARGEST = 2**63 - 1


class RowNumber(IntegerConverter):
    """`<int:…>` in a route. A number that no database can hold is no page at all."""

    def to_python(self, value: str) -> int:
        try:
            return read_row_number(value)
        except ValueError:
            raise ValidationError from None


def read_row_number(text: str) -> int:
    """The number in `text`; ValueError when no row can have it."""
    number = int(text)
    if not 0 <= number <= LARGEST:
        raise ValueError("no row has this number")
    return number


def init_converters(app: Flask) -> None:
    """Use it in all routes that are added from now on."""
    app.url_map.converters["int"] = RowNumber
