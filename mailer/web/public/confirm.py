"""The link in the confirmation mail. Looking at it changes nothing, since mail scanners look at
every link; its one button does."""

from datetime import datetime

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.domain.consent import SubscriberState
from mailer.domain.schedule import next_occurrence
from mailer.message.links import Purpose, TimedLink
from mailer.storage.plans import list_active_plans
from mailer.storage.subscribers import Subscriber
from mailer.usecases import subscriptions
from mailer.usecases.plans import get_timetable
from mailer.web.parts import now, parts, session
from mailer.web.public.choices import list_topic_choices
from mailer.web.public.guard import hide, refuse_other_sites, trace
from mailer.web.public.issues import list_issues
from mailer.web.public.language import speak

blueprint = Blueprint("confirm", __name__)
hide(blueprint)


@blueprint.get("/c/<token>")
def show(token: str) -> str:
    """The button; or, once it was pressed, the welcome."""
    subscriber = subscriptions.find_confirming(session(), _read(token))
    speak(subscriber.language)
    if subscriber.state is SubscriberState.CONFIRMED:
        return _welcome(subscriber)
    return render_template(
        "public/confirm.html",
        masked=mask(subscriber.address),
        subscriber=subscriber,
        topics=list_topic_choices(session()),
    )


@blueprint.post("/c/<token>")
def press(token: str) -> Response:
    refuse_other_sites()
    link = _read(token)
    speak(subscriptions.find_confirming(session(), link).language)
    subscriptions.confirm(session(), link, trace=trace("confirmation link"), now=now())
    return redirect(url_for(".show", token=token), 303)


def _read(token: str) -> TimedLink:
    return parts().links.read(Purpose.CONFIRM, token, now())


def _welcome(subscriber: Subscriber) -> str:
    return render_template(
        "public/confirmed.html",
        first_at=_find_first_issue(subscriber),
        issues=list_issues(session(), limit=1),
        preferences=parts().links.preferences_token(subscriber.public_id),
    )


def _find_first_issue(subscriber: Subscriber) -> datetime | None:
    """When the next digest of the chosen rhythm leaves, if there is one."""
    moments = (
        next_occurrence(get_timetable(plan), now())
        for plan in list_active_plans(session())
        if plan.cadence is subscriber.cadence
    )
    return min(moments, default=None)
