"""What an administrator sets for the whole service: who sends, in which languages, and when the
digests come round. Operators' settings are in the configuration file and never here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta

from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.consent import Cadence
from mailer.domain.errors import Invalid, InvalidAddress
from mailer.domain.schedule import Timetable, period_key, previous_occurrence
from mailer.i18n import INTERFACE, KNOWN
from mailer.message.sanitise import is_web_address
from mailer.message.vocabulary import N_
from mailer.storage import audit, languages
from mailer.storage.languages import Language
from mailer.storage.plans import Plan, get_plan
from mailer.storage.settings import save_association
from mailer.usecases.addresses import read_address
from mailer.usecases.plans import get_timetable

LONGEST_LINE, LONGEST_TEXT = 200, 1000

_NO_NAME = N_("Type the name that readers know you by.")
_TOO_LONG = N_("This is too long.")
_NO_WEBSITE = N_("Type the whole web address, such as https://example.org.")
_UNKNOWN_LANGUAGE = N_("Choose one of the languages in the list.")
_NO_CONTENT = N_("At least one language must stay for texts.")
_NO_INTERFACE = N_("At least one language must stay for pages.")
_NO_PLAN_NAME = N_("Give the digest a name.")


@dataclass(frozen=True, slots=True)
class LanguageUse:
    """What one language is used for; their order is the order everywhere."""

    code: str
    for_content: bool
    for_interface: bool


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """When a digest comes round. `at` is the time of day where the plan lives."""

    name: str
    cadence: Cadence
    weekday: int
    at: time
    draft_lead_hours: int
    is_automatic: bool
    is_active: bool


def change_association(session: Session, association: Association, who: str, now: datetime) -> None:
    """Keep who sends: it stands in the footer of every mail and page from now on.

    Raises Invalid with the field of `Association` that cannot be used.
    """
    tidy = association.tidied()
    if not tidy.name:
        raise Invalid("name", _NO_NAME)
    for key, value in asdict(tidy).items():
        if len(value) > (LONGEST_TEXT if key == "about" else LONGEST_LINE):
            raise Invalid(key, _TOO_LONG)
    save_association(session, replace(tidy, **_read_contacts(tidy)), now)
    audit.record(session, who, "association changed", now, thing="settings")


def list_languages(session: Session) -> list[LanguageUse]:
    """All languages there are rows for, in their order."""
    rows = languages.list_languages(session)
    return [LanguageUse(row.code, row.for_content, row.for_interface) for row in rows]


def change_languages(
    session: Session, wanted: Sequence[LanguageUse], who: str, now: datetime
) -> None:
    """Use the languages as `wanted`, in that order; the first one for content is the fallback.

    A language used for nothing stays in the list, so that texts written in it are not lost.
    """
    if any(use.code not in KNOWN for use in wanted):
        raise Invalid("code", _UNKNOWN_LANGUAGE)
    if not any(use.for_content for use in wanted):
        raise Invalid("for_content", _NO_CONTENT)
    spoken = [use for use in wanted if use.for_interface and use.code in INTERFACE]
    if not spoken:
        raise Invalid("for_interface", _NO_INTERFACE)
    for position, use in enumerate(wanted):
        row = session.get(Language, use.code) or Language(code=use.code)
        row.position, row.for_content, row.for_interface = position, use.for_content, use in spoken
        session.add(row)
    session.flush()
    order = " ".join(use.code for use in wanted)
    audit.record(session, who, "languages changed", now, thing="settings", order=order)


def change_plan(session: Session, slug: str, edit: PlanEdit, who: str, now: datetime) -> Plan:
    """Change when a digest comes round. Issues whose new time has already passed are not made."""
    plan = get_plan(session, slug)
    name = edit.name.strip()
    if not name:
        raise Invalid("name", _NO_PLAN_NAME)
    timetable = _check(edit, plan)
    plan.name, plan.cadence, plan.weekday, plan.at = name, edit.cadence, edit.weekday, edit.at
    plan.draft_lead_hours = edit.draft_lead_hours
    plan.is_automatic, plan.is_active = edit.is_automatic, edit.is_active
    passed = period_key(timetable, previous_occurrence(timetable, now))
    plan.last_period = max(plan.last_period, passed)
    audit.record(session, who, "plan changed", now, thing="plan", thing_id=plan.id)
    return plan


def _check(edit: PlanEdit, plan: Plan) -> Timetable:
    """The rhythm as wanted; Invalid names the field that makes none."""
    try:
        return replace(
            get_timetable(plan),
            cadence=edit.cadence,
            weekday=edit.weekday,
            at=edit.at,
            draft_lead=timedelta(hours=edit.draft_lead_hours),
        )
    except Invalid as error:
        field = "draft_lead_hours" if error.field == "draft_lead" else error.field
        raise Invalid(field, str(error)) from None


def _read_contacts(association: Association) -> dict[str, str]:
    contacts = {}
    if association.contact_email:
        try:
            contacts["contact_email"] = read_address(association.contact_email).mailbox
        except InvalidAddress as error:
            raise Invalid("contact_email", str(error)) from None
    if association.website and not is_web_address(association.website):
        raise Invalid("website", _NO_WEBSITE)
    return contacts
