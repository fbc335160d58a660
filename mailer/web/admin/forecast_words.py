"""What a forecast and the limits in force say, in the language of the page."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from babel.numbers import format_decimal

from mailer.domain.forecast import Forecast
from mailer.domain.rate import Rate, Unit
from mailer.domain.throttle import ANY_DOMAIN
from mailer.i18n import get_locale
from mailer.message.vocabulary import N_
from mailer.usecases.checks import Mend, Row, Verdict
from mailer.usecases.forecasts import Force, Outlook
from mailer.web.admin.newsletter_words import how_long
from mailer.web.parts import _, words
from mailer.web.templating import say_moment

SOON = timedelta(minutes=2)
"""Nearer than that there is nothing to plan: a length of time says more than a moment."""

RATES: Mapping[Unit, str] = {
    Unit.SECOND: N_("%(number)s per second"),
    Unit.MINUTE: N_("%(number)s per minute"),
    Unit.HOUR: N_("%(number)s per hour"),
    Unit.DAY: N_("%(number)s per day"),
}

ENDS: Mapping[Unit, str] = {
    Unit.SECOND: N_(
        "At your %(number)s per second the last mail leaves on %(moment)s, Prague time."
    ),
    Unit.MINUTE: N_(
        "At your %(number)s per minute the last mail leaves on %(moment)s, Prague time."
    ),
    Unit.HOUR: N_("At your %(number)s per hour the last mail leaves on %(moment)s, Prague time."),
    Unit.DAY: N_("At your %(number)s per day the last mail leaves on %(moment)s, Prague time."),
}


def say_number(number: int) -> str:
    """With its thousands apart."""
    return str(format_decimal(number, locale=get_locale(words().lang)))


def say_rate(rate: Rate) -> str:
    """“30 per minute”."""
    return _(RATES[rate.unit], number=say_number(rate.number))


def say_end(forecast: Forecast | None, now: datetime) -> str:
    """When the last mail leaves, and what decides that; empty when nobody can tell."""
    if forecast is None:
        return ""
    hold, left = forecast.hold, forecast.ends_at - now
    if not hold.rate and not hold.is_warm_up:
        return _(
            "About %(time)s to go, at the pace of the last minutes.",
            time=how_long(left, words().lang),
        )
    if left < SOON:
        return _("About %(time)s to go.", time=how_long(left, words().lang))
    return _say_limit(forecast)


def _say_limit(forecast: Forecast) -> str:
    hold, moment = forecast.hold, say_moment(forecast.ends_at)
    if not hold.rate:
        return _(
            "By your warm-up plan the last mail leaves on %(moment)s, Prague time.",
            moment=moment,
        )
    if hold.domain:
        return _(
            "At your limit for %(domain)s (%(rate)s) the last mail leaves on %(moment)s, "
            "Prague time.",
            domain=hold.domain,
            rate=say_rate(hold.rate),
            moment=moment,
        )
    return _(ENDS[hold.rate.unit], number=say_number(hold.rate.number), moment=moment)


def say_used_up(force: Force, now: datetime) -> str:
    """That a limit is used up, if somebody might wonder why nothing leaves."""
    if force.opens_at is None or force.opens_at - now < SOON:
        return ""
    return _(
        "A limit is used up for now. Sending goes on by itself on %(moment)s, Prague time.",
        moment=say_moment(force.opens_at),
    )


def list_limits(force: Force) -> list[str]:
    """The limits of the provider that are in force, a phrase each."""
    return [say_rate(rate) for rate in force.rates] + [
        _(
            "day %(day)s of the warm-up: %(number)s today",
            day=force.day,
            number=say_number(rate.number),
        )
        for rate in (force.warm_up,)
        if rate
    ]


def list_domains(force: Force) -> Iterator[tuple[str, str]]:
    """The recipients' domains with a limit, and which; an empty name is every other one."""
    for domain, rate in force.domains.items():
        yield "" if domain == ANY_DOMAIN else domain, say_rate(rate)


def list_rows(outlook: Outlook, begins_at: datetime) -> list[Row]:
    """What the check page says about a draft that limits will hold back."""
    forecast = outlook.forecast
    if forecast is None or forecast.ends_at - begins_at < SOON:
        return []
    if forecast.left_over:
        message = N_(
            "By your limits it is too old before all mail has left. Left over: %(number)d."
        )
        return [Row(Verdict.WARNS, message, values={"number": forecast.left_over})]
    values = {"moment": say_moment(forecast.ends_at), "number": outlook.late}
    if outlook.late:
        message = N_(
            "By your limits the last mail leaves on %(moment)s, Prague time. Readers who get it "
            "after something in it is over: %(number)d."
        )
        return [Row(Verdict.WARNS, message, values=values, mend=Mend.MOMENT)]
    return [
        Row(
            Verdict.GOOD,
            N_("By your limits the last mail leaves on %(moment)s, Prague time."),
            values=values,
        )
    ]
