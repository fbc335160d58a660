"""A golden file for each rule of the digest, with announcements as an association makes them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from mailer.domain.compose import compose
from mailer.domain.content import (
    Attendance,
    Event,
    Registration,
    Session,
    Spoken,
    SpokenRole,
    Status,
    UpdateKind,
    Venue,
)
from mailer.domain.digest import Digest, Role, Run
from mailer.domain.recheck import recheck
from mailer.domain.texts import Text, TextState
from mailer.domain.when import When
from tests.domain.golden_files import FOLDER, check_golden
from tests.domain.samples import (
    JANUARY_TO_APRIL,
    NOW,
    RUN,
    Item,
    Told,
    after,
    deadline,
    event,
    moment,
    project,
    reader,
    snapshot,
    texts,
    told,
    update,
)

Cases = dict[str, Digest | None]

CITY_HALL = Venue(texts("City Hall, Škoda Palace", cs="Magistrát, Škodův palác"), "Jungmannova 35")
INBAZE = Venue(texts("InBáze"), "Legerova 50", "Praha 2")

MEETING = event(
    1,
    slug="first-meeting",
    title=texts("First meeting", cs="První setkání", uk="Перша зустріч"),
    summary=texts("Tell the city what you need.", cs="Řekněte městu, co potřebujete."),
    sessions=(
        Session(
            moment("2024-05-06 17:00/2024-05-06 19:30"),
            CITY_HALL,
            "room 201",
            (Spoken("en"), Spoken("uk", SpokenRole.INTERPRETATION)),
        ),
        Session(moment("2024-05-08 16:30/2024-05-08 18:30"), INBAZE, spoken=(Spoken("cs"),)),
    ),
    registration=Registration.REQUIRED,
    registration_url="https://forms.example/first-meeting",
    has_refreshments=True,
    topics=frozenset({"events"}),
    project_ids=(1,),
)
CONFERENCE = event(
    2,
    When.on(date(2024, 5, 28), date(2024, 5, 29)),
    title=texts("Conference"),
    attendance=Attendance.HYBRID,
    online_url="https://meet.example/conference",
    is_free=False,
    topics=frozenset({"events"}),
)
FESTIVAL = event(
    3, When.in_season("autumn", 2024), title=texts("Festival"), topics=frozenset({"events"})
)
VOTE = deadline(
    1,
    moment("2024-05-02 12:00"),
    title=texts("Vote for two ideas"),
    summary=texts("Every vote counts."),
    url="https://vote.example",
    topics=frozenset({"participation-and-votes"}),
    project_id=1,
)
CITY_FOR_ALL = project(
    1,
    When.on(date(2024, 5, 1), date(2024, 12, 31)),
    title=texts("City for All", cs="Město pro všechny"),
    funder_ack=texts("With the support of the City.", cs="S podporou hlavního města."),
)
REPORT = update(
    1,
    after(days=-2),
    title=texts("Report of the last year"),
    teaser=texts("What we did."),
    kind=UpdateKind.DOCUMENT,
    url="https://site.example/report",
    topics=frozenset({"project-news"}),
    project_id=1,
)
EVERYTHING: tuple[Item, ...] = (MEETING, CONFERENCE, FESTIVAL, VOTE, CITY_FOR_ALL, REPORT)


def digest_of(*items: Item, ledger: Told | None = None, run: Run = RUN) -> Digest | None:
    return compose(reader(told=ledger or {}), run, snapshot(*items))


def r02_window() -> Cases:
    exhibition = event(4, When.on(date(2024, 4, 1), date(2024, 5, 20)), title=texts("Exhibition"))
    return {
        "this week": digest_of(MEETING),
        "newly announced": digest_of(CONFERENCE),
        "ongoing for weeks": digest_of(exhibition),
        "one of two sessions is over": digest_of(
            MEETING, run=Run(after(days=5), next_at=after(days=12))
        ),
        "more than sixty days out": digest_of(event(5, moment("2024-07-02 18:00"))),
    }


def r03_once() -> Cases:
    return {
        "first time": digest_of(MEETING),
        "told before": digest_of(MEETING, ledger=told("event:1", Role.NEW)),
        "told and reminded": digest_of(MEETING, ledger=told("event:1", Role.NEW, Role.REMINDER)),
    }


def r06_approximate() -> Cases:
    months = event(4, When.months((2024, 6), (2024, 7)), title=texts("Summer school"))
    return {
        "beside other news": digest_of(FESTIVAL, months, REPORT),
        "told before": digest_of(
            FESTIVAL, REPORT, ledger=told("event:3", Role.SAVE_THE_DATE) | told("event:9", Role.NEW)
        ),
        "alone": digest_of(FESTIVAL),
    }


def r07_deadlines() -> Cases:
    a_week_before = Run(after(days=-7), next_at=NOW)
    return {
        "new": digest_of(VOTE, run=a_week_before),
        "last call": digest_of(VOTE, ledger=told("deadline:1", Role.NEW)),
        "last call for someone who never heard of it": digest_of(VOTE),
        "last call was made": digest_of(VOTE, ledger=told("deadline:1", Role.DEADLINE)),
        "passed": digest_of(VOTE, run=Run(after(hours=3), next_at=after(days=7))),
    }


def r09_updates() -> Cases:
    finished = project(
        2, JANUARY_TO_APRIL, title=texts("Capacity building"), summary=texts("Training for teams.")
    )
    news = [update(number, after(days=-number), project_id=1) for number in (2, 3)]
    result = update(4, after(days=-9), is_significant=True, kind=UpdateKind.RESULT)
    return {
        "significant first, two of a project": digest_of(REPORT, *news, result, CITY_FOR_ALL),
        "a project has ended": digest_of(finished),
        "its end was told": digest_of(finished, ledger=told("project:2", Role.NEW)),
        "newcomer and old news": digest_of(update(5, after(days=-20))),
    }


def r10_languages() -> Cases:
    moved = replace(
        MEETING,
        revision=2,
        summary=texts(
            "Now in room 201.", cs=Text("V místnosti 105.", TextState.REVIEWED, outdated=True)
        ),
    )
    items = snapshot(MEETING, CITY_FOR_ALL)
    return {
        "Ukrainian, then Czech": compose(
            reader(language="uk", content_languages=("uk", "cs")), RUN, items
        ),
        "Vietnamese only": compose(
            reader(language="vi", content_languages=("vi",)), RUN, snapshot(VOTE)
        ),
        "outdated note of a changed place": compose(
            reader(language="cs", content_languages=("cs",)), RUN, snapshot(moved)
        ),
    }


def r11_topics() -> Cases:
    items = snapshot(*EVERYTHING)
    return {
        "one topic": compose(reader(topics=frozenset({"participation-and-votes"})), RUN, items),
        "several topics, one letter": compose(
            reader(topics=frozenset({"participation-and-votes", "project-news"})), RUN, items
        ),
        "a topic without items": compose(reader(topics=frozenset({"trainings"})), RUN, items),
    }


def r12_limits() -> Cases:
    talks = [event(number, moment(f"2024-05-{number:02} 18:00")) for number in (3, 4, 5, 20, 21)]
    news = [update(number, after(hours=-number)) for number in range(1, 4)]
    small = Run(NOW, next_at=after(days=7), event_limit=2, update_limit=1)
    ledger = told("event:5", Role.NEW)
    return {
        "two events, one update, reminders free": digest_of(*talks, *news, ledger=ledger, run=small)
    }


def r13_empty() -> Cases:
    return {
        "nothing": digest_of(),
        "only a date to save": digest_of(FESTIVAL, CITY_FOR_ALL),
        "only a reminder": digest_of(MEETING, ledger=told("event:1", Role.NEW)),
    }


def r14_recheck() -> Cases:
    approved = snapshot(MEETING, CONFERENCE, VOTE)
    moved = replace(
        CONFERENCE,
        title=texts("A title nobody approved"),
        sessions=(Session(moment("2024-05-30 09:00")),),
        status=Status.RESCHEDULED,
        revision=2,
    )
    cancelled: Event = replace(MEETING, status=Status.CANCELLED, revision=2)
    now = after(minutes=-5)
    return {
        "as approved": compose(reader(), RUN, approved),
        "cancelled and moved at five to nine": compose(
            reader(), RUN, recheck(approved, snapshot(cancelled, moved, VOTE, REPORT), now)
        ),
    }


def r15_order() -> Cases:
    day = When.on(date(2024, 5, 6))
    items = [
        event(13, moment("2024-05-06 12:00"), title=texts("B")),
        event(12, moment("2024-05-06 12:00"), title=texts("A")),
        event(11, moment("2024-05-06 12:00"), title=texts("A")),
        event(10, day, title=texts("Z")),
    ]
    return {
        "start, all day, title, id": digest_of(*items),
        "the whole letter": digest_of(*EVERYTHING),
        "the whole letter, shuffled": digest_of(*reversed(EVERYTHING)),
    }


def r16_monthly() -> Cases:
    month = Run(NOW, next_at=after(days=31))
    return {
        "weekly": digest_of(CONFERENCE),
        "monthly": compose(reader(cadence="monthly"), month, snapshot(CONFERENCE)),
    }


RULES: dict[str, Callable[[], Cases]] = {
    "r02-window": r02_window,
    "r03-once": r03_once,
    "r06-approximate": r06_approximate,
    "r07-deadlines": r07_deadlines,
    "r09-updates": r09_updates,
    "r10-languages": r10_languages,
    "r11-topics": r11_topics,
    "r12-limits": r12_limits,
    "r13-empty": r13_empty,
    "r14-recheck": r14_recheck,
    "r15-order": r15_order,
    "r16-monthly": r16_monthly,
}


@pytest.mark.parametrize("name", RULES)
def test_digest_is_as_its_golden_file_says(name: str) -> None:
    digests = RULES[name]()

    check_golden(name, digests)


def test_golden_files_belong_to_a_rule_each() -> None:
    """A file without a rule would go on looking like a promise."""
    names = sorted(path.stem for path in FOLDER.glob("*.json"))

    assert names == sorted(RULES)


def test_golden_mismatch_shows_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPDATE_GOLDEN", raising=False)

    with pytest.raises(pytest.fail.Exception) as caught:
        check_golden("r13-empty", {"nothing": "something"})

    assert '+  "nothing": "something"' in str(caught.value).splitlines()
