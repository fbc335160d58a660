"""Letters that were sent, for everyone: public ones only, and nobody's links in them."""

from datetime import datetime, timedelta

import pytest

from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.message.slots import TOKEN_LENGTH
from mailer.storage.newsletters import Newsletter, Variant
from tests.web.public.visitor import Site

_S = NewsletterState


def add_issue(
    site: Site,
    slug: str = "first",
    state: NewsletterState = _S.SENT,
    started_at: datetime | None = None,
    **subjects: str,
) -> None:
    newsletter = Newsletter(
        slug=slug,
        kind=NewsletterKind.LETTER,
        state=state,
        title="inside",
        created_at=site.now,
        changed_at=site.now,
        started_at=started_at or site.now,
        variants=[write_variant(lang, subject) for lang, subject in subjects.items()],
    )
    with site.sessions() as session:
        session.add(newsletter)


def write_variant(lang: str, subject: str) -> Variant:
    token = "A" * TOKEN_LENGTH
    html = (
        f"<html><head><title>{subject}</title></head><body><script>alert(1)</script>"
        f'<a href="http://localhost/u/{token}">leave</a> '
        f'<a href="http://localhost/p/{token}">choices</a></body></html>'
    )
    return Variant(lang=lang, subject=subject, html=html, text=subject)


def test_list_has_the_newest_first_in_the_pages_language(site: Site) -> None:
    add_issue(site, "old", en="Old news", cs="Staré zprávy", started_at=site.now - timedelta(7))
    add_issue(site, "new", en="New news", cs="Nové zprávy")

    page = site.read("/cs/archive")

    assert page.index('href="/cs/archive/new"') < page.index('href="/cs/archive/old"')
    assert ("Nové zprávy" in page, "New news" in page) == (True, False)
    assert "čtvrtek 26. listopadu 2026" in page


def test_list_falls_back_with_a_notice(site: Site) -> None:
    add_issue(site, en="News")

    page = site.read("/uk/archive")

    assert '<a href="/en/archive/first" lang="en" dir="ltr">News</a>' in page
    assert 'class="note"' in page


@pytest.mark.parametrize("state", [_S.PAUSED, _S.CANCELLED])
def test_letter_that_was_interrupted_opens_from_its_mail_only(
    site: Site, state: NewsletterState
) -> None:
    add_issue(site, state=state, en="Half sent")

    codes = [site.get(f"/en/archive/first{rest}").status_code for rest in ("", "/letter")]

    assert codes == [200, 200]
    assert "Half sent" not in site.read("/en/archive")


@pytest.mark.parametrize("state", [_S.PAUSED, _S.CANCELLED])
def test_letter_that_was_interrupted_before_it_began_is_not_there(
    site: Site, state: NewsletterState
) -> None:
    add_issue(site, state=state)

    assert site.get("/en/archive/first").status_code == 404


@pytest.mark.parametrize(
    "state", [_S.DRAFT, _S.SCHEDULED, _S.PREPARING, _S.SKIPPED_EMPTY, _S.MISSED]
)
def test_letters_that_were_not_sent_are_not_there(site: Site, state: NewsletterState) -> None:
    add_issue(site, state=state, en="Secret")

    codes = [site.get(f"/en/archive/first{rest}").status_code for rest in ("", "/letter")]

    assert codes == [404, 404]
    assert "Secret" not in site.read("/en/archive")


def test_letter_keeps_its_place_in_another_language(site: Site) -> None:
    add_issue(site, en="News", cs="Zprávy", uk="Новини")

    page = site.read("/cs/archive/first")

    assert '<h1 lang="cs" dir="ltr">Zprávy</h1>' in page
    assert 'href="/uk/archive/first" lang="uk" dir="ltr" hreflang="uk">Читати українською' in page
    assert 'src="/cs/archive/first/letter"' in page


@pytest.mark.parametrize("lang", ["uk", "ru", "ar", "de"])
def test_letter_that_is_not_in_the_language_falls_back(site: Site, lang: str) -> None:
    add_issue(site, cs="Zprávy", en="News")

    page = site.read(f"/{lang}/archive/first")

    assert '<h1 lang="en" dir="ltr">News</h1>' in page
    assert 'class="note"' in page


def test_letter_carries_nobodys_link_and_cannot_act(site: Site) -> None:
    add_issue(site, en="News")

    answer = site.get("/en/archive/first/letter")

    policy = answer.headers["Content-Security-Policy"]
    assert answer.text.count('href="http://localhost/en/link"') == 2
    assert "A" * TOKEN_LENGTH not in answer.text
    assert (policy.startswith("sandbox allow-popups"), "script" in policy) == (True, False)
    assert '<head><base target="_top">' in answer.text


@pytest.mark.parametrize(
    "path", ["archive/{}", "archive/{}/letter", "events/{}", "events/{}.ics", "projects/{}"]
)
def test_unknown_addresses_are_not_found(site: Site, path: str) -> None:
    slugs = ("none", "%00", "..%2F..%2Fetc", "a" * 500, "%ED%A0%80", "ф")

    codes = {slug: site.get(f"/en/{path.format(slug)}").status_code for slug in slugs}

    assert codes == dict.fromkeys(slugs, 404)
