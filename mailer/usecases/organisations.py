"""Organisations under all the names that people write them. It joins equal spellings and
refuses to guess that two different names are one."""

import re

from sqlalchemy.orm import Session

from mailer.domain.errors import Invalid
from mailer.domain.spelling import tidy
from mailer.domain.website import fold_name
from mailer.message.vocabulary import N_
from mailer.storage.organisations import Organisation, OrganisationAlias, find_organisation

LONGEST_NAME = 200
# What Czech law puts behind a name; "InBáze z.s." and "InBáze" are one.
_LEGAL_FORM = re.compile(r",? ((?:z\. ?s|o\. ?s|a\. ?s|z\. ?ú|o\. ?p\. ?s|s\. ?r\. ?o)\.)$")


def get_or_add(session: Session, name: str, long_name: str = "") -> Organisation:
    """The organisation known under `name`, or under `long_name`, else a new one.

    Both names lead to it afterwards. Raises Invalid for a name that is empty or too long.
    """
    bare, legal_form = split_legal_form(name)
    names = [one for one in (bare, tidy(name), tidy(long_name)) if one]
    if not bare or any(len(one) > LONGEST_NAME for one in names):
        raise Invalid("organisations", N_("Give a name of at most 200 characters."))
    found = next(
        (known for one in names if (known := find_organisation(session, fold_name(one)))), None
    )
    organisation = found or Organisation(name=bare, legal_form=legal_form)
    if found is None:
        session.add(organisation)
        session.flush()
    organisation.legal_form = organisation.legal_form or legal_form
    for one in names:
        _add_alias(session, organisation, one)
    return organisation


def split_legal_form(name: str) -> tuple[str, str]:
    """A name and the legal form behind it: ("InBáze", "z.s.")."""
    tidied = tidy(name)
    match = _LEGAL_FORM.search(tidied)
    if match is None:
        return tidied, ""
    return tidied[: match.start()], match[1].replace(" ", "")


def _add_alias(session: Session, organisation: Organisation, name: str) -> None:
    folded = fold_name(name)
    if find_organisation(session, folded) is None:
        session.add(OrganisationAlias(folded=folded, name=name, organisation_id=organisation.id))
        session.flush()
