"""While it is on its way: the minutes in which it can be stopped, how far it has come, and the
buttons to hold it, go on, give up, or try again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask import Response as FlaskResponse
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from mailer.domain.delivery import Account, DeliveryState
from mailer.domain.newsletter import NewsletterState, check_move
from mailer.domain.permissions import Permission
from mailer.domain.progress import RETRIED, group_counts, percent_done
from mailer.domain.throttle import Limits
from mailer.storage import accounts, audiences, audit
from mailer.storage.audit import AuditEntry
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.usecases import newsletters, sending
from mailer.usecases.forecasts import Outlook, get_limits, look_ahead
from mailer.usecases.outages import Outage, find_restore, find_silence, find_trouble
from mailer.web.admin.forecast_words import (
    list_domains,
    list_limits,
    say_end,
    say_number,
    say_used_up,
)
from mailer.web.admin.newsletter_words import GROUPS, LOOKS, STATES
from mailer.web.admin.newsletters import UNDER_WAY, go
from mailer.web.auth import requires, who
from mailer.web.parts import _, now, parts, session, words

blueprint = Blueprint("newsletter_sending", __name__)

AN_HOUR = 3600
POLL_SECONDS = {
    NewsletterState.SCHEDULED: 5,
    NewsletterState.PREPARING: 2,
    NewsletterState.SENDING: 3,
    NewsletterState.PAUSED: 15,
}
"""How often an open page asks how it stands."""

MANY = 100_000
POLL_SECONDS_OF_MANY = 15
"""Counting so many mails takes a moment itself."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a newsletter stands this moment, and how it will go on."""

    newsletter: Newsletter
    account: Account
    by_language: dict[str, Account]
    percent: int
    outlook: Outlook
    next_try_at: datetime | None
    silence: Outage | None
    trouble: Outage | None
    restore: Outage | None
    paused: AuditEntry | None


@blueprint.get("/desk/newsletters/<int:newsletter_id>/progress")
@requires(Permission.VIEW)
def show(newsletter_id: int) -> Response | str:
    """The whole page; the report, once nothing more happens."""
    newsletter = get_newsletter(session(), newsletter_id)
    if newsletter.state not in UNDER_WAY:
        return redirect(url_for("newsletters.show", newsletter_id=newsletter_id))
    return render_template("admin/newsletters/progress.html", **_facts(newsletter))


@blueprint.get("/desk/newsletters/<int:newsletter_id>/progress/now")
@requires(Permission.VIEW)
def show_now(newsletter_id: int) -> FlaskResponse:
    """The part of the page that changes. When the state is not the one the page was made for,
    its buttons no longer fit, and the browser is asked to load it anew."""
    newsletter = get_newsletter(session(), newsletter_id)
    response = make_response(
        render_template("admin/newsletters/standing.html", **_facts(newsletter))
    )
    if request.args.get("state") != newsletter.state:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/desk/newsletters/<int:newsletter_id>/stop")
@requires(Permission.SEND)
def stop(newsletter_id: int) -> Response:
    """Back to the draft: nothing has left."""
    newsletter = get_newsletter(session(), newsletter_id)
    newsletters.stop(session(), newsletter, who(), now())
    flash(_("Stopped. Nothing was sent, and it is a draft again."))
    return go(newsletter)


@blueprint.post("/desk/newsletters/<int:newsletter_id>/pause")
@requires(Permission.SEND)
def pause(newsletter_id: int) -> Response:
    """Nothing more leaves for now."""
    newsletter = get_newsletter(session(), newsletter_id)
    sending.pause(session(), newsletter, who(), now())
    return go(newsletter)


@blueprint.post("/desk/newsletters/<int:newsletter_id>/resume")
@requires(Permission.SEND)
def resume(newsletter_id: int) -> Response:
    """Go on where it stood."""
    newsletter = get_newsletter(session(), newsletter_id)
    sending.resume(session(), newsletter, who(), now())
    return go(newsletter)


@blueprint.route("/desk/newsletters/<int:newsletter_id>/cancel", methods=["GET", "POST"])
@requires(Permission.SEND)
def cancel(newsletter_id: int) -> Response | str:
    """Ask whether it is meant, and then let nobody else get it."""
    newsletter = get_newsletter(session(), newsletter_id)
    check_move(newsletter.state, NewsletterState.CANCELLED)
    if request.method == "GET":
        account = accounts.get_account(session(), newsletter)
        return render_template(
            "admin/newsletters/cancel.html", newsletter=newsletter, account=account
        )
    number = sending.cancel(session(), newsletter, who(), now())
    flash(
        words().plural(
            "Cancelled. %(num)d mail did not leave.",
            "Cancelled. %(num)d mails did not leave.",
            number,
        )
    )
    return go(newsletter)


@blueprint.post("/desk/newsletters/<int:newsletter_id>/retry")
@requires(Permission.SEND)
def retry(newsletter_id: int) -> Response:
    """Queue failed mails again: all that may be, or those of one state."""
    return _sort_out(newsletter_id, _retry)


@blueprint.post("/desk/newsletters/<int:newsletter_id>/leave")
@requires(Permission.SEND)
def leave(newsletter_id: int) -> Response:
    """No second copy for those who may have one already."""
    return _sort_out(newsletter_id, sending.leave)


def _retry(session: Session, newsletter: Newsletter, who: str, now: datetime, language: str) -> int:
    wanted = request.form.getlist("state")
    states = tuple(state for state in DeliveryState if state.value in wanted) or RETRIED
    return sending.retry(session, newsletter, states, who, now, language)


def _sort_out(
    newsletter_id: int, act: Callable[[Session, Newsletter, str, datetime, str], int]
) -> Response:
    newsletter = get_newsletter(session(), newsletter_id)
    number = act(session(), newsletter, who(), now(), request.form.get("language", ""))
    flash(words().plural("Done for %(num)d mail.", "Done for %(num)d mails.", number))
    return redirect(
        url_for("newsletter_report.show", newsletter_id=newsletter_id), HTTPStatus.SEE_OTHER
    )


def _facts(newsletter: Newsletter) -> dict[str, object]:
    standing = _look(newsletter)
    outlook = standing.outlook
    return {
        "newsletter": newsletter,
        "standing": standing,
        "ends": say_end(outlook.forecast, now()),
        "used_up": say_used_up(outlook.force, now()),
        "late": outlook.late,
        "left_over": outlook.forecast.left_over if outlook.forecast else 0,
        "limits": list_limits(outlook.force),
        "domains": list(list_domains(outlook.force)),
        "number": say_number,
        "groups": group_counts(standing.account),
        "group_words": GROUPS,
        "states": STATES,
        "looks": LOOKS,
        "readers": _count_readers(newsletter),
        "countdown": _count_down(newsletter),
        "poll": _choose_poll(newsletter),
    }


def _choose_poll(newsletter: Newsletter) -> int:
    is_large = (newsletter.audience_count or 0) > MANY
    return POLL_SECONDS_OF_MANY if is_large else POLL_SECONDS.get(newsletter.state, 15)


def _count_down(newsletter: Newsletter) -> str:
    """Minutes and seconds to the first mail, once it is less than an hour."""
    if newsletter.state != NewsletterState.SCHEDULED or newsletter.send_at is None:
        return ""
    seconds = max(0, int((newsletter.send_at - now()).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}" if seconds < AN_HOUR else ""


def _count_readers(newsletter: Newsletter) -> dict[str, int]:
    """Whom it is going to, as long as that is not written down."""
    if newsletter.state != NewsletterState.SCHEDULED:
        return {}
    return audiences.count_audience(session(), newsletter, newsletter.send_at or now())


def _look(newsletter: Newsletter) -> Standing:
    account = accounts.get_account(session(), newsletter)
    outlook = look_ahead(session(), newsletter, account, _limits(), now())
    return Standing(
        newsletter=newsletter,
        account=account,
        by_language=accounts.list_accounts_by_language(session(), newsletter.id),
        percent=percent_done(account),
        outlook=outlook,
        next_try_at=_find_next_try(newsletter, outlook),
        silence=find_silence(session(), now()),
        trouble=find_trouble(session(), now()),
        restore=find_restore(session()),
        paused=_find_pause(newsletter),
    )


def _find_next_try(newsletter: Newsletter, outlook: Outlook) -> datetime | None:
    """When those that were put off are tried again: not before a limit lets them."""
    if newsletter.state != NewsletterState.SENDING:
        return None
    due_at, opens_at = accounts.find_next_try(session(), newsletter.id), outlook.force.opens_at
    return max(due_at, opens_at) if due_at and opens_at else due_at


def _limits() -> Limits:
    config = parts().config
    return get_limits(config.throttle, config.mail.provider)


def _find_pause(newsletter: Newsletter) -> AuditEntry | None:
    if newsletter.state != NewsletterState.PAUSED:
        return None
    entries = audit.list_about(session(), "newsletter", newsletter.id)
    return next((entry for entry in reversed(entries) if entry.action == "newsletter paused"), None)
