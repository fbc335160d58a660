"""What visitors and subscribers type, as fields. It only parses: what is allowed is decided by
the use-cases, what can be chosen is listed in the templates."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

from werkzeug.datastructures import MultiDict
from wtforms import DateField, Form, RadioField, SelectField, SelectMultipleField, StringField

from mailer.domain.consent import Cadence
from mailer.domain.errors import Invalid
from mailer.domain.walltime import to_utc
from mailer.domain.when import DEFAULT_TZ, FIRST_YEAR, LAST_YEAR
from mailer.message.vocabulary import N_
from mailer.usecases.preferences import Wishes
from mailer.web.parts import _

_NO_DAY = N_("Choose a day after today.")

Typed = MultiDict[str, str]


class WishesForm(Form):
    """Topics and how often. The languages differ from form to form."""

    topics = SelectMultipleField(validate_choice=False)
    cadence = RadioField(validate_choice=False, default=Cadence.WEEKLY)

    def get_cadence(self) -> Cadence:
        """What was chosen; weekly for anything that cannot be chosen."""
        return Cadence.MONTHLY if self.cadence.data == Cadence.MONTHLY else Cadence.WEEKLY


class SignUpForm(WishesForm):
    """`comment` is a trap: people do not see it. `opened` is the signed time of the form."""

    email = StringField()
    languages = SelectField(validate_choice=False)
    also = SelectMultipleField(validate_choice=False)
    project = StringField()
    comment = StringField()
    opened = StringField()

    def get_wishes(self) -> Wishes:
        languages = (self.languages.data or "", *(self.also.data or ()))
        return Wishes(languages, tuple(self.topics.data or ()), self.get_cadence())


class LinkForm(Form):
    """“Mail me my link.” The trap and the signed time are those of the sign-up form."""

    email = StringField()
    comment = StringField()
    opened = StringField()


class PreferencesForm(WishesForm):
    """Languages stand in an order without dragging: first choice, second choice, and so on."""

    languages = SelectField(validate_choice=False)
    language_2 = SelectField(validate_choice=False)
    language_3 = SelectField(validate_choice=False)
    language_4 = SelectField(validate_choice=False)

    def get_wishes(self) -> Wishes:
        places = (self.languages, self.language_2, self.language_3, self.language_4)
        languages = tuple(place.data for place in places if place.data)
        return Wishes(languages, tuple(self.topics.data or ()), self.get_cadence())


class PauseForm(Form):
    until = DateField()

    def get_moment(self) -> datetime:
        """The beginning of that day in Prague. Invalid when it is no day that can be meant."""
        day = self.until.data
        # The first and last years of the calendar cannot be moved to another time zone.
        if not isinstance(day, date) or not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise Invalid("until", _NO_DAY)
        return to_utc(datetime.combine(day, time()), DEFAULT_TZ)


class AddressForm(Form):
    email = StringField()


def blame(form: Form, error: Invalid) -> None:
    """Put a mistake beside the field it names."""
    form[error.field].errors = [_(str(error))]


def as_typed(values: Mapping[str, Sequence[str]]) -> Typed:
    """Values as if they had been typed, to fill a form that nobody has sent yet."""
    return MultiDict({name: list(texts) for name, texts in values.items()})
