"""Bringing people from elsewhere: who joins, who stays out, and how it is taken back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, ConsentAction, SignUpStep, SubscriberState
from mailer.domain.delivery import DeliveryKind, DeliveryState, Priority
from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.imports import Columns, Fate
from mailer.message.links import TimedLink
from mailer.storage.audit import AuditEntry
from mailer.storage.claiming import claim_transactional
from mailer.storage.consents import Consent, list_consents
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.settings import Setting
from mailer.storage.subscribers import Filter, Subscriber, find_by_key, list_subscribers
from mailer.storage.suppressions import Scope, is_suppressed, suppress
from mailer.usecases import import_drafts, subscriptions
from mailer.usecases.addresses import read_address
from mailer.usecases.consents import Trace
from mailer.usecases.import_files import UnreadableFile, Unusable, read_file, read_people
from mailer.usecases.import_records import (
    MOST_LISTED,
    get_record,
    list_records,
    may_undo,
    new_number,
    undo,
)
from mailer.usecases.preferences import Wishes
from mailer.usecases.setup import set_up
from mailer.usecases.subscriber_import import (
    GRACE,
    ImportPlan,
    ImportResult,
    Mode,
    Suggestion,
    carry_out,
    plan_import,
)
from tests.people import add_subscriber

WHO = "anna@example.org"
PROOF = "Paper list at the meetup of 12 May, with signatures"
DEFAULTS = Wishes(("en",), ("events",))
VISITOR = Trace("form", "en")


@pytest.fixture(autouse=True)
def _set_up(session: Session, now: datetime) -> None:
    set_up(session, None, now)
    session.flush()


def same(text: str) -> str:
    """The key of an address: readable, and the one that `add_subscriber` uses."""
    return text


def plan(session: Session, text: str, defaults: Wishes = DEFAULTS) -> ImportPlan:
    return plan_import(session, read_people(text), defaults, same)


def bring(session: Session, text: str, now: datetime, mode: Mode = Mode.ASK) -> ImportResult:
    return carry_out(
        session,
        plan(session, text),
        mode,
        number=new_number(session),
        evidence=PROOF,
        who=WHO,
        now=now,
    )


def get(session: Session, address: str) -> Subscriber:
    found = find_by_key(session, address)
    assert found, address
    return found


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def fates(found: ImportPlan) -> dict[str, Fate]:
    return {person.address.mailbox: person.fate for person in found.people}


def test_plan_tells_what_becomes_of_everybody(session: Session, now: datetime) -> None:
    for state in SubscriberState:
        add_subscriber(session, f"{state}@example.org", now, state=state)
    suppress(session, "erased@example.org", Scope.NEWSLETTERS, "left", now)
    suppress(session, "dead@example.org", Scope.EVERYTHING, "bounced 550", now)
    text = (
        "Email,Status\nnew@example.org,subscribed\nNEW@Example.org,subscribed\n"
        + "".join(f"{state}@example.org,subscribed\n" for state in SubscriberState)
        + "erased@example.org,subscribed\ndead@example.org,subscribed\n"
        "elsewhere@example.org,unsubscribed\n"
    )

    found = plan(session, text)

    assert fates(found) == {
        "new@example.org": Fate.NEW,
        "NEW@example.org": Fate.DOUBLE,
        "pending@example.org": Fate.PENDING,
        "confirmed@example.org": Fate.ALREADY,
        "unsubscribed@example.org": Fate.LEFT,
        "bounced@example.org": Fate.BOUNCED,
        "complained@example.org": Fate.BOUNCED,
        "erased@example.org": Fate.LEFT,
        "dead@example.org": Fate.BOUNCED,
        "elsewhere@example.org": Fate.GONE,
    }
    assert found.count() == {
        "new": 1,
        "already": 1,
        "pending": 1,
        "left": 2,
        "bounced": 3,
        "gone": 1,
        "double": 1,
        "invalid": 0,
    }


def test_plan_changes_nothing(session: Session) -> None:
    before = count(session, AuditEntry)

    plan(session, "new@example.org\nbad\n")

    assert (count(session, Subscriber), count(session, Delivery)) == (0, 0)
    assert count(session, AuditEntry) == before


def test_plan_names_every_line_that_is_no_use(session: Session) -> None:
    text = 'Email,Status\n=cmd@example.org,subscribed\nno address,\na@example.org,odd\n"x"y,\nb@example.org,subscribed\n'  # noqa: E501

    found = plan(session, text)

    assert found.unusable == (
        Unusable(2, "=cmd@example.org", "An e-mail address cannot begin with “-” or “=”."),
        Unusable(3, "no address", "There is no e-mail address in this line."),
        Unusable(
            4, "odd", "This status is unknown, so we cannot tell whether the person has left."
        ),
        Unusable(5, "", "The quotation marks in this line do not match."),
    )
    assert fates(found) == {"b@example.org": Fate.NEW}


def test_plan_suggests_but_does_not_mend(session: Session, now: datetime) -> None:
    text = "anna@gmail.con\npetr@gmail.com\n"

    found = plan(session, text)

    assert found.suggestions == (Suggestion(1, "anna@gmail.con", "anna@gmail.com"),)
    assert fates(found) == {"anna@gmail.con": Fate.NEW, "petr@gmail.com": Fate.NEW}


def test_plan_believes_the_row_that_says_somebody_left(session: Session) -> None:
    text = "Email,Status\na@example.org,subscribed\nA@example.org,unsubscribed\n"

    assert fates(plan(session, text)) == {
        "a@example.org": Fate.GONE,
        "A@example.org": Fate.DOUBLE,
    }


@pytest.mark.parametrize(
    ("languages", "topics", "wishes"),
    [
        ("cs", "events", Wishes(("cs",), ("events",))),
        ("uk, cs", "trainings;events", Wishes(("uk", "cs"), ("events", "trainings"))),
        ("česky", "Akce", Wishes(("cs",), ("events",))),
        ("Ukrainian/English", "Votes and calls", Wishes(("uk", "en"), ("participation",))),
        ("українська", "Навчання", Wishes(("uk",), ("trainings",))),
        ("cs-CZ", "", Wishes(("cs",), ("project-news",))),
        ("CZ|UA", "", Wishes(("cs", "uk"), ("project-news",))),
        ("", "", Wishes(("vi",), ("project-news",))),
        ("klingon", "gossip", Wishes(("vi",), ("project-news",))),
    ],
)
def test_wishes_are_understood_or_taken_from_the_defaults(
    session: Session, languages: str, topics: str, wishes: Wishes
) -> None:
    defaults = Wishes(("vi",), ("project-news",), Cadence.MONTHLY)
    text = f'Email,Language,Topics\na@example.org,"{languages}","{topics}"\n'

    found = plan(session, text, defaults)

    assert found.people[0].wishes == replace(wishes, cadence=Cadence.MONTHLY)


@pytest.mark.parametrize(
    ("defaults", "field"),
    [(Wishes((), ("events",)), "languages"), (Wishes(("en",), ("gossip",)), "topics")],
)
def test_plan_needs_usable_defaults(session: Session, defaults: Wishes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        plan(session, "a@example.org", defaults)

    assert caught.value.field == field


def test_ask_writes_people_proof_and_a_question_each(session: Session, now: datetime) -> None:
    text = "Email,Language\nanna@example.org,uk\npetr@example.org,vi\n"

    result = bring(session, text, now)

    assert result == ImportResult(1, asked=2, confirmed=0)
    anna = get(session, "anna@example.org")
    assert anna.state is SubscriberState.PENDING
    assert (anna.language, anna.content_languages, anna.topics) == ("uk", ("uk",), ("events",))
    assert (anna.source, anna.created_at, anna.confirmed_at) == ("import:1", now, None)
    (consent,) = list_consents(session, anna.id)
    assert (consent.action, consent.source) == (ConsentAction.REQUESTED, "import:1")
    assert (consent.evidence, consent.wording, consent.topics) == (PROOF, "", ("events",))
    mails = session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert [(mail.address, mail.template, mail.language) for mail in mails] == [
        ("anna@example.org", "confirm", "uk"),
        ("petr@example.org", "confirm", "en"),
    ]
    assert (mails[0].kind, mails[0].state) == (DeliveryKind.TRANSACTIONAL, DeliveryState.QUEUED)
    assert (mails[0].reader_id, mails[0].subscriber_id) == (anna.public_id, anna.id)
    assert (mails[0].next_at, mails[0].priority) == (now + GRACE, Priority.IN_BULK)
    assert mails[0].context["jti"] != mails[1].context["jti"]


def test_nobody_is_asked_before_the_grace_is_over(session: Session, now: datetime) -> None:
    bring(session, "anna@example.org", now)
    lease = timedelta(minutes=5)

    early = claim_transactional(session, "w", now + GRACE - timedelta(seconds=1), lease, 10)
    late = claim_transactional(session, "w", now + GRACE, lease, 10)

    assert (len(early), len(late)) == (0, 1)


def test_person_asked_joins_by_the_link(session: Session, now: datetime) -> None:
    bring(session, "anna@example.org", now)
    anna = get(session, "anna@example.org")
    mail = session.scalars(select(Delivery)).one()
    link = TimedLink(str(anna.public_id), {}, mail.context["jti"], now + GRACE)

    subscriptions.confirm(session, link, trace=VISITOR, now=now + timedelta(hours=1))

    assert anna.state is SubscriberState.CONFIRMED
    assert [consent.action for consent in list_consents(session, anna.id)] == [
        ConsentAction.REQUESTED,
        ConsentAction.CONFIRMED,
    ]


def test_person_asked_is_not_asked_again_by_the_form(session: Session, now: datetime) -> None:
    bring(session, "anna@example.org", now)

    step = subscriptions.sign_up(
        session,
        read_address("anna@example.org"),
        "anna@example.org",
        DEFAULTS,
        trace=VISITOR,
        now=now + timedelta(hours=1),
    )

    assert step is SignUpStep.NOTHING
    assert count(session, Delivery) == 1


def test_confirmed_lets_people_in_with_the_proof(session: Session, now: datetime) -> None:
    result = bring(session, "anna@example.org", now, Mode.CONFIRMED)

    anna = get(session, "anna@example.org")
    (consent,) = list_consents(session, anna.id)
    assert result == ImportResult(1, asked=0, confirmed=1)
    assert (anna.state, anna.confirmed_at) == (SubscriberState.CONFIRMED, now)
    assert (consent.action, consent.evidence) == (ConsentAction.IMPORTED, PROOF)
    assert count(session, Delivery) == 0


def test_confirmed_still_asks_whom_the_file_calls_unconfirmed(
    session: Session, now: datetime
) -> None:
    text = "Email,Status\na@example.org,Unconfirmed\nb@example.org,Subscribed\n"

    result = bring(session, text, now, Mode.CONFIRMED)

    assert result == ImportResult(1, asked=1, confirmed=1)
    assert get(session, "a@example.org").state is SubscriberState.PENDING
    assert get(session, "b@example.org").state is SubscriberState.CONFIRMED
    assert session.scalars(select(Delivery.address)).all() == ["a@example.org"]


@pytest.mark.parametrize("mode", Mode)
def test_suppression_wins(session: Session, now: datetime, mode: Mode) -> None:
    text = "left@example.org\ndead@example.org\ngone@example.org\n"
    suppress(session, "left@example.org", Scope.NEWSLETTERS, "left", now)
    suppress(session, "dead@example.org", Scope.EVERYTHING, "bounced 550", now)
    add_subscriber(session, "gone@example.org", now, state=SubscriberState.COMPLAINED)

    result = bring(session, text, now, mode)

    assert result == ImportResult(1, asked=0, confirmed=0)
    assert session.scalars(select(Subscriber.address)).all() == ["gone@example.org"]
    assert get(session, "gone@example.org").state is SubscriberState.COMPLAINED
    assert is_suppressed(session, "left@example.org", Scope.NEWSLETTERS)
    assert count(session, Delivery) == 0


@pytest.mark.parametrize("mode", Mode)
def test_second_run_changes_nothing(session: Session, now: datetime, mode: Mode) -> None:
    text = "anna@example.org\npetr@example.org\n"
    bring(session, text, now, mode)
    counts = [count(session, table) for table in (Subscriber, Consent, Delivery)]
    later = now + timedelta(days=2)

    result = bring(session, text, later, mode)

    assert result == ImportResult(2, asked=0, confirmed=0)
    assert [count(session, table) for table in (Subscriber, Consent, Delivery)] == counts
    assert {one.source for one in list_subscribers(session, Filter())} == {"import:1"}


@pytest.mark.parametrize("evidence", ["", " \n ", "x" * 501])
def test_evidence_is_required(session: Session, now: datetime, evidence: str) -> None:
    found = plan(session, "a@example.org")

    with pytest.raises(Invalid) as caught:
        carry_out(session, found, Mode.ASK, number=1, evidence=evidence, who=WHO, now=now)

    assert caught.value.field == "evidence"


def test_sign_up_at_the_same_moment_refuses_the_whole_import(
    sessions: Sessions, session: Session, now: datetime
) -> None:
    found = plan(session, "a@example.org\nb@example.org\n")
    add_subscriber(session, "b@example.org", now)

    with pytest.raises(Refused):
        carry_out(session, found, Mode.ASK, number=1, evidence=PROOF, who=WHO, now=now)

    session.rollback()


def test_import_is_logged_with_counts_and_without_addresses(
    session: Session, now: datetime
) -> None:
    add_subscriber(session, "old@example.org", now)

    bring(session, "a@example.org\nold@example.org\nbad\n", now)

    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry
    assert (entry.action, entry.who, entry.thing, entry.thing_id) == (
        "subscribers imported",
        WHO,
        "subscriber import",
        1,
    )
    assert entry.detail == {
        "mode": "ask",
        "new": 1,
        "already": 1,
        "pending": 0,
        "left": 0,
        "bounced": 0,
        "gone": 0,
        "double": 0,
        "invalid": 1,
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # one is enough: it takes long
def test_hundred_thousand_people_are_brought(session: Session, now: datetime) -> None:
    text = "Email,Language\n" + "".join(f"p{n}@example.org,cs\n" for n in range(100_000))

    result = bring(session, text, now)

    assert result == ImportResult(1, asked=100_000, confirmed=0)
    assert (count(session, Subscriber), count(session, Delivery)) == (100_000, 100_000)


def test_undo_erases_whom_the_import_brought(session: Session, now: datetime) -> None:
    add_subscriber(session, "old@example.org", now)
    bring(session, "other@example.org", now)
    text = "a@example.org\nb@example.org\nold@example.org\n"
    number = bring(session, text, now).number

    erased = undo(session, number, WHO, now + timedelta(minutes=5))

    assert erased == 2
    left = session.scalars(select(Subscriber.address).order_by(Subscriber.address)).all()
    assert left == ["old@example.org", "other@example.org"]
    assert session.scalars(select(Delivery.address)).all() == ["other@example.org"]
    assert count(session, Consent) == 1


def test_undo_is_logged_and_a_repeat_changes_nothing(session: Session, now: datetime) -> None:
    number = bring(session, "a@example.org", now, Mode.CONFIRMED).number
    undo(session, number, WHO, now)
    bring(session, "a@example.org", now, Mode.CONFIRMED)

    repeated = undo(session, number, WHO, now)

    assert repeated == 0
    assert get_record(session, number).undone_at == now
    assert get(session, "a@example.org").source == "import:2"


def test_undo_is_over_after_a_day(session: Session, now: datetime) -> None:
    number = bring(session, "a@example.org", now, Mode.CONFIRMED).number
    record = get_record(session, number)
    day, second = timedelta(hours=24), timedelta(seconds=1)

    with pytest.raises(Refused):
        undo(session, number, WHO, now + day + second)

    assert may_undo(session, record, now + day)
    assert not may_undo(session, record, now + day + second)


@pytest.mark.parametrize(
    "values",
    [
        {"state": DeliveryState.CLAIMED},
        {"state": DeliveryState.ACCEPTED, "attempts": 1},
        {"state": DeliveryState.QUEUED, "attempts": 1},
    ],
    ids=["being sent", "sent", "may have been sent"],
)
def test_undo_is_refused_once_somebody_was_mailed(
    session: Session, now: datetime, values: dict[str, object]
) -> None:
    number = bring(session, "a@example.org\nb@example.org\n", now).number
    one = Delivery.address == "a@example.org"
    session.execute(update(Delivery).where(one).values(**values))
    session.commit()

    with pytest.raises(Refused):
        undo(session, number, WHO, now)

    session.rollback()
    assert not may_undo(session, get_record(session, number), now)
    assert count(session, Subscriber) == 2
    assert count(session, Delivery) == 2


def test_undo_keeps_whoever_has_signed_up_meanwhile(session: Session, now: datetime) -> None:
    number = bring(session, "a@example.org\nb@example.org\n", now).number
    subscriptions.sign_up(
        session, read_address("a@example.org"), "a@example.org", DEFAULTS, trace=VISITOR, now=now
    )

    erased = undo(session, number, WHO, now)

    assert erased == 1
    assert session.scalars(select(Subscriber.address)).all() == ["a@example.org"]
    assert session.scalars(select(Delivery.address)).all() == ["a@example.org"]


def test_import_nobody_knows_cannot_be_undone(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound):
        undo(session, 7, WHO, now)


def test_records_list_the_last_imports(session: Session, now: datetime) -> None:
    for number in range(1, MOST_LISTED + 2):
        bring(session, f"reader{number}@example.org", now)
    undo(session, 2, WHO, now)

    records = list_records(session)

    assert [(one.number, one.undone_at, one.counts["new"]) for one in records] == [
        *((number, None, 1) for number in range(MOST_LISTED + 1, 2, -1)),
        (2, now, 1),
    ]


def test_draft_goes_through_all_its_steps(session: Session, now: datetime) -> None:
    text = "kdo,kam\nAnna,anna@example.org\n"
    columns = Columns(True, 1, gone=(0,))

    number = import_drafts.begin(session, text, WHO, now)
    begun = import_drafts.get_draft(session, number)
    import_drafts.choose_columns(session, begun, columns, now)
    import_drafts.give_proof(
        session, import_drafts.get_draft(session, number), f" {PROOF} ", DEFAULTS, now
    )

    assert begun == import_drafts.Draft(number, text)
    assert import_drafts.get_draft(session, number) == import_drafts.Draft(
        number, text, columns, PROOF, ("en",), ("events",)
    )


def test_draft_takes_the_next_number(session: Session, now: datetime) -> None:
    bring(session, "a@example.org", now)

    numbers = [import_drafts.begin(session, "b@example.org", WHO, now) for _ in range(2)]

    assert numbers == [2, 3]


def test_draft_dropped_leaves_no_address_behind(session: Session, now: datetime) -> None:
    number = import_drafts.begin(session, "a@example.org", WHO, now)

    import_drafts.drop(session, number)

    assert session.scalars(select(Setting.key).where(Setting.key.startswith("import"))).all() == []
    with pytest.raises(NotFound):
        import_drafts.get_draft(session, number)


def test_draft_nobody_went_on_with_is_forgotten(session: Session, now: datetime) -> None:
    old = import_drafts.begin(session, "a@example.org", WHO, now)
    kept = import_drafts.begin(session, "b@example.org", WHO, now + timedelta(hours=2))

    forgotten = import_drafts.forget_abandoned(session, now + timedelta(hours=25))

    assert forgotten == 1
    assert import_drafts.get_draft(session, kept).text == "b@example.org"
    with pytest.raises(NotFound):
        import_drafts.get_draft(session, old)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "There is no address in this."),
        (
            b"PK\x03\x04",
            "This is a workbook. Open it in your spreadsheet program and save it as CSV.",
        ),
        (b"a\0b", "This is not a text file. Save the list as CSV and try again."),
        (
            b"Email\n" + b"," * 1_000_000,
            "Line 2 is too long, or has more than 200 columns. Is this a list of addresses?",
        ),
    ],
    ids=lambda value: str(value)[:12],
)
def test_unreadable_file_says_what_to_do(data: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_people(read_file(data))

    assert (caught.value.field, str(caught.value)) == ("file", sentence)
