"""The forms about subscribers: adding one, ending a subscription, the steps of an import."""

from collections.abc import Sequence

from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from wtforms import (
    BooleanField,
    EmailField,
    FileField,
    RadioField,
    SelectField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length

from mailer.domain.consent import Cadence
from mailer.domain.imports import Columns
from mailer.domain.imports_table import Table
from mailer.i18n import get_language
from mailer.message.vocabulary import N_
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.topics import list_topics
from mailer.usecases.preferences import Wishes
from mailer.usecases.subscriber_import import LONGEST_EVIDENCE
from mailer.web.admin.content_forms import Ticks
from mailer.web.admin.subscriber_words import CADENCES
from mailer.web.forms import DeskForm
from mailer.web.parts import _

LONGEST_CELL = 40
NO_COLUMN = ""


class WishesForm(DeskForm):
    """What people get: in which languages, about what, how often."""

    languages = Ticks(N_("Languages they read"))
    topics = Ticks(N_("Topics"))
    cadence = RadioField(
        N_("How often"),
        choices={cadence.value: label for cadence, label in CADENCES.items()},
        default=Cadence.WEEKLY.value,
    )

    def offer(self, session: Session, lang: str) -> None:
        """Fill in what can be chosen, in the coordinator's language."""
        fallback = get_fallback(session)
        self.languages.choices = {
            code: get_language(code).endonym for code in list_content_languages(session)
        }
        self.topics.choices = {
            topic.slug: names.pick((lang,), fallback).text or topic.slug
            for topic, names in list_topics(session, public_only=True)
        }

    def propose(self, session: Session) -> None:
        """Tick what a visitor finds ticked."""
        self.languages.data = [get_fallback(session)]
        topics = list_topics(session, public_only=True)
        self.topics.data = [topic.slug for topic, _names in topics if topic.is_default]

    @property
    def wishes(self) -> Wishes:
        return Wishes(
            tuple(self.languages.data or ()),
            tuple(self.topics.data or ()),
            Cadence(self.cadence.data),
        )


class AddForm(WishesForm):
    """One person who asked for the newsletter on paper or by phone."""

    email = EmailField(N_("E-mail address"), [InputRequired(), Length(max=254)])
    evidence = TextAreaField(
        N_("Where and when they asked for it"),
        [InputRequired(), Length(max=LONGEST_EVIDENCE)],
        description=N_("For instance: paper list at the meetup on 12 May."),
        render_kw={"rows": 2},
    )


class LeaveForm(DeskForm):
    """One person who asked not to get it any more."""

    evidence = TextAreaField(
        N_("How and when they asked for it"),
        [InputRequired(), Length(max=LONGEST_EVIDENCE)],
        description=N_("For instance: by phone, on 12 May."),
        render_kw={"rows": 2},
    )


class EraseForm(DeskForm):
    """One person who asked to be forgotten."""

    is_asked = BooleanField(
        N_("The person asked for it, and I know that it was them."), [InputRequired()]
    )


class UploadForm(DeskForm):
    """A list of people, as a file or as text."""

    file = FileField(
        N_("A file"),
        description=N_("CSV or plain text, at most 20 MB."),
        render_kw={"accept": ".csv,.tsv,.txt,text/csv,text/plain"},
    )
    text = TextAreaField(
        N_("Or paste a list"),
        description=N_("Addresses with or without names, one below the other or with commas."),
        render_kw={"rows": 6, "spellcheck": "false", "autocapitalize": "none"},
    )

    def read_upload(self) -> bytes:
        """What was uploaded; nothing when no file was chosen."""
        upload = self.file.data
        return upload.read() if isinstance(upload, FileStorage) and upload.filename else b""


class ColumnsForm(DeskForm):
    """What the columns of a table mean."""

    has_header = BooleanField(N_("The first row says what the columns are"))
    email = SelectField(N_("E-mail address"))
    language = SelectField(N_("Language"))
    topics = SelectField(N_("Topics"))
    status = SelectField(
        N_("Status"), description=N_("Tells who has left where the list comes from.")
    )

    def offer(self, table: Table) -> None:
        """Let each column be chosen by what stands on top of it."""
        columns = {str(at): name for at, name in enumerate(_name_columns(table))}
        self.email.choices = {NO_COLUMN: _("wherever an @ stands")} | columns
        for field in (self.language, self.topics, self.status):
            field.choices = {NO_COLUMN: _("none")} | columns

    def fill_in(self, columns: Columns) -> None:
        """Show what was guessed, or chosen before."""
        self.has_header.data = columns.has_header
        self.email.data = _as_choice(columns.email)
        self.language.data = _as_choice(columns.language)
        self.topics.data = _as_choice(columns.topics)
        self.status.data = _as_choice(columns.status)

    def read_columns(self, gone: tuple[int, ...]) -> Columns:
        """What was chosen; `gone` cannot be chosen, only recognised."""
        return Columns(
            has_header=bool(self.has_header.data),
            email=_as_column(self.email.data),
            language=_as_column(self.language.data),
            topics=_as_column(self.topics.data),
            status=_as_column(self.status.data),
            gone=gone if self.has_header.data else (),
        )


class ProofForm(WishesForm):
    """Where and when the people of a list agreed, and what they get who did not say."""

    evidence = TextAreaField(
        N_("Where and when they agreed"),
        [InputRequired(), Length(max=LONGEST_EVIDENCE)],
        description=N_("It is kept with each person as proof. Keep the paper or the old list too."),
        render_kw={"rows": 3},
    )


class SureForm(DeskForm):
    """Before people join without being asked."""

    is_sure = BooleanField(
        N_("I have seen the proof: every one of them agreed to get this newsletter."),
        [InputRequired()],
    )


def _name_columns(table: Table) -> Sequence[str]:
    first = table.records[0].cells
    widest = max(len(record.cells) for record in table.records)
    cells = [*first, *[""] * (widest - len(first))]
    return [
        _("Column %(number)s: %(text)s", number=at, text=_shorten(cell))
        if cell
        else _("Column %(number)s", number=at)
        for at, cell in enumerate(cells, start=1)
    ]


def _shorten(cell: str) -> str:
    return cell if len(cell) <= LONGEST_CELL else cell[: LONGEST_CELL - 1] + "…"


def _as_choice(column: int | None) -> str:
    return NO_COLUMN if column is None else str(column)


def _as_column(choice: str | None) -> int | None:
    return int(choice) if choice else None
