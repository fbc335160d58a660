"""What the forms of events, deadlines, projects and updates share: texts, topics, choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from wtforms import (
    BooleanField,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from mailer.domain.content import ItemKey
from mailer.domain.errors import Invalid
from mailer.domain.texts import Texts, TextState
from mailer.i18n import KNOWN, get_language
from mailer.message.vocabulary import N_, language_name
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.projects import as_values, list_all
from mailer.storage.texts import load_texts
from mailer.storage.topics import list_topics
from mailer.storage.venues import load_venues
from mailer.usecases.editing import LONGEST, LONGEST_LINK, LONGEST_TEXT, Wording, Wordings
from mailer.web.forms import DeskForm, show_mistake

Choices = dict[str, str]

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": (N_("Title"), ""),
    "summary": (N_("Summary"), N_("One or two sentences for the newsletter.")),
    "teaser": (N_("In short"), N_("Two or three sentences for the newsletter.")),
    "body": (N_("More about it"), N_("For the public page. An empty line begins a paragraph.")),
    "outcome": (N_("What came of it"), ""),
    "funder_ack": (
        N_("What the funder asks us to say"),
        N_("Stands in every newsletter that mentions this project."),
    ),
}
"""Label and hint of each text that a thing may have."""

STATES = {
    TextState.DRAFT.value: N_("Draft: do not send yet"),
    TextState.REVIEWED.value: N_("Checked: may be sent"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen in these forms: names in the coordinator's language, by code."""

    content_languages: tuple[str, ...]
    spoken: Choices
    topics: Choices
    projects: Choices
    venues: Choices


def load_options(session: Session, lang: str) -> Options:
    """A handful of queries, however many fields the form has."""
    fallback = get_fallback(session)
    content = list_content_languages(session)
    spoken = [*content, *(code for code in KNOWN if code not in content)]
    projects = as_values(session, list_all(session))
    venues = load_venues(session)
    places = [(str(key), _place_name(one.name.source(), one.street)) for key, one in venues.items()]
    return Options(
        content_languages=content,
        spoken={code: language_name(code, lang) for code in spoken},
        topics={
            topic.slug: name.pick((lang,), fallback).text or topic.slug
            for topic, name in list_topics(session)
        },
        projects={str(one.id): one.title.source() or one.slug for one in projects},
        venues=dict(sorted(places, key=lambda place: place[1].casefold())),
    )


def _place_name(name: str, street: str) -> str:
    return f"{name}, {street}" if street else name


class Ticks(SelectMultipleField):
    """Several of a list, each with a box to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def text_field(name: str, *, required: bool = False) -> Any:
    """The field of one text, as long as that text may be."""
    label, hint = TEXTS[name]
    longest = Length(max=LONGEST.get(name, LONGEST_TEXT))
    kind = StringField if name == "title" else TextAreaField
    rows = {} if name == "title" else {"rows": 8 if name in ("body", "outcome") else 3}
    given = InputRequired() if required else Optional()
    return kind(label, [given, longest], description=hint, render_kw=rows)


def link_field(label: str, hint: str = "") -> Any:
    """The field of a web address; whether it is one is checked in one place, by the use-case."""
    return StringField(
        label,
        [Optional(), Length(max=LONGEST_LINK)],
        description=hint,
        render_kw={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"},
    )


class ContentForm(DeskForm):
    """A thing with a title, topics, and texts in several languages.

    `revision` is the one that the form was opened at. `written_in` is asked only once.
    """

    texts: Sequence[str] = ("title",)

    revision = HiddenField(default="0")
    written_in = SelectField(N_("Language of this text"), [Optional()], choices={})
    title = text_field("title", required=True)
    topics = Ticks(
        N_("Topics"),
        choices={},
        description=N_("Readers of any of these get it. None ticked: everybody does."),
    )
    project = SelectField(N_("Project"), [Optional()], choices={}, default="")

    def offer(self, options: Options) -> None:
        """Fill in what can be chosen."""
        self.written_in.choices = {
            code: get_language(code).endonym for code in options.content_languages
        }
        self.topics.choices = options.topics
        self.project.choices = {"": "–", **options.projects}

    @property
    def seen_revision(self) -> int:
        said = str(self.revision.data)
        return int(said) if said.isdecimal() else 0

    @property
    def project_id(self) -> int | None:
        return int(self.project.data) if self.project.data else None

    def translations(self) -> list[tuple[str, Any]]:
        """The part of each other language, by its code."""
        prefix = "text_"
        return [
            (name.removeprefix(prefix), field)
            for name, field in self._fields.items()
            if name.startswith(prefix)
        ]

    def read_wordings(self, source_lang: str) -> Wordings:
        """All texts as they were typed."""
        by_lang = {source_lang: Wording({name: self[name].data or "" for name in self.texts})}
        for lang, part in self.translations():
            by_lang[lang] = part.form.read(self.texts)
        return Wordings(source_lang, by_lang)

    def put_mistake(self, error: Invalid) -> None:
        """Show a use-case's sentence beside the field it names, be it one of a translation."""
        lang, _, name = error.field.rpartition("-")
        part = dict(self.translations()).get(lang)
        if part is not None and name in part.form:
            show_mistake(part.form, Invalid(name, str(error)))
        else:
            show_mistake(self, error)


class TranslationForm(DeskForm):
    """The texts in one language that is not the source."""

    state = RadioField(N_("State"), choices=STATES, default=TextState.DRAFT.value)
    is_checked = BooleanField(N_("The original has changed. This text still fits it."))

    def read(self, names: Sequence[str]) -> Wording:
        return Wording(
            fields={name: self[name].data or "" for name in names},
            state=TextState(self.state.data),
            is_checked=self.is_checked.data,
        )


def with_translations(form: type[ContentForm], langs: Sequence[str]) -> type[Any]:
    """`form` with a part for each of the other languages."""
    texts = {name: text_field(name) for name in form.texts}
    part = type("PartForm", (TranslationForm,), texts)
    parts: dict[str, Any] = {
        f"text_{lang}": FormField(part, get_language(lang).endonym) for lang in langs
    }
    return type(form.__name__, (form,), parts)


@dataclass(frozen=True, slots=True)
class Written:
    """What a thing says so far: `fields` for the form, and which languages are out of date."""

    source_lang: str
    fields: dict[str, Any]
    outdated: frozenset[str] = frozenset()


def load_written(session: Session, key: ItemKey, names: Sequence[str]) -> Written:
    """The texts of a saved thing, as the fields of its form."""
    texts = load_texts(session, key.kind, [key.id]).get(key.id, {})
    title = texts.get("title", Texts(get_fallback(session)))
    source = title.source_lang
    fields: dict[str, Any] = {name: _text_in(texts, name, source) for name in names}
    outdated: set[str] = set()
    for lang in list_content_languages(session):
        if lang != source:
            found = [one for name in names if (one := _find(texts, name, lang))]
            is_checked = found and all(one.state is TextState.REVIEWED for one in found)
            fields[f"text_{lang}"] = {
                **{name: _text_in(texts, name, lang) for name in names},
                "state": TextState.REVIEWED.value if is_checked else TextState.DRAFT.value,
            }
            if any(one.outdated for one in found):
                outdated.add(lang)
    return Written(source, fields, frozenset(outdated))


def _find(texts: Mapping[str, Texts], name: str, lang: str) -> Any:
    return texts[name].by_lang.get(lang) if name in texts else None


def _text_in(texts: Mapping[str, Texts], name: str, lang: str) -> str:
    found = _find(texts, name, lang)
    return found.text if found else ""
