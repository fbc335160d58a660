"""Places where things happen: added once, chosen from a list after that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid, NotFound
from mailer.domain.spelling import fold, tidy
from mailer.domain.texts import TextState
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.texts import save_text
from mailer.storage.venues import Venue, load_venues
from mailer.usecases.editing import one_line

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class VenueEdit:
    """`name` is in the source language; `names` holds the other ones by language."""

    name: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    district: str = ""
    access_note: str = ""
    source_lang: str = "en"
    names: Mapping[str, str] | None = None


def get_venue(session: Session, venue_id: int) -> Venue:
    venue = session.get(Venue, venue_id)
    if venue is None:
        raise NotFound("place", venue_id)
    return venue


def create(session: Session, edit: VenueEdit, *, who: str, now: datetime) -> Venue:
    """A new place; the known one when its name and street say that it is the same."""
    _check(edit)
    for venue_id, known in load_venues(session).items():
        same_name = fold(known.name.source()) == fold(edit.name)
        if same_name and fold(known.street) in ("", fold(edit.street)):
            return get_venue(session, venue_id)
    venue = Venue()
    session.add(venue)
    _fill(session, venue, edit, now)
    audit.record(session, who, "place added", now, thing="venue", thing_id=venue.id)
    return venue


def change(session: Session, venue_id: int, edit: VenueEdit, *, who: str, now: datetime) -> Venue:
    """Correct a place, for every event that is held there."""
    venue = get_venue(session, venue_id)
    _check(edit)
    _fill(session, venue, edit, now)
    audit.record(session, who, "place changed", now, thing="venue", thing_id=venue.id)
    return venue


def _check(edit: VenueEdit) -> None:
    if not one_line("name", edit.name, LONGEST_NAME):
        raise Invalid("name", N_("Give the place a name."))


def _fill(session: Session, venue: Venue, edit: VenueEdit, now: datetime) -> None:
    venue.street = one_line("street", edit.street, 200)
    venue.postcode = one_line("postcode", edit.postcode, 20)
    venue.city = one_line("city", edit.city, 100)
    venue.district = one_line("district", edit.district, 100)
    venue.access_note = one_line("access_note", edit.access_note, 500)
    session.flush()
    source, name = TextState.SOURCE, tidy(edit.name)
    save_text(session, "venue", venue.id, "name", edit.source_lang, name, source, now)
    for lang, translated in (edit.names or {}).items():
        if lang != edit.source_lang:
            text = one_line(f"{lang}-name", translated, LONGEST_NAME)
            save_text(session, "venue", venue.id, "name", lang, text, TextState.REVIEWED, now)
