"""Subscribers on the desk: the list, one person, adding, leaving on request, export.

Addresses are masked on every page. Reading a whole one is a POST: it leaves a trace in the log,
and a GET never writes anything.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.domain.consent import SignUpStep, SubscriberState
from mailer.domain.errors import Invalid
from mailer.domain.permissions import Permission
from mailer.domain.progress import STATES as GROUPS_OF_STATES
from mailer.i18n import get_language
from mailer.storage.consents import list_consents
from mailer.storage.db import Sessions
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.subscribers import (
    Filter,
    Subscriber,
    count_subscribers,
    get_subscriber,
    list_sources,
    list_subscribers,
)
from mailer.storage.topics import list_topics
from mailer.usecases import subscribers
from mailer.usecases.addresses import read_address
from mailer.usecases.subscriber_export import note_export, write_csv
from mailer.web.admin.newsletter_words import GROUPS, REPORTED
from mailer.web.admin.subscriber_forms import AddForm, EraseForm, LeaveForm
from mailer.web.admin.subscriber_words import (
    CADENCES,
    MAILS,
    STATES,
    STEPS,
    say_consent,
    say_place,
)
from mailer.web.auth import requires, who
from mailer.web.converters import read_row_number
from mailer.web.forms import show_mistake
from mailer.web.parts import _, now, parts, session, words

blueprint = Blueprint("subscribers", __name__)

Page = Response | str | tuple[str, int]

PER_PAGE = 50
LONGEST_SEARCH = 254
BYTE_ORDER_MARK = "\ufeff"
"""Without it spreadsheet programs take UTF-8 for something else."""


@blueprint.get("/desk/subscribers")
@requires(Permission.PEOPLE)
def show_all() -> str:
    """A page of the list, narrowed to what was asked for."""
    wanted = _read_filter(request.args)
    after = request.args.get("after", 0, type=read_row_number)
    found = list_subscribers(session(), wanted, after=after, limit=PER_PAGE + 1)
    shown = found[:PER_PAGE]
    chosen: dict[str, Any] = _as_query(wanted)
    is_more = len(found) > PER_PAGE
    return render_template(
        "admin/subscribers/list.html",
        subscribers=shown,
        number=count_subscribers(session(), wanted),
        wanted=wanted,
        chosen=chosen,
        topics=_name_topics(),
        languages=list_content_languages(session()),
        sources={source: say_place(source) for source in list_sources(session())},
        next_url=url_for(".show_all", **chosen, after=shown[-1].id) if is_more else "",
        states=STATES,
        mask=mask,
        say_place=say_place,
    )


@blueprint.route("/desk/subscribers/new", methods=["GET", "POST"])
@requires(Permission.PEOPLE)
def add() -> Page:
    """Ask one person to confirm."""
    form = AddForm(request.form)
    form.offer(session(), words().lang)
    if request.method == "GET":
        form.propose(session())
        return render_template("admin/subscribers/new.html", form=form)
    if form.validate():
        try:
            address = read_address(str(form.email.data))
            added = subscribers.add(
                session(),
                address,
                parts().address_key(address.key_text),
                form.wishes,
                evidence=str(form.evidence.data),
                who=who(),
                now=now(),
            )
        except Invalid as error:
            show_mistake(form, error)
        else:
            is_asked = added.step is SignUpStep.CONFIRM
            flash(_(STEPS[added.step]), "message" if is_asked else "warning")
            return _go(added.subscriber_id)
    return render_template("admin/subscribers/new.html", form=form), 422


@blueprint.get("/desk/subscribers/<int:subscriber_id>")
@requires(Permission.PEOPLE)
def show(subscriber_id: int) -> str:
    """One person: what they get, what they agreed to, which mails went to them."""
    return _show(get_subscriber(session(), subscriber_id))


@blueprint.post("/desk/subscribers/<int:subscriber_id>/address")
@requires(Permission.PEOPLE)
def show_address(subscriber_id: int) -> str:
    """The same page with the whole address on it."""
    subscriber = subscribers.show_address(session(), subscriber_id, who(), now())
    return _show(subscriber, is_open=True)


@blueprint.post("/desk/subscribers/<int:subscriber_id>/unsubscribe")
@requires(Permission.PEOPLE)
def unsubscribe(subscriber_id: int) -> Page:
    """End the subscription because the person asked for it."""
    form = LeaveForm(request.form)
    if form.validate():
        try:
            subscribers.unsubscribe(
                session(), subscriber_id, str(form.evidence.data), who=who(), now=now()
            )
        except Invalid as error:
            show_mistake(form, error)
        else:
            flash(_("This person gets no more newsletters."))
            return _go(subscriber_id)
    return _show(get_subscriber(session(), subscriber_id), form), 422


@blueprint.post("/desk/subscribers/<int:subscriber_id>/erase")
@requires(Permission.PEOPLE)
def erase(subscriber_id: int) -> Page:
    """Erase the person because they asked for it."""
    form = EraseForm(request.form)
    if not form.validate():
        return _show(get_subscriber(session(), subscriber_id), erase=form), 422
    subscribers.erase(session(), subscriber_id, who=who(), now=now())
    flash(_("Everything about this person is erased."))
    return _go(None)


@blueprint.post("/desk/subscribers/export")
@requires(Permission.PEOPLE)
def export() -> Response:
    """The list as a file, narrowed as it was on the page."""
    wanted = _read_filter(request.form)
    note_export(session(), wanted, who(), now())
    # The request's own transaction is over before the first line leaves.
    response = Response(_stream(parts().reading, wanted), mimetype="text/csv")
    name = f"subscribers-{now():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _stream(reading: Sessions, wanted: Filter) -> Iterator[str]:
    yield BYTE_ORDER_MARK
    yield from write_csv(reading, wanted)


def _read_filter(values: Mapping[str, str]) -> Filter:
    """What a query or form asks for; what no subscriber can have is left out."""
    state = values.get("state", "")
    return Filter(
        search=values.get("search", "").strip()[:LONGEST_SEARCH],
        states=(state,) if state in set(SubscriberState) else (),
        language=_code(values.get("language", "")),
        topic=_code(values.get("topic", "")),
        source=values.get("source", "")[:LONGEST_SEARCH],
    )


def _code(text: str) -> str:
    return text if text.replace("-", "").isalnum() else ""


def _as_query(wanted: Filter) -> dict[str, str]:
    names = ("search", "state", "language", "topic", "source")
    return {name: value for name in names if (value := getattr(wanted, name))}


def _name_topics() -> dict[str, str]:
    fallback = get_fallback(session())
    return {
        topic.slug: names.pick((words().lang,), fallback).text or topic.slug
        for topic, names in list_topics(session())
    }


def _show(
    subscriber: Subscriber,
    leave: LeaveForm | None = None,
    erase: EraseForm | None = None,
    *,
    is_open: bool = False,
) -> str:
    topics = _name_topics()
    return render_template(
        "admin/subscribers/show.html",
        subscriber=subscriber,
        address=subscriber.address if is_open else mask(subscriber.address),
        is_open=is_open,
        may_leave=subscriber.state in (SubscriberState.CONFIRMED, SubscriberState.PENDING),
        languages=[get_language(code) for code in subscriber.content_languages],
        topics=[topics.get(slug, slug) for slug in subscriber.topics],
        consents=list_consents(session(), subscriber.id),
        mails=subscribers.list_mails(session(), subscriber.id),
        leave=leave or LeaveForm(),
        erase=erase or EraseForm(),
        **_words(),
    )


def _words() -> dict[str, Any]:
    groups = {
        state: GROUPS[group] for group, states in GROUPS_OF_STATES.items() for state in states
    }
    return {
        "states": STATES,
        "cadences": CADENCES,
        "say_consent": say_consent,
        "mail_words": MAILS,
        "reported": REPORTED,
        "groups": groups,
        "say_place": say_place,
    }


def _go(subscriber_id: int | None) -> Response:
    url = url_for(".show", subscriber_id=subscriber_id) if subscriber_id else url_for(".show_all")
    return redirect(url, HTTPStatus.SEE_OTHER)
