"""The fields in which a coordinator says when: an exact time, whole days, about, or not yet.

Native pickers and no script. Reading a date from words is for pasted text only (`domain/dates`).
"""

from datetime import date, datetime, time
from typing import Any

from wtforms import DateField, IntegerField, RadioField, SelectField, TimeField
from wtforms.validators import NumberRange, Optional

from mailer.domain.when import (
    FIRST_YEAR,
    LAST_YEAR,
    SEASON_MONTHS,
    InvalidWhen,
    Precision,
    When,
)
from mailer.i18n import get_locale
from mailer.message.vocabulary import N_
from mailer.web.admin.content_pages import say_when
from mailer.web.forms import DeskForm
from mailer.web.parts import words

TIME, DAY, ABOUT, NONE = "time", "day", "about", "none"
KINDS = {
    TIME: N_("Exact time"),
    DAY: N_("All day"),
    ABOUT: N_("About a month or season"),
    NONE: N_("Not known yet"),
}
_ACROSS = "across"
SEASONS = {
    "spring": N_("spring"),
    "summer": N_("summer"),
    "autumn": N_("autumn"),
    "winter": N_("winter: January to March"),
    _ACROSS: N_("winter: from December on"),
}
_YEAR = NumberRange(FIRST_YEAR, LAST_YEAR)


def _months() -> dict[str, str]:
    names = get_locale(words().lang).months["stand-alone"]["wide"]
    return {str(number): str(names[number]) for number in range(1, 13)}


def _parts() -> dict[str, str]:
    return {"": N_("the whole year"), **_months(), **SEASONS}


def _last_months() -> dict[str, str]:
    return {"": "–", **_months()}


class WhenForm(DeskForm):
    """After `validate`, `when` is what was said. Which fields count depends on `kind`."""

    kind = RadioField(N_("When"), choices=KINDS, default=TIME)
    day = DateField(N_("Day"), [Optional()])
    start = TimeField(N_("From"), [Optional()])
    end = TimeField(N_("Until"), [Optional()])
    last_day = DateField(N_("Last day, if another"), [Optional()])
    part = SelectField(N_("Part of the year"), choices=_parts, default="")
    year = IntegerField(N_("Year"), [Optional(), _YEAR])
    until = SelectField(N_("Up to, if several months"), choices=_last_months, default="")
    until_year = IntegerField(N_("Year, if another"), [Optional(), _YEAR])

    when: When = When.unknown()

    def validate(self, extra_validators: Any = None) -> bool:
        """Also put what is wrong with the moment as a whole beside the field to begin with."""
        if not super().validate(extra_validators):
            return False
        try:
            self.when = self.read()
        except InvalidWhen as mistake:
            self.put_mistake(str(mistake))
            return False
        return True

    def put_mistake(self, sentence: str) -> None:
        """Show `sentence` beside the first field of the kind that was chosen."""
        first = {TIME: self.day, DAY: self.day, ABOUT: self.year}.get(self.kind.data, self.kind)
        first.errors = [*first.errors, sentence]

    def fill(self, when: When) -> None:
        """Show `when`, whatever was typed."""
        for name, value in fields_of(when).items():
            self[name].data = value
            self[name].raw_data = None

    def read(self) -> When:
        """The moment that the fields say; raises InvalidWhen."""
        match self.kind.data:
            case "time":
                return self._read_time()
            case "day":
                return When.on(self._first_day(), self.last_day.data)
            case "about":
                return self._read_about()
            case _:
                return When.unknown()

    def echo(self) -> str:
        """The moment in words, weekday and all, for people to check; empty while there is none."""
        try:
            when = self.read()
        except InvalidWhen:
            return ""
        if when.precision is Precision.UNKNOWN:
            return ""
        return say_when(when)

    def _first_day(self) -> date:
        if self.day.data is None:
            raise InvalidWhen(N_("Give the day, or choose “Not known yet”."))
        return self.day.data

    def _read_time(self) -> When:
        day = self._first_day()
        if self.start.data is None:
            raise InvalidWhen(N_("Give the time too, or choose a whole day."))
        end = None
        if self.end.data is not None:
            end = datetime.combine(self.last_day.data or day, self.end.data)
        elif self.last_day.data not in (None, day):
            raise InvalidWhen(N_("Give the time it ends on the last day."))
        return When.at(datetime.combine(day, self.start.data), end)

    def _read_about(self) -> When:
        year, part = self.year.data, self.part.data
        if year is None:
            raise InvalidWhen(N_("Give the year, or choose “Not known yet”."))
        if part in SEASON_MONTHS:
            return When.in_season(part, year)
        if part == _ACROSS:
            return When.across_winter(year)
        if not part:
            return When.year(year)
        first, last = int(part), int(self.until.data or part)
        last_year = self.until_year.data or (year + 1 if last < first else year)
        return When.months((year, first), (last_year, last))


class ClosingForm(WhenForm):
    """A single moment, by which something closes."""

    kind = RadioField(
        N_("When"),
        choices={
            TIME: N_("At a time"),
            DAY: N_("At the end of a day"),
            NONE: N_("Not known yet"),
        },
        default=TIME,
    )
    start = TimeField(N_("Time"), [Optional()])


class PeriodForm(WhenForm):
    """A longer while, from one day to another."""

    kind = RadioField(
        N_("When"),
        choices={
            DAY: N_("From day to day"),
            ABOUT: N_("Only about"),
            NONE: N_("Not known yet"),
        },
        default=DAY,
    )
    day = DateField(N_("First day"), [Optional()])
    last_day = DateField(N_("Last day"), [Optional()])


def fields_of(when: When) -> dict[str, Any]:
    """What the form's fields are for a moment, by name."""
    if when.starts_on is None or when.ends_on is None:
        return {"kind": NONE}
    days = {"day": when.starts_on, "last_day": _other(when.ends_on, when.starts_on)}
    if when.starts_at is not None:
        return {"kind": TIME, **days, "start": when.starts_at.time(), "end": _clock(when.ends_at)}
    if when.precision is Precision.DATE:
        return {"kind": DAY, **days}
    return {
        "kind": ABOUT,
        "year": when.starts_on.year,
        **_parts_of(when, when.starts_on, when.ends_on),
    }


def _parts_of(when: When, first: date, last: date) -> dict[str, Any]:
    match when.precision:
        case Precision.YEAR:
            return {"part": ""}
        case Precision.SEASON:
            return {"part": _ACROSS if first.year != last.year else when.season}
        case Precision.MONTH:
            return {"part": str(first.month)}
        case _:
            until_year = _other(last.year, first.year)
            return {"part": str(first.month), "until": str(last.month), "until_year": until_year}


def _other(value: Any, first: Any) -> Any:
    """`value` where it differs from the first; nobody wants to see the same day twice."""
    return value if value != first else None


def _clock(moment: datetime | None) -> time | None:
    return moment.time() if moment else None
