"""A subscriber's own page, opened by the link in every letter. What could hurt somebody whose
letter was forwarded (their data, erasing it) needs a link that is mailed just for that."""

from collections.abc import Callable

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.domain.consent import SubscriberState
from mailer.domain.errors import BadLink, Invalid
from mailer.storage.subscribers import Subscriber, find_by_public_id
from mailer.usecases import address_changes, personal_data, preferences
from mailer.usecases.addresses import read_address
from mailer.web.parts import now, parts, session, words
from mailer.web.public.choices import list_languages, list_topic_choices
from mailer.web.public.forms import (
    AddressForm,
    PauseForm,
    PreferencesForm,
    Typed,
    as_typed,
    blame,
)
from mailer.web.public.guard import hide, refuse_other_sites, trace
from mailer.web.public.language import speak

SOURCE = "preferences link"

blueprint = Blueprint("preferences", __name__)
hide(blueprint)


@blueprint.get("/p/<token>")
def show(token: str) -> str:
    return _show(_open(token))


@blueprint.post("/p/<token>")
def act(token: str) -> Response | tuple[str, int]:
    """One of the page's forms; the name of its button says which."""
    refuse_other_sites()
    subscriber = _open(token)
    action = _ACTIONS.get(request.form.get("action", ""))
    if action is None:
        abort(400)
    try:
        done = action(subscriber)
    except Invalid as error:
        return _show(subscriber, error), 422
    return redirect(url_for(".show", token=token, done=done), 303)


def _open(token: str) -> Subscriber:
    link = parts().links.read_preferences(token)
    subscriber = find_by_public_id(session(), link.subscriber)
    if subscriber is None:
        raise BadLink
    speak(subscriber.language)
    return subscriber


def _show(subscriber: Subscriber, error: Invalid | None = None) -> str:
    """The page, with what was typed into the form that was sent, and its mistake."""
    sent = request.form.get("action", "") if error else ""
    wishes = PreferencesForm(request.form if sent == "save" else _stored(subscriber))
    pause = PauseForm(request.form if sent == "pause" else None)
    address = AddressForm(request.form if sent == "address" else None)
    if error:
        blame({"save": wishes, "pause": pause, "address": address}[sent], error)
    paused_until = subscriber.paused_until
    return render_template(
        "public/preferences.html",
        form=wishes,
        pause=pause,
        address=address,
        masked=mask(subscriber.address),
        is_confirmed=subscriber.state is SubscriberState.CONFIRMED,
        paused_until=paused_until if paused_until and paused_until > now() else None,
        languages=list_languages(session()),
        topics=list_topic_choices(session()),
        unsubscribe=parts().links.unsubscribe_token(subscriber.public_id),
        done=request.args.get("done", ""),
    )


def _stored(subscriber: Subscriber) -> Typed:
    places = ("languages", "language_2", "language_3", "language_4")
    return as_typed(
        {
            "topics": subscriber.topics,
            "cadence": [subscriber.cadence],
            **{
                place: [code]
                for place, code in zip(places, subscriber.content_languages, strict=False)
            },
        }
    )


def _save(subscriber: Subscriber) -> str:
    wishes = PreferencesForm(request.form).get_wishes()
    preferences.change(session(), subscriber, wishes, trace=trace(SOURCE), now=now())
    return "saved"


def _pause(subscriber: Subscriber) -> str:
    until = PauseForm(request.form).get_moment()
    preferences.pause(session(), subscriber, until, trace=trace(SOURCE), now=now())
    return "paused"


def _pause_a_month(subscriber: Subscriber) -> str:
    until = now() + preferences.SHORT_PAUSE
    preferences.pause(session(), subscriber, until, trace=trace(SOURCE), now=now())
    return "paused"


def _resume(subscriber: Subscriber) -> str:
    preferences.resume(session(), subscriber, trace=trace(SOURCE), now=now())
    return "resumed"


def _move(subscriber: Subscriber) -> str:
    address = read_address(AddressForm(request.form).email.data or "")
    key = parts().address_key(address.key_text)
    address_changes.ask(session(), subscriber, address, key, trace=trace(SOURCE), now=now())
    return "asked"


def _mail_data_link(subscriber: Subscriber) -> str:
    personal_data.send_link(session(), subscriber, language=words().lang, now=now())
    return "mailed"


_ACTIONS: dict[str, Callable[[Subscriber], str]] = {
    "save": _save,
    "pause": _pause,
    "pause_a_month": _pause_a_month,
    "resume": _resume,
    "address": _move,
    "data": _mail_data_link,
}
