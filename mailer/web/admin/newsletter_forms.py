"""The forms of newsletters: a draft's words per language, a test, an approval, a time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wtforms import (
    DateTimeLocalField,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from mailer.domain.newsletter import NewsletterKind
from mailer.message.vocabulary import N_
from mailer.storage.newsletters import Newsletter, Variant
from mailer.usecases.newsletters import LONGEST_BODY
from mailer.web.forms import DeskForm
from mailer.web.parts import _

LONGEST_TITLE = LONGEST_SUBJECT = 200
LONGEST_NOTE = 500
PLANNED, AT_ONCE, TIME = "planned", "now", "time"
GOOD_SUBJECT, GOOD_PREHEADER = 50, 90

Texts = Mapping[str, tuple[str, str, str]]


def _on_one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _as_kept(text: str | None) -> str:
    """Browsers send line ends in their own way; two texts must be equal when their words are."""
    return (text or "").replace("\r\n", "\n").strip()


class Ticks(SelectMultipleField):
    """Several of a few choices, as boxes to tick."""

    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()


class LetterForm(DeskForm):
    """What every newsletter has."""

    title = StringField(
        N_("Name of this newsletter"),
        [DataRequired(), Length(max=LONGEST_TITLE)],
        filters=[_on_one_line],
    )
    topics = Ticks(N_("Who gets it"))


class VersionForm(DeskForm):
    """The words in one language."""

    subject = StringField(N_("Subject"), [Length(max=LONGEST_SUBJECT)], filters=[_on_one_line])
    preheader = StringField(
        N_("Preview line"), [Optional(), Length(max=LONGEST_SUBJECT)], filters=[_on_one_line]
    )


class BodyForm(VersionForm):
    """A letter in one language."""

    body = TextAreaField(N_("Text"), [Length(max=LONGEST_BODY)], filters=[_as_kept])


class NoteForm(VersionForm):
    """A digest in one language: it writes itself, and a note may stand on top."""

    body = TextAreaField(
        N_("A note on top"), [Optional(), Length(max=LONGEST_NOTE)], filters=[_as_kept]
    )


class DraftForm(LetterForm):
    """A draft; `versions` are its languages. `seen` is when it was changed last, as the person
    who writes saw it. Made by `draft_form`."""

    seen = HiddenField()

    @property
    def versions(self) -> dict[str, Any]:
        """The form of each language, by its code."""
        return {
            name.removeprefix(_PREFIX): field.form
            for name, field in self._fields.items()
            if isinstance(field, FormField)
        }

    def texts(self) -> dict[str, tuple[str, str, str]]:
        """(subject, preheader, body) per language."""
        return {
            lang: (version.subject.data, version.preheader.data, version.body.data)
            for lang, version in self.versions.items()
        }

    def read_seen(self) -> datetime:
        """The moment in the hidden field; one that was tampered with fits no version."""
        try:
            return datetime.fromisoformat(self.seen.data or "")
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)


_PREFIX = "in_"


def draft_form(
    newsletter: Newsletter, topics: Sequence[tuple[str, str]], typed: Any = None
) -> DraftForm:
    """The form of a newsletter, filled from `typed` or else from what is saved."""
    words = BodyForm if newsletter.kind == NewsletterKind.LETTER else NoteForm
    fields = {f"{_PREFIX}{v.lang}": FormField(words, separator="-") for v in newsletter.variants}
    form: DraftForm = type("FilledDraftForm", (DraftForm,), fields)(
        typed,
        title=newsletter.title,
        topics=list(newsletter.topics),
        seen=newsletter.changed_at.isoformat(),
        **{f"{_PREFIX}{v.lang}": _as_fields(v) for v in newsletter.variants},
    )
    form.topics.choices = list(topics)
    return form


def _as_fields(variant: Variant) -> dict[str, str]:
    return {
        "subject": variant.subject,
        "preheader": variant.preheader,
        "body": variant.body,
    }


class TestForm(DeskForm):
    """Whom to send a test, and in which languages."""

    __test__ = False

    to = Ticks(N_("Send a test to"), [InputRequired()])
    languages = Ticks(N_("In these languages"), [InputRequired()])


class WallTimeField(DateTimeLocalField):
    """A day and a time as the browser's own picker gives them, or nothing."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """None for whatever is no such time: the form says what it needs."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            self.data = None


class ApproveForm(DeskForm):
    """When it is to leave. `seen` is the version that the person looked at."""

    when = RadioField(N_("When"))
    send_at = WallTimeField(N_("Day and time"))
    number = IntegerField(N_("How many people get it?"), [Optional()])
    seen = HiddenField()

    def validate_send_at(self, field: WallTimeField) -> None:
        """A time of one's own has to be there."""
        if self.when.data == TIME and field.data is None:
            raise ValidationError(_("Choose a day and a time."))
