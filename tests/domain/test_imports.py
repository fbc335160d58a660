"""Reading lists of people: every kind of file that coordinators bring, and the hostile ones."""

import pytest

from mailer.domain.consent import SubscriberState
from mailer.domain.imports import (
    BadLine,
    Columns,
    Fate,
    ImportRow,
    Problem,
    Rows,
    Standing,
    decide_fate,
    find_columns,
    read_rows,
    suggest_domain,
)
from mailer.domain.imports_table import (
    LONGEST_LINE,
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    Unreadable,
    UnreadableTable,
    decode,
    read_table,
)


def read(text: str) -> Rows:
    table = read_table(text)
    return read_rows(table, find_columns(table))


def addresses(text: str) -> list[str]:
    return [row.email for row in read(text).rows]


CZECH = "Jméno;E-mail;Jazyk\nŘehoř Příšerný;rehor@example.org;čeština\n"
UKRAINIAN = "Ім'я;Електронна пошта;Мова\nОлена Ївга;olena@example.org;українська\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CZECH, "utf-8"),
        (CZECH, "utf-8-sig"),
        (CZECH, "utf-16"),
        (CZECH, "utf-16-le"),
        (CZECH, "utf-16-be"),
        (CZECH, "cp1250"),
        (UKRAINIAN, "utf-8"),
        (UKRAINIAN, "cp1251"),
        ("Email\nzoë@example.org\n", "cp1250"),
    ],
)
def test_file_is_decoded_whatever_it_was_saved_in(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_end_are_found(sign: str, end: str) -> None:
    lines = [("Name", "Email", "Note"), ("Anna", "anna@example.org", "a"), ("", "b@example.org")]
    text = end.join(sign.join(cells) for cells in lines)

    found = read(text)

    assert [(row.line, row.email) for row in found.rows] == [
        (2, "anna@example.org"),
        (3, "b@example.org"),
    ]


def test_delimiter_inside_quotation_marks_does_not_count() -> None:
    text = '"Jméno, příjmení";Email\n"Novák, Jan, ml.";jan@example.org\n'

    assert addresses(text) == ["jan@example.org"]


def test_delimiter_named_by_a_spreadsheet_is_taken_at_its_word() -> None:
    assert read("sep=|\nName|Email\nA, B|anna@example.org\n").rows == (
        ImportRow(3, "anna@example.org"),
    )


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Email", Columns(True, 0)),
        ("E-mail *", Columns(True, 0)),
        ("jméno,E-mailová adresa,Jazyk,Témata", Columns(True, 1, 2, 3)),
        ("Ім’я,Електронна пошта,Мова,Теми", Columns(True, 1, 2, 3)),
        # Mailchimp: who left stands in a file of their own, with the time.
        ("Email Address,First Name,TAGS,UNSUB_TIME", Columns(True, 0, None, 2, None, (3,))),
        ("Email Address,First Name,CLEAN_TIME", Columns(True, 0, gone=(2,))),
        # listmonk
        ("uuid,email,name,attributes,status,created_at", Columns(True, 1, status=4)),
        # Sendy
        ("Name,Email,Status", Columns(True, 1, status=2)),
        # Our own export: the list of languages says more than the first of them.
        ("address,state,language,content_languages,topics", Columns(True, 0, 3, 4, 1)),
        # A street is no mailbox.
        ("Address,Email", Columns(True, 1)),
    ],
)
def test_header_is_understood(header: str, columns: Columns) -> None:
    below = ",".join(["subscribed"] * (header.count(",") + 1))

    assert find_columns(read_table(f"{header}\n{below}\n")) == columns


def test_header_nobody_knows_leaves_the_column_of_addresses_to_be_found() -> None:
    text = "kdo,kam\nAnna,anna@example.org\nPetr,petr@example.org\n"

    assert find_columns(read_table(text)) == Columns(True, 1)
    assert addresses(text) == ["anna@example.org", "petr@example.org"]


def test_state_of_a_country_is_no_status() -> None:
    text = "Email,State\nanna@example.org,Vysočina\n"

    assert read(text).rows == (ImportRow(2, "anna@example.org"),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("anna@example.org\npetr@example.org\n", ["anna@example.org", "petr@example.org"]),
        (
            '"Novák, Jan" <jan@example.org>, Petr <petr@example.org>; eva@example.org',
            ["jan@example.org", "petr@example.org", "eva@example.org"],
        ),
        (
            "Jan Novák <jan@example.org>\nmailto:eva@example.org",
            ["jan@example.org", "eva@example.org"],
        ),
        ("Anna Nová anna@example.org\n", ["anna@example.org"]),
        (
            "a@example.org b@example.org\nc@example.org",
            ["a@example.org", "b@example.org", "c@example.org"],
        ),
        (
            "anna@example.org,Anna,cs\npetr@example.org,Petr,uk\n",
            ["anna@example.org", "petr@example.org"],
        ),
        ("'+anna@example.org\n", ["+anna@example.org"]),
    ],
)
def test_plain_list_is_read(text: str, found: list[str]) -> None:
    assert addresses(text) == found


def test_list_in_one_line_may_be_longer_than_a_row_is_wide() -> None:
    text = ", ".join(f"person{number}@example.org" for number in range(10_000))

    assert len(addresses(text)) == 10_000


@pytest.mark.parametrize(
    ("word", "standing"),
    [
        ("subscribed", Standing.ACTIVE),
        ("Enabled", Standing.ACTIVE),
        ("", Standing.ACTIVE),
        ("Unconfirmed", Standing.UNCONFIRMED),
        ("unsubscribed", Standing.GONE),
        ("blocklisted", Standing.GONE),
        ("Marked as spam", Standing.GONE),
        ("Soft bounced", Standing.GONE),
        ("Cleaned", Standing.GONE),
        ("odhlášen", Standing.GONE),
        ("відписаний", Standing.GONE),
        ("non-subscribed", Standing.GONE),
    ],
)
def test_status_says_whether_somebody_left(word: str, standing: Standing) -> None:
    text = f"Email,Status\nfirst@example.org,subscribed\nanna@example.org,{word}\n"

    assert read(text).rows[1] == ImportRow(3, "anna@example.org", standing=standing)


def test_time_of_leaving_means_that_somebody_left() -> None:
    text = "Email Address,UNSUB_TIME\na@example.org,2024-05-01 10:00\nb@example.org,\n"

    assert [row.standing for row in read(text).rows] == [Standing.GONE, Standing.ACTIVE]


def test_wishes_are_kept_in_the_words_of_the_file() -> None:
    text = 'Email;Languages;Topics\nanna@example.org;cs, uk;"Events, Votes and calls"\n'

    assert read(text).rows == (
        ImportRow(2, "anna@example.org", ("cs", "uk"), ("Events", "Votes and calls")),
    )


def test_every_bad_line_is_named_and_the_rest_goes_on() -> None:
    text = (
        "Name,Email,Status\n"
        "Anna,anna@example.org,subscribed\n"
        'Petr "Pěťa",petr@example.org,subscribed\n'
        'Eva,"eva@example.org" x,subscribed\n'
        "Jan,jan.example.org,subscribed\n"
        ",,\n"
        "Ota,,subscribed\n"
        "Ida,ida@example.org,perhaps\n"
        "Last,last@example.org,subscribed\n"
    )

    found = read(text)

    assert [row.email for row in found.rows] == [
        "anna@example.org",
        "petr@example.org",
        "last@example.org",
    ]
    assert found.bad == (
        BadLine(4, Problem.QUOTES),
        BadLine(5, Problem.NO_ADDRESS, "jan.example.org"),
        BadLine(7, Problem.NO_ADDRESS, ""),
        BadLine(8, Problem.STATUS, "perhaps"),
    )


def test_quotation_mark_that_nobody_closed_swallows_nobody() -> None:
    text = 'Name,Email\n"Anna,anna@example.org\nPetr,petr@example.org\nEva,eva@example.org\n'

    found = read(text)

    assert [row.email for row in found.rows] == ["petr@example.org", "eva@example.org"]
    assert found.bad == (BadLine(2, Problem.QUOTES),)


def test_cell_of_several_lines_keeps_the_line_it_begins_on() -> None:
    text = 'Email,Note\na@example.org,"one\ntwo"\nb@example.org,\n'

    assert [(row.line, row.email) for row in read(text).rows] == [
        (2, "a@example.org"),
        (4, "b@example.org"),
    ]


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (b"", Unreadable.EMPTY, 0),
        (b"\n , ,\n\n", Unreadable.EMPTY, 0),
        (b"Email\nanna@example.org\0\n", Unreadable.NOT_TEXT, 0),
        (b"\x98\x81 anna@example.org", Unreadable.NOT_TEXT, 0),
        (b"PK\x03\x04\x14\0\x06\0", Unreadable.WORKBOOK, 0),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", Unreadable.WORKBOOK, 0),
        (b"a" * (MOST_BYTES + 1), Unreadable.TOO_BIG, 0),
        (b"Email\n" + b"," * 1_000_000, Unreadable.TOO_WIDE, 2),
        (b"Email\nx\n" + b"," * MOST_COLUMNS, Unreadable.TOO_WIDE, 3),
        (b"Email\n" + b"a" * (LONGEST_LINE + 1), Unreadable.TOO_WIDE, 2),
        (b"a@b.cz\n" * (MOST_ROWS + 1), Unreadable.TOO_LONG, MOST_ROWS + 1),
        (b"a@b.cz,c@d.cz\n" * (MOST_ROWS // 2 + 1), Unreadable.TOO_LONG, MOST_ROWS // 2 + 1),
    ],
    ids=lambda value: str(value)[:20],
)
def test_file_out_of_measure_is_refused(data: bytes, reason: Unreadable, line: int) -> None:
    with pytest.raises(UnreadableTable) as caught:
        read_table(decode(data))

    assert (caught.value.reason, caught.value.line) == (reason, line)


def test_cells_with_many_addresses_cannot_get_round_the_limit() -> None:
    crowd = " ".join(["a@b.cz"] * 10_000)
    table = read_table("Email\n" + f"{crowd}\n" * 21)

    with pytest.raises(UnreadableTable) as caught:
        read_rows(table, Columns(True, 0))

    assert (caught.value.reason, caught.value.line) == (Unreadable.TOO_LONG, 22)


def test_only_quotation_marks_end_in_bounded_work() -> None:
    lines = MOST_ROWS // 2

    found = read_rows(read_table("a@b.cz\n" + '"a\n' * lines), Columns())

    assert (len(found.rows), len(found.bad)) == (1, lines)


def test_hundred_thousand_rows_are_read() -> None:
    text = "Email,Language\n" + "".join(f"p{n}@example.org,cs\n" for n in range(100_000))

    found = read(text)

    assert (len(found.rows), found.bad) == (100_000, ())
    assert found.rows[-1] == ImportRow(100_001, "p99999@example.org", ("cs",))


S, F = SubscriberState, Fate


@pytest.mark.parametrize(
    ("standing", "state", "has_left", "is_dead", "fate"),
    [
        (Standing.ACTIVE, None, False, False, F.NEW),
        (Standing.UNCONFIRMED, None, False, False, F.NEW),
        (Standing.GONE, None, False, False, F.GONE),
        (Standing.ACTIVE, S.CONFIRMED, False, False, F.ALREADY),
        (Standing.GONE, S.CONFIRMED, False, False, F.ALREADY),
        (Standing.ACTIVE, S.PENDING, False, False, F.PENDING),
        (Standing.ACTIVE, S.UNSUBSCRIBED, True, False, F.LEFT),
        (Standing.ACTIVE, S.BOUNCED, False, True, F.BOUNCED),
        (Standing.ACTIVE, S.COMPLAINED, False, False, F.BOUNCED),
        # Erased since: only the suppression is left to remember them.
        (Standing.ACTIVE, None, True, False, F.LEFT),
        (Standing.ACTIVE, None, False, True, F.BOUNCED),
        (Standing.ACTIVE, None, True, True, F.BOUNCED),
        (Standing.ACTIVE, S.PENDING, True, False, F.LEFT),
        (Standing.GONE, None, True, False, F.LEFT),
    ],
)
def test_fate_of_an_address(
    standing: Standing,
    state: SubscriberState | None,
    has_left: bool,
    is_dead: bool,
    fate: Fate,
) -> None:
    assert decide_fate(standing, state, has_left=has_left, is_dead=is_dead) is fate


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("anna@gmail.con", "anna@gmail.com"),
        ("anna@gmial.com", "anna@gmail.com"),
        ("anna@GMAIL.CMO", "anna@gmail.com"),
        ("anna@gmail.cz", "anna@gmail.com"),
        ("anna@sezman.cz", "anna@seznam.cz"),
        ("anna@seznam.com", "anna@seznam.cz"),
        ("anna@hotmial.com", "anna@hotmail.com"),
        ("anna@ukr.ne", "anna@ukr.net"),
        ("anna@gmail.com", None),
        ("anna@email.cz", None),
        ("anna@email.com", None),
        ("anna@yahoo.co.uk", None),
        ("anna@example.org", None),
        ("anna@mail.ru", None),
        ("gmail.con", None),
    ],
)
def test_slip_in_a_domain_is_suggested(address: str, meant: str | None) -> None:
    assert suggest_domain(address) == meant
