"""The form of an event: its sessions one below the other, simple things first."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import HiddenField
from wtforms.validators import Length, NumberRange, Optional

from mailer.domain.announcement import LONGEST_TEXT, Announcement, read_announcement
from mailer.domain.content import Attendance, Registration, Spoken, SpokenRole, Status
from mailer.domain.errors import Invalid
from mailer.message.vocabulary import N_
from mailer.storage.events import Event, EventSession
from mailer.usecases.events import MOST_PEOPLE, MOST_SESSIONS, EventEdit, SessionEdit
from mailer.usecases.venues import LONGEST_NAME, VenueEdit
from mailer.web.admin.content_forms import ContentForm, Options, Ticks, link_field, text_field
from mailer.web.admin.when_form import WhenForm, fields_of

ATTENDANCES = {
    Attendance.IN_PERSON.value: N_("At a place"),
    Attendance.ONLINE.value: N_("Online"),
    Attendance.HYBRID.value: N_("Both"),
}
REGISTRATIONS = {
    Registration.NONE.value: N_("Not needed"),
    Registration.RECOMMENDED.value: N_("Please register"),
    Registration.REQUIRED.value: N_("Required"),
    Registration.WAITLIST.value: N_("Full, with a waiting list"),
    Registration.FULL.value: N_("Full"),
    Registration.CLOSED.value: N_("Closed"),
}
SESSION_STATUSES = {
    Status.SCHEDULED.value: N_("Takes place"),
    Status.RESCHEDULED.value: N_("Was moved to this date"),
    Status.CANCELLED.value: N_("Cancelled"),
}
SPOKEN_LABELS = {
    SpokenRole.MAIN: N_("Spoken languages"),
    SpokenRole.INTERPRETATION: N_("Interpretation into"),
    SpokenRole.MATERIALS: N_("Printed materials in"),
    SpokenRole.ON_REQUEST: N_("If somebody asks"),
    SpokenRole.SIGN: N_("Sign language of"),
}


class SessionForm(WhenForm):
    """One sitting: when, where, in which languages."""

    id = HiddenField()
    venue = SelectField(N_("Place"), [Optional()], choices={}, default="")
    new_place = StringField(N_("Name of the new place"), [Optional(), Length(max=LONGEST_NAME)])
    new_street = StringField(N_("Street and number"), [Optional(), Length(max=200)])
    new_city = StringField(N_("Town"), [Optional(), Length(max=100)])
    room = StringField(N_("Room and floor"), [Optional(), Length(max=100)])
    status = SelectField(
        N_("This session"), choices=SESSION_STATUSES, default=Status.SCHEDULED.value
    )
    main = Ticks(SPOKEN_LABELS[SpokenRole.MAIN], choices={})
    interpretation = Ticks(SPOKEN_LABELS[SpokenRole.INTERPRETATION], choices={})
    materials = Ticks(SPOKEN_LABELS[SpokenRole.MATERIALS], choices={})
    on_request = Ticks(SPOKEN_LABELS[SpokenRole.ON_REQUEST], choices={})
    sign = Ticks(SPOKEN_LABELS[SpokenRole.SIGN], choices={})

    def offer(self, options: Options) -> None:
        """Fill in the places and languages that can be chosen."""
        self.venue.choices = {"": "–", **options.venues}
        for field in (self.main, self.interpretation, self.materials, self.on_request, self.sign):
            field.choices = options.spoken

    def edit(self, source_lang: str) -> SessionEdit:
        """The session as it was typed; a new place is named in the event's own language."""
        name = (self.new_place.data or "").strip()
        street, city = self.new_street.data or "", self.new_city.data or ""
        return SessionEdit(
            when=self.when,
            venue_id=int(self.venue.data) if self.venue.data else None,
            new_venue=VenueEdit(name, street, city=city, source_lang=source_lang) if name else None,
            room=self.room.data or "",
            spoken=tuple(self._spoken()),
            status=Status(self.status.data),
            id=int(row) if (row := self.id.data or "").isdecimal() else None,
        )

    def _spoken(self) -> Iterator[Spoken]:
        for role in SpokenRole:
            yield from (Spoken(lang, role) for lang in self[role.value].data or ())


class EventForm(ContentForm):
    """An event. `pasted` is an announcement to fill the form from."""

    texts = ("title", "summary", "body")

    pasted = TextAreaField(
        N_("Announcement"), [Optional(), Length(max=LONGEST_TEXT)], render_kw={"rows": 6}
    )
    sessions = FieldList(FormField(SessionForm), min_entries=1, max_entries=MOST_SESSIONS)
    summary = text_field("summary")
    body = text_field("body")
    attendance = RadioField(
        N_("How people take part"), choices=ATTENDANCES, default=Attendance.IN_PERSON.value
    )
    online_url = link_field(N_("Link to join online"))
    registration = SelectField(
        N_("Registration"), choices=REGISTRATIONS, default=Registration.NONE.value
    )
    registration_url = link_field(N_("Link or e-mail to register"))
    capacity = IntegerField(N_("How many people fit in"), [Optional(), NumberRange(1, MOST_PEOPLE)])
    contact = StringField(
        N_("Who to ask"),
        [Optional(), Length(max=200)],
        description=N_("A name and an e-mail address or a phone number."),
    )
    is_free = BooleanField(N_("Free of charge"), default=True)
    has_refreshments = BooleanField(N_("With refreshments"))
    is_tentative = BooleanField(N_("Not certain yet"))

    def offer(self, options: Options) -> None:
        super().offer(options)
        self._options = options
        for entry in self.sessions:
            entry.form.offer(options)

    def add_session(self) -> None:
        """One more, at the end, with the place and the languages of the one above."""
        if len(self.sessions) >= MOST_SESSIONS:
            return
        above = self.sessions[-1].form
        kept = {name: above[name].data for name in ("venue", "room", *SpokenRole)}
        self.sessions.append_entry(kept)
        self.sessions[-1].form.offer(self._options)

    def remove_session(self, place: int) -> None:
        """Take one out; the last one stays."""
        if len(self.sessions) > 1 and 0 <= place < len(self.sessions):
            self.sessions.entries.pop(place)

    def fill_from_pasted(self, today: date) -> Announcement:
        """Put what the announcement says into fields that are empty; what was read, to show it."""
        announcement = read_announcement(self.pasted.data or "", today)
        self.title.data = self.title.data or announcement.title
        self.body.data = self.body.data or announcement.rest
        empty = [one for one in self.sessions if not (one.form.day.data or one.form.year.data)]
        for place, reading in enumerate(announcement.readings):
            if place >= len(empty):
                self.add_session()
                empty.append(self.sessions[-1])
            empty[place].form.fill(reading.when)
        return announcement

    def edit(self, source_lang: str) -> EventEdit:
        """The event as it was typed."""
        return EventEdit(
            wordings=self.read_wordings(source_lang),
            sessions=[entry.form.edit(source_lang) for entry in self.sessions],
            attendance=Attendance(self.attendance.data),
            online_url=self.online_url.data or "",
            registration=Registration(self.registration.data),
            registration_url=self.registration_url.data or "",
            is_free=self.is_free.data,
            has_refreshments=self.has_refreshments.data,
            is_tentative=self.is_tentative.data,
            capacity=self.capacity.data,
            contact=self.contact.data or "",
            topics=tuple(self.topics.data or ()),
            project_id=self.project_id,
        )

    def put_mistake(self, error: Invalid) -> None:
        name, _, place = error.field.rpartition("-")
        if name == "sessions" and place.isdecimal() and int(place) < len(self.sessions):
            self.sessions[int(place)].form.put_mistake(str(error))
            self.sessions.errors = [entry.form.errors for entry in self.sessions]
            return
        super().put_mistake(error)


def event_fields(event: Event) -> dict[str, Any]:
    """What the form's fields are for a saved event, texts apart."""
    return {
        "revision": str(event.revision),
        "sessions": [session_fields(row) for row in event.sessions],
        "attendance": event.attendance.value,
        "online_url": event.online_url,
        "registration": event.registration.value,
        "registration_url": event.registration_url,
        "is_free": event.is_free,
        "has_refreshments": event.has_refreshments,
        "is_tentative": event.status is Status.TENTATIVE,
        "capacity": event.capacity,
        "contact": event.contact,
        "topics": list(event.topics),
        "project": str(event.project_id or ""),
    }


def session_fields(row: EventSession) -> dict[str, Any]:
    """Likewise for one of its sessions."""
    spoken: dict[str, list[str]] = {role.value: [] for role in SpokenRole}
    for one in row.spoken:
        spoken[one.role.value].append(one.lang)
    return {
        "id": str(row.id),
        "venue": str(row.venue_id or ""),
        "room": row.room,
        "status": row.status.value,
        **fields_of(row.when),
        **spoken,
    }
