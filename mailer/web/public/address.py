"""The link in the mail to a new address: its button moves the subscription there."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from mailer.domain.address import mask
from mailer.message.links import Purpose, TimedLink
from mailer.usecases import address_changes
from mailer.usecases.addresses import Address, read_address
from mailer.web.parts import now, parts, session
from mailer.web.public.guard import hide, refuse_other_sites, trace
from mailer.web.public.language import speak

blueprint = Blueprint("address", __name__)
hide(blueprint)


@blueprint.get("/a/<token>")
def show(token: str) -> str:
    """The button; or, once it was pressed, that it is done."""
    link, address, key = _read(token)
    subscriber = address_changes.find_moving(session(), link)
    speak(subscriber.language)
    return render_template(
        "public/address.html",
        masked=mask(address.mailbox),
        is_done=subscriber.address_key == key,
        preferences=parts().links.preferences_token(subscriber.public_id),
    )


@blueprint.post("/a/<token>")
def press(token: str) -> Response:
    refuse_other_sites()
    link, address, key = _read(token)
    speak(address_changes.find_moving(session(), link).language)
    address_changes.confirm(
        session(), link, address, key, trace=trace("new address link"), now=now()
    )
    return redirect(url_for(".show", token=token), 303)


def _read(token: str) -> tuple[TimedLink, Address, str]:
    link = parts().links.read(Purpose.ADDRESS_CHANGE, token, now())
    address = read_address(link.extra["to"])
    return link, address, parts().address_key(address.key_text)
