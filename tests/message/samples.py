"""A week at an association like MigAct, written in four languages with gaps, and who writes it.

The letter leaves on Thursday 6 May 2027, 09:00 in Prague. Everything that a digest can hold is in
it once: changes, deadlines, reminders, several sessions, texts that exist in one language only.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from mailer.domain.association import Association
from mailer.domain.cards import Desk, event_card
from mailer.domain.compose import compose
from mailer.domain.content import (
    Attendance,
    Deadline,
    DeadlineKind,
    Event,
    Project,
    Registration,
    Session,
    Snapshot,
    Spoken,
    SpokenRole,
    Status,
    Update,
    UpdateKind,
    Venue,
)
from mailer.domain.digest import Digest, Reader, Role, Run, Section, SectionKind
from mailer.domain.texts import Text, Texts, TextState
from mailer.domain.when import When
from mailer.message import render
from mailer.message.values import Frame

LANGUAGES = ("en", "cs", "uk", "ar")
KINDS = render.TRANSACTIONAL | {"digest", "letter"}
PARTS = ("subject.txt", "preheader.txt", "body.html", "body.txt")
BASE_URL = "https://news.migact.example"
TZ = "Europe/Prague"
NOW = datetime(2027, 5, 6, 7, 0, tzinfo=UTC)
RUN = Run(send_at=NOW, next_at=datetime(2027, 5, 13, 7, 0, tzinfo=UTC))

ASSOCIATION = Association(
    name="MigAct",
    legal_name="MigAct z.s.",
    registration_no="19876543",
    address="Jungmannova 35/29, 110 00 Praha 1",
    contact_email="hello@migact.example",
    website="https://migact.example",
)


def texts(**by_lang: str) -> Texts:
    """The first language is the source, the others are reviewed translations."""
    source = next(iter(by_lang))
    states = dict.fromkeys(by_lang, TextState.REVIEWED) | {source: TextState.SOURCE}
    return Texts(source, {lang: Text(said, states[lang]) for lang, said in by_lang.items()})


def frame(lang: str = "en") -> Frame:
    versions = {code: f"{BASE_URL}/{code}/issues/may" for code in LANGUAGES}
    return Frame(ASSOCIATION, lang, f"{BASE_URL}/{lang}/issues/may", versions)


def digest_for(lang: str, *content_languages: str) -> Digest:
    """The digest of that week for someone who reads `lang` first and follows every topic."""
    languages = (lang, *content_languages)
    composed = compose(Reader(lang, languages, TOPICS, told=TOLD), RUN, SNAPSHOT)
    assert composed
    return Digest(lang, (changes_for(languages), *composed.sections))


def changes_for(languages: Sequence[str]) -> Section:
    """The section on top: a meeting that is off and one that has moved."""
    desk = Desk(languages, RUN.fallback, SNAPSHOT.projects_by_id())
    off, moved = EVENTS[4], EVENTS[5]
    cards = (
        event_card(desk, off, off.sessions, Role.CANCELLED),
        event_card(desk, moved, moved.sessions, Role.CHANGED),
    )
    return Section(SectionKind.CHANGES, cards)


def at(day: int, start: str, end: str = "", month: int = 5) -> When:
    """Wall time in Prague on a day of spring 2027."""
    on = date(2027, month, day).isoformat()
    return When.at(
        datetime.fromisoformat(f"{on} {start}"),
        datetime.fromisoformat(f"{on} {end}") if end else None,
    )


TOPICS = frozenset({"events", "votes"})

CITY_HALL = Venue(
    texts(
        en="Prague City Hall, Škodův palác",
        cs="Magistrát hl. m. Prahy, Škodův palác",
        uk="Магістрат Праги, Шкодув палац",
        ar="بلدية براغ، قصر شكودا",
    ),
    street="Jungmannova 35/29",
    city="Praha 1",
)
INBAZE = Venue(texts(cs="InBáze"), street="Legerova 357/50", city="Praha 2")
STONE_BELL = Venue(
    texts(en="Stone Bell House", cs="Dům U Kamenného zvonu", uk="Будинок «Біля кам’яного дзвона»"),
    street="Staroměstské nám. 605/13",
    city="Praha 1",
)

EVENTS = (
    Event(
        id=1,
        slug="prague-7-networking",
        title=texts(
            en="Prague 7 neighbourhood networking",
            cs="Sousedské setkání na Praze 7",
            uk="Сусідська зустріч на Празі 7",
            ar="لقاء الجيران في براغ 7",
        ),
        summary=texts(
            en="Meet people from your part of the city and plan a small project together. "
            "Children are welcome.",
            cs="Poznejte lidi ze své čtvrti a naplánujte spolu malý projekt. Děti jsou vítány.",
            uk="Познайомтеся з людьми зі свого району і сплануйте разом невеликий проєкт. "
            "Приходьте з дітьми.",
            ar="تعرفوا على سكان حيكم وخططوا معًا لمشروع صغير. الأطفال مرحب بهم.",
        ),
        sessions=(
            Session(
                at(10, "17:30", "20:00"),
                Venue(texts(cs="Kampus Hybernská"), "Hybernská 4", "Praha 1"),
                room="sál 201",
                spoken=(
                    Spoken("cs"),
                    Spoken("en"),
                    Spoken("uk", SpokenRole.INTERPRETATION),
                ),
            ),
        ),
        registration=Registration.REQUIRED,
        registration_url="https://forms.example/prague-7?lang=en&from=letter",
        has_refreshments=True,
        topics=TOPICS,
        project_ids=(1,),
    ),
    Event(
        id=2,
        slug="first-meetings",
        title=texts(
            en="How does City Hall work? Two evenings for newcomers",
            cs="Jak funguje magistrát? Dva večery pro nově příchozí",
            uk="Як працює магістрат? Два вечори для новоприбулих",
        ),
        sessions=(
            Session(at(12, "17:00", "19:30"), CITY_HALL, "room 201", (Spoken("en"),)),
            Session(
                at(13, "16:30", "18:30"),
                INBAZE,
                spoken=(Spoken("cs"), Spoken("ar", SpokenRole.INTERPRETATION)),
            ),
        ),
        registration=Registration.RECOMMENDED,
        registration_url="https://forms.example/city-hall",
        topics=TOPICS,
    ),
    Event(
        id=3,
        slug="online-rights",
        title=texts(
            en="Your rights at work: questions and answers",
            uk="Ваші права на роботі: запитання і відповіді",
            ar="حقوقكم في العمل: أسئلة وأجوبة",
        ),
        summary=texts(en="A lawyer from InBáze answers. You can stay anonymous."),
        sessions=(
            Session(
                at(11, "18:00"),
                spoken=(Spoken("en"), Spoken("cs", SpokenRole.SIGN)),
            ),
        ),
        attendance=Attendance.ONLINE,
        online_url="https://meet.example/rights",
        topics=TOPICS,
    ),
    Event(
        id=4,
        slug="refufest",
        title=texts(cs="RefuFest 2027"),
        summary=texts(cs="Dva dny hudby, jídla a příběhů z celého světa."),
        sessions=(
            Session(
                When.on(date(2027, 5, 28), date(2027, 5, 29)),
                Venue(texts(cs="Kampa"), "Na Kampě", "Praha 1"),
            ),
        ),
        is_free=False,
        topics=TOPICS,
    ),
    Event(
        id=5,
        slug="your-city-follow-up",
        title=texts(
            en="Your City, Your Voice: follow-up session",
            cs="Tvé město, tvůj hlas: navazující setkání",
            uk="Твоє місто, твій голос: наступна зустріч",
            ar="مدينتك، صوتك: جلسة المتابعة",
        ),
        sessions=(Session(at(9, "17:30", "20:00"), STONE_BELL, spoken=(Spoken("cs"),)),),
        status=Status.CANCELLED,
        topics=TOPICS,
        revision=2,
    ),
    Event(
        id=6,
        slug="platform",
        title=texts(
            en="Regional platform of the Integration Centre",
            cs="Regionální platforma Integračního centra",
        ),
        sessions=(Session(at(18, "13:00", "16:00"), CITY_HALL, "room 135", (Spoken("cs"),)),),
        status=Status.RESCHEDULED,
        topics=TOPICS,
        revision=3,
    ),
    Event(
        id=7,
        slug="migact-monday",
        title=texts(
            en="MigAct Monday", cs="MigAct pondělí", uk="MigAct-понеділок", ar="اثنين ميغ آكت"
        ),
        sessions=(Session(at(10, "18:00", "20:00"), INBAZE, spoken=(Spoken("en"),)),),
        topics=TOPICS,
    ),
    Event(
        id=8,
        slug="summer-school",
        title=texts(
            en="Summer school of civic participation",
            cs="Letní škola občanské participace",
            uk="Літня школа громадянської участі",
        ),
        sessions=(Session(When.in_season("summer", 2027)),),
        topics=TOPICS,
    ),
    Event(
        id=9,
        slug="conference",
        title=texts(vi="Hội nghị: Thành phố cho mọi người", ru="Конференция «Город для всех»"),
        sessions=(Session(at(24, "09:00", "17:00"), STONE_BELL, spoken=(Spoken("vi"),)),),
        registration=Registration.WAITLIST,
        registration_url="https://forms.example/conference",
        attendance=Attendance.HYBRID,
        online_url="https://meet.example/conference",
        topics=TOPICS,
    ),
)

DEADLINES = (
    Deadline(
        id=1,
        kind=DeadlineKind.VOTE,
        title=texts(
            en="Vote for two ideas for Prague",
            cs="Hlasujte pro dva nápady pro Prahu",
            uk="Проголосуйте за дві ідеї для Праги",
            ar="صوّتوا لفكرتين من أجل براغ",
        ),
        summary=texts(
            en="Everyone who lives in Prague may vote, whatever their passport.",
            cs="Hlasovat může každý, kdo v Praze žije, ať má jakýkoli pas.",
        ),
        closes=at(8, "12:00"),
        url="https://vote.example/ideas",
        topics=TOPICS,
        project_id=1,
    ),
    Deadline(
        id=2,
        kind=DeadlineKind.APPLICATION,
        title=texts(cs="Přihlášky do akceleračního programu pro spolky"),
        closes=When.on(date(2027, 5, 31)),
        url="https://apply.example/accelerator",
        topics=TOPICS,
    ),
)

PROJECTS = (
    Project(
        id=1,
        slug="city-for-all",
        title=texts(
            en="City for All", cs="Město pro všechny", uk="Місто для всіх", ar="مدينة للجميع"
        ),
        period=When.on(date(2027, 1, 1), date(2027, 12, 31)),
        funder_ack=texts(
            en="This project is run in cooperation with Prague City Hall.",
            cs="Projekt se koná ve spolupráci s hlavním městem Prahou.",
        ),
        topics=TOPICS,
    ),
)

UPDATES = (
    Update(
        id=1,
        title=texts(
            en="Ten ideas are on the table",
            cs="Na stole je deset nápadů",
            uk="На столі десять ідей",
            ar="عشر أفكار على الطاولة",
        ),
        teaser=texts(
            en="Forty people came to three workshops. Now the city has to answer.",
            cs="Na tři setkání přišlo čtyřicet lidí. Teď je na řadě město.",
            uk="На три зустрічі прийшло сорок людей. Тепер черга за містом.",
            ar="حضر أربعون شخصًا ثلاث ورشات. والآن على المدينة أن تجيب.",
        ),
        published_at=datetime(2027, 5, 4, 9, 0, tzinfo=UTC),
        project_id=1,
        url=f"{BASE_URL}/en/news/ten-ideas",
        topics=TOPICS,
    ),
    Update(
        id=2,
        title=texts(en="Minutes of the April platform", cs="Zápis z dubnové platformy"),
        published_at=datetime(2027, 5, 3, 9, 0, tzinfo=UTC),
        kind=UpdateKind.DOCUMENT,
        topics=TOPICS,
    ),
)

SNAPSHOT = Snapshot(NOW, EVENTS, DEADLINES, UPDATES, PROJECTS)

TOLD = {event.key: frozenset({Role.NEW}) for event in EVENTS[5:7]} | {
    EVENTS[5].key: frozenset({Role.NEW, Role.REMINDER})
}
"""What earlier letters told: the moved meeting, and the one to be reminded of."""

LETTER = """\
## June brings a move

Dear friends,
from June we are at **Kampus Hybernská**. Come and see [our new rooms](https://migact.example/new).

- Monday: open evening
- Thursday: advice, please write to [Anna](mailto:anna@migact.example)

> “A city is made by those who stay.”

### How to get here

1. Metro B to Náměstí Republiky
2. Five minutes on foot, the way is here: https://maps.example/hybernska
"""

TRANSACTIONAL: Mapping[str, Mapping[str, Any]] = {
    "confirm": {"confirm_url": f"{BASE_URL}/c/token", "expires_days": 7},
    "already": {},
    "preferences": {},
    "data": {"confirm_url": f"{BASE_URL}/d/token", "expires_days": 1},
    "address_change": {"confirm_url": f"{BASE_URL}/a/token", "expires_days": 7},
    "draft_ready": {
        "plan_name": "Weekly digest",
        "send_at": NOW,
        "needs_approval": True,
        "readers": 312,
        "changes": 1,
        "events": 5,
        "deadlines": 2,
        "updates": 0,
        "review_url": f"{BASE_URL}/admin/newsletters/7",
    },
    "account": {"purpose": "invite", "url": f"{BASE_URL}/admin/invite/token", "hours": 48},
}
