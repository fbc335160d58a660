"""A draft looked over: what is in it, for whom, and in which languages."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.domain.content import ItemKey, ItemKind
from mailer.domain.coverage import Cover
from mailer.domain.digest import Role, SectionKind
from mailer.domain.newsletter import NewsletterState
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.message.render import Renderer
from mailer.storage.newsletters import Newsletter
from mailer.storage.plans import get_plan
from mailer.usecases import drafts, events
from mailer.usecases.drafts import Contents, Proposal, Share, Told
from mailer.usecases.editing import Wording, Wordings
from mailer.usecases.editions import Edition, open_edition
from mailer.usecases.plans import make_next_issue
from mailer.usecases.setup import set_up
from tests.letters import BASE_URL, WHO, add_letter
from tests.usecases.edits import event_edit, translated

LANGS = ("en", "cs", "uk")
SOON = When.at(datetime(2026, 12, 7, 17, 30))
LATER = When.at(datetime(2026, 12, 30, 17, 30))
A_WEEK = timedelta(days=7)


def add_event(session: Session, now: datetime, title: str, when: When, words: Wordings) -> ItemKey:
    edit = event_edit(title, when, wordings=words)
    event = events.create(session, edit, who=WHO, now=now, publish=True)
    return ItemKey(ItemKind.EVENT, event.id)


def open_issue(session: Session, now: datetime) -> tuple[Newsletter, Edition]:
    set_up(session, None, now)
    issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
    return issue, open_edition(session, issue, Renderer(BASE_URL), now)


def look(session: Session, now: datetime, told: Told) -> Contents:
    _issue, edition = open_issue(session, now)
    return drafts.look(edition, LANGS, told)


def test_items_stand_in_their_sections_with_a_cover_per_language(
    session: Session, now: datetime
) -> None:
    meetup = add_event(
        session, now, "", SOON, translated("Meetup", "cs", TextState.REVIEWED, "Setkání")
    )
    party = add_event(session, now, "", LATER, translated("Party", "uk", TextState.DRAFT, "Свято"))

    contents = look(session, now, {})

    assert [(part.kind, [entry.key for entry in part.entries]) for part in contents.parts] == [
        (SectionKind.THIS_WEEK, [meetup]),
        (SectionKind.ANNOUNCED, [party]),
    ]
    assert [entry.covers for part in contents.parts for entry in part.entries] == [
        (Cover.SOURCE, Cover.REVIEWED, Cover.MISSING),
        (Cover.SOURCE, Cover.MISSING, Cover.DRAFT),
    ]
    assert contents.gaps() == {
        "cs": Counter({Cover.MISSING: 1}),
        "uk": Counter({Cover.MISSING: 1, Cover.DRAFT: 1}),
    }


@pytest.mark.parametrize(
    ("when", "told", "share", "counted"),
    [
        pytest.param(SOON, {}, Share.EVERYONE, 1, id="new to all"),
        pytest.param(SOON, {Role.NEW}, Share.REMINDER, 1, id="announced, and now it comes"),
        pytest.param(LATER, {Role.NEW}, Share.NEWCOMERS, 0, id="announced, and still far"),
    ],
)
def test_an_item_says_who_gets_it(
    session: Session, now: datetime, when: When, told: set[Role], share: Share, counted: int
) -> None:
    words = Wordings("en", {"en": Wording({"title": "Meetup"})})
    key = add_event(session, now, "", when, words)

    contents = look(session, now, {key: frozenset(told)} if told else {})

    assert [entry.share for part in contents.parts for entry in part.entries] == [share]
    assert contents.counts == {"changes": 0, "events": counted, "deadlines": 0, "updates": 0}


def test_proposal_is_that_of_most_readers(session: Session, now: datetime) -> None:
    words = Wordings("en", {"en": Wording({"title": "Old news"})})
    old = add_event(session, now, "", LATER, words)
    add_event(session, now, "", SOON, Wordings("en", {"en": Wording({"title": "Fresh"})}))
    _issue, edition = open_issue(session, now)

    to_regulars = drafts.propose(edition, "en", {old: frozenset({Role.NEW})})
    to_newcomers = drafts.propose(edition, "en", {})

    assert (to_regulars.subject, to_newcomers.subject) == ("Fresh", "Fresh, Old news")


def test_proposal_for_newcomers_stands_in_when_regulars_get_nothing(
    session: Session, now: datetime
) -> None:
    words = Wordings("en", {"en": Wording({"title": "Old news"})})
    old = add_event(session, now, "", LATER, words)
    _issue, edition = open_issue(session, now)

    proposal = drafts.propose(edition, "en", {old: frozenset({Role.NEW})})

    assert proposal.subject == "Old news"


def test_a_letter_proposes_nothing(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    edition = open_edition(session, letter, Renderer(BASE_URL), now)

    assert drafts.propose(edition, "en", {}) == Proposal("", "")


def test_coming_issue_is_the_one_to_be_drafted(session: Session, now: datetime) -> None:
    set_up(session, None, now)

    coming = drafts.find_coming(session, get_plan(session, "weekly"), now)

    # `now` is the very moment of an issue; the next one is drafted 17 hours before its time.
    assert (coming.issue, coming.send_at) == (None, now + A_WEEK)
    assert coming.draft_at == now + A_WEEK - timedelta(hours=17)


def test_coming_issue_is_the_draft_even_when_its_time_has_passed(
    session: Session, now: datetime
) -> None:
    issue, _edition = open_issue(session, now)

    coming = drafts.find_coming(session, get_plan(session, "weekly"), now + 2 * A_WEEK)

    assert (coming.issue, coming.send_at) == (issue, now + A_WEEK)


def test_coming_issue_is_the_one_after_what_was_sent_early(session: Session, now: datetime) -> None:
    issue, _edition = open_issue(session, now)
    issue.state = NewsletterState.SENT
    session.flush()

    coming = drafts.find_coming(session, get_plan(session, "weekly"), now)

    assert (coming.issue, coming.send_at) == (None, now + 2 * A_WEEK)
