"""When a newsletter will have left: what its progress page foretells, and what the check warns of
before it is sent. Reads only, but for the samples of its pace that the worker leaves behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain import throttle
from mailer.domain.delivery import Account
from mailer.domain.forecast import Backlog, Forecast, count_late, foresee
from mailer.domain.newsletter import NewsletterState, last_departure
from mailer.domain.progress import RATE_WINDOW, STATES, Group, Sample, measure_pace
from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import Limits, Meter, read_limits
from mailer.domain.urgency import find_urgent_until
from mailer.sections.mail import Throttle
from mailer.storage import accounts, forecasts, throttles
from mailer.storage.newsletters import Newsletter, list_newsletters
from mailer.usecases.checks import Check


@dataclass(frozen=True, slots=True)
class Force:
    """The limits in force. `warm_up` is what may leave today, its `day` counted from 1; None when
    there is none. `opens_at`: when the next mail may leave, if none may now."""

    rates: tuple[Rate, ...]
    warm_up: Rate | None
    day: int
    domains: Mapping[str, Rate]
    opens_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """`forecast` is None when nothing is due or nobody can tell. `late`: how many readers get
    their letter after something in it is over."""

    force: Force
    forecast: Forecast | None = None
    late: int = 0


def get_limits(section: Throttle, provider: str) -> Limits:
    """The limits as the operator configured them for a provider."""
    rates = {
        Unit.SECOND: section.per_second,
        Unit.MINUTE: section.per_minute,
        Unit.HOUR: section.per_hour,
        Unit.DAY: section.per_day,
    }
    return read_limits(provider, rates, section.warm_up, section.domains)


def note_pace(session: Session, now: datetime) -> None:
    """Leave samples of how far each newsletter is, for whoever wants to know the pace; and forget
    those that are too old, and the domains that nothing is sent to. Called every ten seconds."""
    forecasts.drop_samples(session, now - RATE_WINDOW)
    forecasts.add_samples(session, now)
    throttles.forget_idle(session, now)


def look_ahead(
    session: Session, newsletter: Newsletter, account: Account, limits: Limits, now: datetime
) -> Outlook:
    """How it goes on with a newsletter that is on its way, by what is due; what was put off by
    the other side comes when it comes."""
    meter = throttles.find_meter(session, limits)
    force = _find_force(limits, meter, now)
    if newsletter.state != NewsletterState.SENDING:
        return Outlook(force)
    standing = {newsletter.id: account, **_list_others(session, newsletter)}
    ahead = sum(_count_due(found) for number, found in standing.items() if number < newsletter.id)
    backlog = Backlog(
        ahead + _count_due(account),
        forecasts.estimate_domains(session, newsletter.id, now) if limits.domains else {},
        last_departure(newsletter.expires_at, newsletter.started_at or now),
    )
    pace = _find_pace(session, standing, limits, now)
    forecast = foresee(backlog, limits, meter, pace, now)
    return _judge(force, forecast, forecasts.count_urgent(session, newsletter), ahead)


def look_at_draft(
    session: Session, newsletter: Newsletter, check: Check, limits: Limits, begins_at: datetime
) -> Outlook:
    """How it would go with a draft that was looked at, by the limits alone."""
    meter = throttles.find_meter(session, limits)
    force = _find_force(limits, meter, begins_at)
    if not (limits.hold_provider or limits.domains):
        return Outlook(force)
    backlog = Backlog(
        check.audience,
        forecasts.estimate_readers(session, newsletter, begins_at) if limits.domains else {},
        last_departure(newsletter.expires_at, begins_at),
    )
    forecast = foresee(backlog, limits, meter, None, begins_at)
    return _judge(force, forecast, _list_urgent(check, begins_at, backlog.until), 0)


def _list_urgent(check: Check, begins_at: datetime, until: datetime) -> list[tuple[datetime, int]]:
    """When something in the letter for each language is over, and how many readers get it."""
    moments = (
        (find_urgent_until(letter.digest.cards(), begins_at, until), check.readers[lang])
        for lang, letter in check.letters.items()
        if letter.digest
    )
    return sorted((over_at, number) for over_at, number in moments if over_at)


def _find_force(limits: Limits, meter: Meter, now: datetime) -> Force:
    opens_at = throttle.find_opening(limits, meter, now)
    return Force(
        limits.rates,
        throttle.find_warm_up(limits, meter, now),
        throttle.count_days(limits.warm_up, meter, now) + 1,
        limits.domains,
        opens_at if opens_at > now else None,
    )


def _judge(
    force: Force,
    forecast: Forecast | None,
    urgent: Sequence[tuple[datetime, int]],
    ahead: int,
) -> Outlook:
    return Outlook(force, forecast, count_late(urgent, forecast, ahead) if forecast else 0)


def _list_others(session: Session, newsletter: Newsletter) -> dict[int, Account]:
    """How the other newsletters stand that are being sent: the older ones go first."""
    sending = list_newsletters(session, NewsletterState.SENDING)
    others = [found for found in sending if found.id != newsletter.id]
    return accounts.get_accounts(session, others) if others else {}


def _count_due(account: Account) -> int:
    return account.count(*STATES[Group.WAITING])


def _sample(account: Account, now: datetime) -> Sample:
    return Sample(now, account.audience - account.open)


def _find_pace(
    session: Session, standing: Mapping[int, Account], limits: Limits, now: datetime
) -> float | None:
    """Mails per second in the last minutes, of all newsletters together."""
    samples = forecasts.list_samples(session, standing.keys(), now - RATE_WINDOW)
    paces = [
        measure_pace(
            [*found, _sample(standing[newsletter_id], now)],
            is_held_back=bool(limits.hold_provider or limits.domains),
        )
        for newsletter_id, found in samples.items()
    ]
    return sum(pace for pace in paces if pace) or None
