"""Leaving: a page with one button, and the one-click POST of mail programs (RFC 8058). No
sign-in, no question why, and no harm when a scanner looks at the link."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.errors import Invalid
from mailer.message.links import ReaderLink
from mailer.storage.subscribers import Subscriber, find_by_public_id
from mailer.usecases import preferences, subscriptions
from mailer.usecases.consents import Trace
from mailer.web.parts import _, now, parts, session
from mailer.web.public.choices import list_topic_choices
from mailer.web.public.guard import hide, refuse_other_sites, trace
from mailer.web.public.language import speak

ONE_CLICK = ("List-Unsubscribe", "One-Click")

blueprint = Blueprint("unsubscribe", __name__)
hide(blueprint)


@blueprint.get("/u/<token>")
def show(token: str) -> str:
    """The button, or that they have left. Someone erased has left as well."""
    subscriber = _find(parts().links.read_unsubscribe(token))
    if subscriber is None or subscriber.state is SubscriberState.UNSUBSCRIBED:
        may_undo = subscriber is not None and subscriptions.may_undo(subscriber, now())
        return render_template("public/left.html", token=token, may_undo=may_undo)
    return render_template(
        "public/unsubscribe.html",
        token=token,
        masked=mask(subscriber.address),
        subscriber=subscriber,
        is_weekly=subscriber.cadence is Cadence.WEEKLY,
        topics=[
            topic for topic in list_topic_choices(session()) if topic.slug in subscriber.topics
        ],
        preferences=parts().links.preferences_token(subscriber.public_id),
        done=request.args.get("done", ""),
    )


@blueprint.post("/u/<token>")
def act(token: str) -> Response:
    """What the body asks for: one click, or a button of the page. Anything else is refused."""
    link = parts().links.read_unsubscribe(token)
    subscriber = _find(link)
    name, value = ONE_CLICK
    if request.form.get(name) == value:
        if subscriber:
            _leave(subscriber, _trace("one click", link))
        return Response(_("You are unsubscribed."), mimetype="text/plain")
    refuse_other_sites()
    action = _ACTIONS.get(request.form.get("action", ""))
    if action is None:
        abort(400)
    done = action(subscriber, _trace("unsubscribe link", link)) if subscriber else ""
    return redirect(url_for(".show", token=token, done=done or None), 303)


def _find(link: ReaderLink) -> Subscriber | None:
    subscriber = find_by_public_id(session(), link.subscriber)
    if subscriber:
        speak(subscriber.language)
    return subscriber


def _trace(source: str, link: ReaderLink) -> Trace:
    return trace(source, evidence=f"delivery {link.delivery_id}" if link.delivery_id else "")


def _leave(subscriber: Subscriber, by: Trace) -> str:
    subscriptions.unsubscribe(session(), subscriber, trace=by, now=now())
    return ""


def _come_back(subscriber: Subscriber, by: Trace) -> str:
    subscriptions.undo(session(), subscriber, trace=by, now=now())
    return "back"


def _take_less(subscriber: Subscriber, by: Trace) -> str:
    """Another choice than leaving: the radio button says which."""
    wish, _colon, topic = request.form.get("less", "").partition(":")
    if wish == "monthly":
        preferences.take_monthly(session(), subscriber, trace=by, now=now())
    elif wish == "pause":
        until = now() + preferences.SHORT_PAUSE
        preferences.pause(session(), subscriber, until, trace=by, now=now())
    elif wish == "topic":
        _take_only(subscriber, topic, by)
    else:
        abort(400)
    return wish


def _take_only(subscriber: Subscriber, topic: str, by: Trace) -> None:
    try:
        preferences.take_only(session(), subscriber, topic, trace=by, now=now())
    except Invalid:
        abort(400)  # a topic that was on no button


_ACTIONS = {"leave": _leave, "undo": _come_back, "less": _take_less}
