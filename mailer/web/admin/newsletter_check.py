"""Check and send: what stands in the way, a test to the team, and the one button that counts."""

from datetime import timedelta
from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer.domain.errors import Invalid, Refused
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.permissions import Permission
from mailer.i18n import get_language
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.users import list_users
from mailer.usecases import approvals, checks, newsletters
from mailer.usecases.approvals import Order
from mailer.usecases.checks import Mend, Verdict
from mailer.usecases.departures import read_departure
from mailer.usecases.forecasts import get_limits, look_at_draft
from mailer.web.admin.forecast_words import list_rows
from mailer.web.admin.newsletter_forms import AT_ONCE, PLANNED, TIME, ApproveForm, TestForm
from mailer.web.admin.newsletter_words import VERDICTS, how_long
from mailer.web.auth import me, requires, who
from mailer.web.forms import show_mistake
from mailer.web.parts import _, now, parts, session, words
from mailer.web.templating import SITE_TZ, say_moment

blueprint = Blueprint("newsletter_check", __name__)

_FROM_WORST = tuple(reversed(Verdict))

Page = Response | str | tuple[str, int]


@blueprint.get("/desk/newsletters/<int:newsletter_id>/check")
@requires(Permission.VIEW)
def show(newsletter_id: int) -> Page:
    """Everything to know before it is sent, and the forms to test and to approve it."""
    newsletter = get_newsletter(session(), newsletter_id)
    if newsletter.state != NewsletterState.DRAFT:
        return redirect(url_for("newsletters.show", newsletter_id=newsletter_id))
    return _show(newsletter)


@blueprint.post("/desk/newsletters/<int:newsletter_id>/test")
@requires(Permission.SEND)
def test(newsletter_id: int) -> Page:
    """Send it to coordinators as it stands."""
    newsletter = get_newsletter(session(), newsletter_id)
    form = _test_form(newsletter)
    if not form.validate():
        return _show(newsletter, test_form=form), 422
    queued = newsletters.send_test(
        session(), newsletter, form.to.data or [], form.languages.data or [], who(), now()
    )
    flash(
        words().plural(
            "%(num)d test mail is on its way.", "%(num)d test mails are on their way.", queued
        )
    )
    return redirect(url_for(".show", newsletter_id=newsletter_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/desk/newsletters/<int:newsletter_id>/approve")
@requires(Permission.SEND)
def approve(newsletter_id: int) -> Page:
    """Send it, when the grace is over or at the time that was chosen."""
    newsletter = get_newsletter(session(), newsletter_id)
    form = _approve_form(newsletter)
    if not form.validate():
        return _show(newsletter, form=form), 422
    try:
        approvals.approve(
            session(),
            newsletter,
            _read_order(newsletter, form),
            renderer=parts().renderer,
            who=who(),
            now=now(),
            grace=_grace(),
        )
    except Invalid as error:
        show_mistake(form, error)
        return _show(newsletter, form=form), 422
    except Refused as error:
        if newsletter.state != NewsletterState.DRAFT:
            raise
        return _show(newsletter, form=form, refusal=str(error)), 409
    return redirect(
        url_for("newsletter_sending.show", newsletter_id=newsletter_id), HTTPStatus.SEE_OTHER
    )


def _read_order(newsletter: Newsletter, form: ApproveForm) -> Order:
    send_at = None
    if form.when.data == PLANNED:
        send_at = newsletter.send_at
    elif form.when.data == TIME and form.send_at.data:
        send_at = read_departure(form.send_at.data, SITE_TZ.key, now())
    return Order(send_at=send_at, seen=form.seen.data or "", number=form.number.data)


def _grace() -> timedelta:
    return timedelta(seconds=parts().config.engine.grace_seconds)


def _approve_form(newsletter: Newsletter) -> ApproveForm:
    is_planned = newsletter.send_at is not None and newsletter.send_at > now() + _grace()
    form = ApproveForm(request.form, when=PLANNED if is_planned else AT_ONCE)
    grace = how_long(_grace(), words().lang)
    form.when.choices = [
        (AT_ONCE, _("Now. The first mail leaves in %(time)s.", time=grace)),
        (TIME, _("At another time, Prague time:")),
    ]
    if is_planned:
        moment = say_moment(newsletter.send_at)
        planned = _("As planned: %(moment)s, Prague time", moment=moment)
        form.when.choices.insert(0, (PLANNED, planned))
    return form


def _test_form(newsletter: Newsletter) -> TestForm:
    langs = [variant.lang for variant in newsletter.variants]
    form = TestForm(request.form or None, to=[me().email], languages=langs[:1])
    form.to.choices = [
        (user.email, user.name or user.email) for user in list_users(session()) if user.active
    ]
    form.languages.choices = [(lang, get_language(lang).endonym) for lang in langs]
    return form


def _show(
    newsletter: Newsletter,
    *,
    form: ApproveForm | None = None,
    test_form: TestForm | None = None,
    refusal: str = "",
) -> str:
    check = checks.check_newsletter(session(), newsletter, parts().renderer, now())
    begins_at = max(newsletter.send_at or now(), now() + _grace())
    config = parts().config
    limits = get_limits(config.throttle, config.mail.provider)
    outlook = look_at_draft(session(), newsletter, check, limits, begins_at)
    rows = [*check.rows, *list_rows(outlook, begins_at)]
    form = form or _approve_form(newsletter)
    form.seen.data = check.seen
    return render_template(
        "admin/newsletters/check.html",
        newsletter=newsletter,
        check=check,
        verdicts=VERDICTS,
        mends=_list_mends(newsletter),
        rows=sorted(rows, key=lambda row: _FROM_WORST.index(row.verdict)),
        is_digest=newsletter.kind != NewsletterKind.LETTER,
        form=form,
        test_form=test_form or _test_form(newsletter),
        refusal=refusal,
        earliest=now().astimezone(SITE_TZ).strftime("%Y-%m-%dT%H:%M"),
    )


def _list_mends(newsletter: Newsletter) -> dict[Mend, tuple[str, str]]:
    """Where each kind of row is mended, and what the link there says."""
    draft = url_for("newsletters.show", newsletter_id=newsletter.id)
    return {
        Mend.TEXT: (draft, _("Change the text")),
        Mend.ITEMS: (f"{draft}#contents", _("See the items")),
        Mend.READERS: ("/desk/subscribers", _("See the subscribers")),
        Mend.SENDER: (url_for("settings.show"), _("Say who sends")),
        Mend.MOMENT: ("#when", _("Choose a time")),
        Mend.TEST: ("?open=test#test", _("Send a test")),
    }
