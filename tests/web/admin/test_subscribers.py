"""Subscribers on the desk: the list, one person, and an import from the file to the undo."""

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from mailer.domain.consent import ConsentAction, SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.storage.audit import AuditEntry
from mailer.storage.consents import Consent
from mailer.storage.deliveries import Delivery
from mailer.storage.settings import Setting
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from mailer.usecases import feedback, letters
from mailer.usecases.addresses import make_address_key
from tests.people import add_people, add_subscriber
from tests.web.desk import SECRET, Browser, Desk

LIST = "/desk/subscribers"
IMPORT = "/desk/subscribers/import"
PROOF = "Paper list at the meetup of 12 May"
CHOSEN = {"evidence": PROOF, "languages": ["en"], "topics": ["events"], "cadence": "weekly"}
PEOPLE = "Name;E-mail;Status\nAnna;anna@example.org;subscribed\nLeft;left@example.org;\n"

key = make_address_key(SECRET.encode())


def count(desk: Desk, table: type) -> int:
    with desk.sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def actions(desk: Desk) -> list[str]:
    with desk.sessions() as session:
        return list(
            session.scalars(
                select(AuditEntry.action)
                .where(AuditEntry.thing.in_(("subscriber", "subscriber import")))
                .order_by(AuditEntry.id)
            )
        )


def masked(page: str) -> list[str]:
    return re.findall(r"<bdi>([^<]*)</bdi></span>", page)


def upload(browser: Browser, data: bytes) -> TestResponse:
    """Send a file by the first step."""
    part = '--part\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    token = f"{part.format('csrf_token', '')}{browser.token(IMPORT)}\r\n"
    file = part.format("file", '; filename="../people.csv"')
    return browser.client.post(
        IMPORT,
        data=(token + file).encode() + data + b"\r\n--part--\r\n",
        content_type="multipart/form-data; boundary=part",
    )


def prepare(browser: Browser, text: str) -> str:
    """An import with its proof given, right before the decision; the path of its steps."""
    answer = browser.post(IMPORT, {"text": text})
    steps = answer.location.rsplit("/", 1)[0]
    assert browser.post(f"{steps}/proof", CHOSEN).location == f"{steps}/check"
    return steps


def test_page_of_a_person_says_why_mail_did_not_reach_them(desk: Desk) -> None:
    """A7: the words are a stranger's, and the address in them is hidden."""
    with desk.sessions() as session:
        anna = add_subscriber(session, "anna@example.org", desk.now)
        mails = [
            letters.queue(
                session, "already", subscriber=anna, language="en", context={}, now=desk.now,
                lives=timedelta(days=1),
            )
            for _ in range(2)
        ]  # fmt: skip
        for mail in mails:
            mail.state, mail.last_text = DeliveryState.ACCEPTED, "2.0.0 queued"
        session.flush()
        words = "552 Anna@example.org is <b>full</b>"
        said = Feedback("brevo", "1", FeedbackKind.SOFT_BOUNCE, desk.now, mails[0].id, text=words)
        feedback.take(session, said, desk.now)
        subscriber_id = anna.id

    page = desk.sign_in("sender").read(f"{LIST}/{subscriber_id}")

    assert '<q dir="auto">552 a***@example.org is &lt;b&gt;full&lt;/b&gt;</q>' in page
    assert "2.0.0 queued" not in page


def test_list_hides_addresses_and_tells_the_rest(desk: Desk) -> None:
    with desk.sessions() as session:
        add_subscriber(session, "anna@seznam.cz", desk.now, content_languages=("en", "cs"))

    page = desk.sign_in("sender").read(LIST)

    assert masked(page) == ["a***@seznam.cz"]
    assert "anna@" not in page
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert (
        "a***@seznam.cz English, Čeština · Events · since October 2026 · sign-up form Reader"
        in text
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["a***@one.org", "b***@one.org", "c***@two.org"]),
        ("?search=anna%40", ["a***@one.org"]),
        ("?search=ONE", ["a***@one.org", "b***@one.org"]),
        ("?search=%25", []),
        ("?state=pending", ["b***@one.org"]),
        ("?state=nonsense", ["a***@one.org", "b***@one.org", "c***@two.org"]),
        ("?language=cs", ["c***@two.org"]),
        ("?topic=trainings", ["b***@one.org"]),
        ("?topic=%27%20or%201%3D1", ["a***@one.org", "b***@one.org", "c***@two.org"]),
        ("?source=form&state=confirmed", ["a***@one.org", "c***@two.org"]),
        ("?source=%27%20or%201%3D1", []),
        ("?after=x", ["a***@one.org", "b***@one.org", "c***@two.org"]),
        (f"?after={10**30}", ["a***@one.org", "b***@one.org", "c***@two.org"]),
    ],
)
def test_list_is_narrowed_to_what_was_asked_for(desk: Desk, query: str, found: list[str]) -> None:
    with desk.sessions() as session:
        pending = SubscriberState.PENDING
        add_subscriber(session, "anna@one.org", desk.now)
        add_subscriber(session, "b@one.org", desk.now, state=pending, topics=("trainings",))
        add_subscriber(session, "c@two.org", desk.now, language="cs")

    assert masked(desk.sign_in().read(LIST + query)) == found


def test_list_is_read_to_its_end(desk: Desk) -> None:
    with desk.sessions() as session:
        add_people(session, 120, desk.now)
    browser, path, sizes = desk.sign_in(), f"{LIST}?state=confirmed", []

    while path:
        page = browser.read(path)
        sizes.append(len(masked(page)))
        link = re.search(r'class="pager".*?href="([^"]+)"', page, re.DOTALL)
        path = link[1].replace("&amp;", "&") if link else ""

    assert sizes == [50, 50, 20]


def test_list_costs_the_same_for_one_and_for_three(desk: Desk) -> None:
    browser, costs = desk.sign_in(), []
    for number in (1, 3):
        with desk.sessions() as session:
            for at in range(number):
                add_subscriber(session, f"{number}-{at}@example.org", desk.now)
            engine = session.get_bind().engine
        statements: list[str] = []

        def note(_c: object, _k: object, text: str, *_more: object) -> None:
            statements.append(text)  # noqa: B023 - removed before the next round

        event.listen(engine, "before_cursor_execute", note)
        browser.read(LIST)
        event.remove(engine, "before_cursor_execute", note)
        costs.append(len(statements))

    assert costs[0] == costs[1] > 0


@pytest.mark.parametrize(
    ("role", "code"), [("admin", 200), ("sender", 200), ("editor", 403), ("viewer", 403)]
)
@pytest.mark.parametrize("path", [LIST, f"{LIST}/1", f"{LIST}/new", IMPORT])
def test_people_are_for_those_who_look_after_them(
    desk: Desk, path: str, role: str, code: int
) -> None:
    with desk.sessions() as session:
        add_subscriber(session, "a@example.org", desk.now)

    assert desk.sign_in(role).get(path).status_code == code


@pytest.mark.parametrize("path", [f"{LIST}/7", f"{IMPORT}/7", f"{IMPORT}/7/check"])
def test_what_is_not_there_is_said_so(desk: Desk, path: str) -> None:
    assert desk.sign_in().get(path).status_code == 404


def test_whole_address_is_shown_on_demand_and_logged(desk: Desk) -> None:
    with desk.sessions() as session:
        add_subscriber(session, "anna@example.org", desk.now)
    browser = desk.sign_in("sender")

    closed = browser.read(f"{LIST}/1")
    opened = browser.post(f"{LIST}/1/address", page=f"{LIST}/1")

    assert ("anna@example.org" in closed, "a***@example.org" in closed) == (False, True)
    assert (opened.status_code, "anna@example.org" in opened.text) == (200, True)
    assert actions(desk) == ["address shown"]


def test_person_page_tells_the_story(desk: Desk) -> None:
    with desk.sessions() as session:
        one = add_subscriber(session, "anna@example.org", desk.now, language="uk")
        for action, source, evidence in (
            (ConsentAction.REQUESTED, "import:4", PROOF),
            (ConsentAction.CONFIRMED, "confirmation link", ""),
        ):
            session.add(
                Consent(
                    subscriber_id=one.id,
                    action=action,
                    at=desk.now,
                    source=source,
                    evidence=evidence,
                )
            )

    page = desk.sign_in().read(f"{LIST}/1")

    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert (
        "What they agreed to Thu 26 Nov 2026, 09:00 A coordinator put them forward import 4 "
        f"{PROOF} Thu 26 Nov 2026, 09:00 Confirmed it by the link in a mail link in the question "
        "Mails to them None yet." in text
    )


def test_person_added_is_asked(desk: Desk) -> None:
    browser = desk.sign_in("sender")

    answer = browser.post(f"{LIST}/new", {"email": "Anna@Example.org", **CHOSEN})

    assert (answer.status_code, answer.location) == (303, f"{LIST}/1")
    page = browser.read(answer.location)
    assert "A mail is on its way. They join by pressing the button in it." in page
    with desk.sessions() as session:
        one = session.scalars(select(Subscriber)).one()
        consent = session.scalars(select(Consent)).one()
        assert (one.state, one.source, one.topics) == (SubscriberState.PENDING, "desk", ("events",))
        assert one.address_key == key("anna@example.org")
        assert (consent.source, consent.evidence) == ("desk", PROOF)
        assert session.scalars(select(Delivery.template)).all() == ["confirm"]


def test_person_added_who_is_a_reader_stays_as_they_are(desk: Desk) -> None:
    with desk.sessions() as session:
        one = add_subscriber(session, "anna@example.org", desk.now, language="uk")
        one.address_key = key("anna@example.org")
    browser = desk.sign_in()

    answer = browser.post(f"{LIST}/new", {"email": "anna@example.org", **CHOSEN})

    assert "This person is a reader already." in browser.read(answer.location)
    assert (count(desk, Delivery), count(desk, Consent)) == (0, 0)


def test_person_who_must_not_be_mailed_is_not_added(desk: Desk) -> None:
    with desk.sessions() as session:
        suppress(session, key("dead@example.org"), Scope.EVERYTHING, "bounced 550", desk.now)
    browser = desk.sign_in()

    answer = browser.post(f"{LIST}/new", {"email": "dead@example.org", **CHOSEN})

    assert answer.location == LIST
    assert "No mail was sent" in browser.read(LIST)
    assert (count(desk, Subscriber), count(desk, Delivery)) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"email": "anna"}, "An e-mail address needs one @, as in name@example.org."),
        ({"email": ""}, "This field is required."),
        ({"evidence": " "}, "Write down where and when the person asked for it."),
        ({"languages": []}, "Choose a language you want to read."),
        ({"topics": []}, "Choose at least one topic."),
    ],
)
def test_mistake_is_shown_and_nothing_typed_is_lost(
    desk: Desk, wrong: dict[str, object], sentence: str
) -> None:
    values = {"email": "anna@example.org", **CHOSEN, "cadence": "monthly"} | wrong

    answer = desk.sign_in().post(f"{LIST}/new", values)

    assert answer.status_code == 422
    assert answer.text.count(sentence) == 2
    assert re.search(r'<input checked[^>]*value="monthly"', answer.text)
    assert count(desk, Subscriber) == 0


def test_subscription_ends_on_request_with_a_note(desk: Desk) -> None:
    with desk.sessions() as session:
        add_subscriber(session, "anna@example.org", desk.now)
    browser = desk.sign_in("sender")
    leave = f"{LIST}/1/unsubscribe"

    empty = browser.post(leave, {"evidence": ""}, page=f"{LIST}/1")
    given = browser.post(leave, {"evidence": "By phone, 12 May"}, page=f"{LIST}/1")

    assert (empty.status_code, given.status_code) == (422, 303)
    with desk.sessions() as session:
        one = session.scalars(select(Subscriber)).one()
        consent = session.scalars(select(Consent)).one()
        assert (one.state, one.left_at) == (SubscriberState.UNSUBSCRIBED, desk.now)
        assert (consent.action, consent.evidence) == (ConsentAction.WITHDRAWN, "By phone, 12 May")
    assert actions(desk) == ["subscriber unsubscribed"]


def test_person_is_erased_on_request_and_stays_out(desk: Desk) -> None:
    with desk.sessions() as session:
        one = add_subscriber(session, "anna@example.org", desk.now)
        one.address_key = key("anna@example.org")
    browser, erase = desk.sign_in("sender"), f"{LIST}/1/erase"

    unsure = browser.post(erase, page=f"{LIST}/1")
    sure = browser.post(erase, {"is_asked": "y"}, page=f"{LIST}/1")

    assert (unsure.status_code, sure.location) == (422, LIST)
    assert (count(desk, Subscriber), actions(desk)) == (0, ["subscriber erased"])
    check = browser.read(prepare(browser, "anna@example.org") + "/check")
    assert "There is nobody new in this list." in check


def test_export_is_the_list_as_it_was_narrowed(desk: Desk) -> None:
    with desk.sessions() as session:
        add_subscriber(session, "+anna@example.org", desk.now)
        add_subscriber(session, "b@example.org", desk.now, state=SubscriberState.PENDING)
    browser = desk.sign_in("sender")

    answer = browser.post(f"{LIST}/export", {"state": "confirmed"}, page=LIST)

    rows = list(csv.reader(StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row[0] for row in rows] == ["address", "'+anna@example.org"]
    assert answer.text.startswith("\ufeff")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        answer.headers["Content-Disposition"] == 'attachment; filename="subscribers-2026-11-26.csv"'
    )
    with desk.sessions() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last
        assert (last.who, last.action) == ("sender@example.org", "subscribers exported")


@pytest.mark.parametrize("role", ["editor", "viewer"])
@pytest.mark.parametrize("path", [f"{LIST}/export", f"{IMPORT}/1/ask", f"{LIST}/1/address"])
def test_others_cannot_act_on_people(desk: Desk, role: str, path: str) -> None:
    answer = desk.sign_in(role).post(path, page="/desk/account")

    assert answer.status_code == 403


def test_import_by_file_asks_everybody_new(desk: Desk) -> None:
    with desk.sessions() as session:
        suppress(session, key("left@example.org"), Scope.NEWSLETTERS, "left", desk.now)
    browser = desk.sign_in("sender")

    columns = upload(browser, PEOPLE.encode("cp1250")).location
    proof = browser.post(
        columns,
        {"has_header": "y", "email": "1", "language": "", "topics": "", "status": "2"},
    ).location
    check = browser.post(proof, CHOSEN).location
    dry_run = browser.read(check)
    before = count(desk, Subscriber)
    result = browser.post(f"{IMPORT}/1/ask", page=check).location

    assert [columns, proof, check, result] == [
        f"{IMPORT}/1/columns",
        f"{IMPORT}/1/proof",
        f"{IMPORT}/1/check",
        f"{IMPORT}/1",
    ]
    assert before == 0
    assert "1 person gets a mail with a button" in dry_run
    assert "left@example.org" in dry_run
    assert "Each person was asked to confirm." in browser.read(result)
    with desk.sessions() as session:
        assert session.scalars(select(Subscriber.address)).all() == ["anna@example.org"]
        assert session.scalars(select(Consent.evidence)).all() == [PROOF]


def test_import_of_a_pasted_list_has_no_columns_to_choose(desk: Desk) -> None:
    answer = desk.sign_in().post(IMPORT, {"text": "Anna <a@example.org>, b@example.org"})

    assert answer.location == f"{IMPORT}/1/proof"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "There is no address in this."),
        (b"PK\x03\x04", "This is a workbook."),
        (b"a@example.org\0", "This is not a text file."),
        (
            b"Email\n" + b"," * 1_000_000,
            "Line 2 is too long, or has more than 200 columns.",
        ),
    ],
    ids=["empty", "workbook", "NUL", "a million columns"],
)
def test_hostile_file_is_refused_with_a_sentence(desk: Desk, data: bytes, sentence: str) -> None:
    answer = upload(desk.sign_in(), data)

    assert answer.status_code == 422
    assert answer.text.count(sentence) == 2
    assert count(desk, Subscriber) == 0


def test_hostile_cells_are_shown_as_text(desk: Desk) -> None:
    browser = desk.sign_in()
    text = 'Email,Note\n"<script>x</script>@example.org","=cmd|\' /C calc\'!A0"\n'

    columns = upload(browser, text.encode()).location
    page = browser.read(columns)
    browser.post(columns, {"has_header": "y", "email": "0"})
    browser.post(f"{IMPORT}/1/proof", CHOSEN)
    dry_run = browser.read(f"{IMPORT}/1/check")

    assert ("<script>x" in page, "<script>x" in dry_run) == (False, False)
    assert "&lt;script&gt;x&lt;/script&gt;@example.org" in dry_run


def test_file_larger_than_allowed_is_refused(desk: Desk) -> None:
    answer = upload(desk.sign_in(), b"a" * 21 * 1024 * 1024)

    assert answer.status_code == 413


def test_decision_needs_the_proof_first(desk: Desk) -> None:
    browser = desk.sign_in()
    browser.post(IMPORT, {"text": "a@example.org"})

    check = browser.get(f"{IMPORT}/1/check")
    asked = browser.post(f"{IMPORT}/1/ask", page=f"{IMPORT}/1/proof")

    assert [check.location, asked.location] == [f"{IMPORT}/1/proof"] * 2
    assert count(desk, Subscriber) == 0


@pytest.mark.parametrize(
    ("role", "sure", "code", "people"),
    [
        ("admin", {"is_sure": "y"}, 303, 1),
        ("admin", {}, 422, 0),
        ("sender", {"is_sure": "y"}, 403, 0),
    ],
)
def test_joining_without_being_asked_is_for_administrators_who_are_sure(
    desk: Desk, role: str, sure: dict[str, str], code: int, people: int
) -> None:
    browser = desk.sign_in(role)
    steps = prepare(browser, "a@example.org")

    answer = browser.post(f"{steps}/confirmed", sure, page=f"{steps}/check")

    assert answer.status_code == code
    with desk.sessions() as session:
        states = session.scalars(select(Subscriber.state)).all()
        assert states == [SubscriberState.CONFIRMED] * people


def test_sender_is_not_offered_to_let_people_in(desk: Desk) -> None:
    browser = desk.sign_in("sender")

    assert "/confirmed" not in browser.read(prepare(browser, "a@example.org") + "/check")


def test_button_pressed_twice_does_nothing_more(desk: Desk) -> None:
    browser = desk.sign_in()
    steps = prepare(browser, "a@example.org")
    first = browser.post(f"{steps}/ask", page=f"{steps}/check")

    second = browser.post(f"{steps}/ask", page=LIST)

    assert first.location == second.location == f"{IMPORT}/1"
    assert (count(desk, Subscriber), count(desk, Delivery)) == (1, 1)
    assert actions(desk) == ["subscriber import begun", "subscribers imported"]


def test_import_leaves_no_copy_of_the_list(desk: Desk) -> None:
    browser = desk.sign_in()
    steps = prepare(browser, "a@example.org")
    browser.post(f"{steps}/ask", page=f"{steps}/check")

    with desk.sessions() as session:
        kept = session.scalars(select(Setting.key).where(Setting.key.startswith("import"))).all()
    assert kept == []


def test_list_is_thrown_away_on_demand(desk: Desk) -> None:
    browser = desk.sign_in()
    steps = prepare(browser, "a@example.org")

    answer = browser.post(f"{steps}/drop", page=f"{steps}/check")

    assert answer.location == IMPORT
    assert browser.get(f"{steps}/check").status_code == 404


def test_import_is_taken_back(desk: Desk) -> None:
    browser = desk.sign_in("sender")
    steps = prepare(browser, "a@example.org\nb@example.org")
    browser.post(f"{steps}/ask", page=f"{steps}/check")
    desk.wait(minutes=5)

    answer = browser.post(f"{steps}/undo", page=steps)

    page = browser.read(answer.location)
    assert "2 people were erased." in page
    assert "It was taken back on Thu 26 Nov 2026, 09:05." in page
    assert f"{steps}/undo" not in page
    assert (count(desk, Subscriber), count(desk, Delivery)) == (0, 0)


def test_import_of_yesterday_stays(desk: Desk) -> None:
    browser = desk.sign_in()
    steps = prepare(browser, "a@example.org")
    browser.post(f"{steps}/ask", page=f"{steps}/check")
    desk.now += timedelta(hours=25)

    answer = browser.post(f"{steps}/undo", page=LIST)

    assert answer.status_code == 409
    assert f"{steps}/undo" not in browser.read(steps)
    assert count(desk, Subscriber) == 1


def test_reading_pages_writes_nothing(desk: Desk) -> None:
    browser = desk.sign_in()
    steps = prepare(browser, "a@example.org")
    before = count(desk, AuditEntry)

    for path in (LIST, f"{LIST}/new", IMPORT, f"{steps}/proof", f"{steps}/check"):
        browser.read(path)

    assert count(desk, AuditEntry) == before
    assert count(desk, Subscriber) == 0
