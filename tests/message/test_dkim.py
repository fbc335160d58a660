"""Signatures hold as built and break when touched; dkimpy verifies them (RFC 6376, 8301, 8463)."""

import re
from base64 import b64decode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import CanonicalizationPolicy
from dkim.util import parse_tag_value
from hypothesis import given
from hypothesis import strategies as st

from mailer.message.build import build
from mailer.message.dkim import SIGNED, Key, Signer, build_signer, list_keys
from mailer.message.headers import BULK
from mailer.message.render import Renderer
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.splice import cut
from mailer.message.values import Envelope, Person, Rendered
from mailer.sections.dkim import Dkim
from tests.message.samples import BASE_URL, LETTER, TRANSACTIONAL, TZ, digest_for, frame

BASE = "https://news.example.org"
ENVELOPE = Envelope(
    from_name="MigAct",
    from_address="news@example.org",
    subject="Зустріч",
    language="uk",
    list_name="MigAct",
    list_domain="news.example.org",
    reply_to="hello@example.org",
    archive_url=f"{BASE}/uk/archive",
)
TO_ONE = replace(ENVELOPE, is_bulk=False, reply_to="")
PERSON = Person(
    address="reader@example.org",
    message_id="<000000000000004d.0123456789abcdef0123456789abcdef@news.example.org>",
    date="Thu, 09 May 2024 09:00:00 +0200",
    unsubscribe_token="u" * 32 + "." + "s" * 43,
    preferences_token="p" * 32 + "." + "r" * 43,
)
LATIN = Rendered("", "", "<p>Hello  there</p>\n", f"Hello\n{BASE}/u/{UNSUBSCRIBE}\n", "en")
CYRILLIC = Rendered("", "", "<p lang=uk>Привіт</p>\n" * 40, "Привіт усім\n" * 40, "uk")

RSA = Key("example.org", "news", generate_private_key(65537, 2048))
RSA_PEM = RSA.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
# The key pair and the message that RFC 8463 gives as its example.
SECOND = Key(
    "football.example.com",
    "brisbane",
    Ed25519PrivateKey.from_private_bytes(b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")),
)
RFC_8463_MESSAGE = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")
SIGNER = Signer([RSA])


def built(
    rendered: Rendered = LATIN, envelope: Envelope = ENVELOPE, person: Person = PERSON
) -> bytes:
    return build(rendered, envelope, person, base_url=BASE)


def read_dns(name: bytes, timeout: int = 5) -> bytes | None:
    return {f"{key.record_name}.".encode(): key.record.encode() for key in (RSA, SECOND)}.get(name)


def holds(content: bytes) -> bool:
    """Whether dkimpy takes the first signature for good."""
    return dkim.verify(content, dnsfunc=read_dns)


def second_holds(content: bytes, public: Ed25519PublicKey) -> bool:
    """Whether the Ed25519 signature is good, by dkimpy's reading of the message."""
    message = dkim.DKIM(content)
    header = next(pair for pair in message.headers if b"a=ed25519" in pair[1])
    tags = parse_tag_value(header[1])
    policy = CanonicalizationPolicy.from_c_value(tags[b"c"])
    listed = re.split(rb"\s*:\s*", tags[b"h"].lower())
    hasher = dkim.HashThrough(sha256())
    headers = policy.canonicalize_headers(message.headers)
    dkim.hash_headers(hasher, policy, headers, listed, header, tags)
    body_hash = sha256(policy.canonicalize_body(message.body)).digest()
    try:
        public.verify(b64decode(tags[b"b"]), hasher.digest())
    except InvalidSignature:
        return False
    return b64decode(tags[b"bh"]) == body_hash


def read_tags(signed: bytes) -> Mapping[bytes, bytes]:
    """What the first signature says, blanks left out."""
    value = dkim.DKIM(signed).headers[0][1]
    return {name: b"".join(text.split()) for name, text in parse_tag_value(value).items()}


def letters_of_every_kind() -> dict[str, bytes]:
    renderer = Renderer(BASE_URL)
    letters = {
        "digest": built(renderer.digest(digest_for("uk", "cs"), frame("uk"), tz=TZ)),
        "letter": built(renderer.letter(LETTER, "مرحبًا", "", frame("ar"))),
    }
    for kind, values in TRANSACTIONAL.items():
        rendered = renderer.transactional(kind, "ar", frame("ar"), **values)
        envelope = replace(TO_ONE, subject=rendered.subject, language="ar")
        letters[kind] = built(rendered, envelope)
    return letters


@pytest.mark.parametrize(("kind", "letter"), letters_of_every_kind().items())
def test_mail_of_every_kind_verifies(kind, letter):
    signed = SIGNER.sign(letter)

    assert holds(signed)
    assert signed.endswith(letter)


NAMES = [
    "",
    "MigAct z.s.",
    'A "good", (old) <name>; with  blanks',
    "Příliš žluťoučký kůň " * 9,
    "Міграція",
    "جمعية المهاجرين",
    "移民協會",
    "Hội người di cư",
    "👩‍👩‍👧‍👦",
    "=?utf-8?q?hi=0D=0ABcc:_x@y.example?=",
    "From: x@y.example; b=; h=from",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rendered", [LATIN, CYRILLIC], ids=["quoted-printable", "base64"])
def test_names_and_subjects_of_every_script_verify(name, rendered):
    envelope = replace(ENVELOPE, from_name=name, list_name=name, subject=name or "Hello")

    assert holds(SIGNER.sign(built(rendered, envelope)))
    assert holds(SIGNER.sign(built(rendered, replace(envelope, is_bulk=False, reply_to=""))))


words = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=300,
)
bodies = st.lists(
    st.one_of(
        st.sampled_from(["\n", "\n.\n", " \n", "\t", "  ", "\nFrom me", "b=\n", "x" * 1200]),
        st.sampled_from(["я" * 500, "العربية", UNSUBSCRIBE, PREFERENCES]),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    max_size=15,
).map("".join)


@given(text=bodies, html=bodies, subject=words, name=words)
def test_any_letter_verifies_as_it_was_spliced(text, html, subject, name):
    envelope = replace(ENVELOPE, subject=subject, from_name=name, list_name=name)
    letter = cut(Rendered("", "", html, text, "en"), envelope, base_url=BASE).splice(PERSON)

    assert holds(SIGNER.sign(letter))


def test_signature_says_exactly_this():
    tags = dict(read_tags(SIGNER.sign(built())))

    assert len(b64decode(tags.pop(b"b"))) == 256
    assert len(b64decode(tags.pop(b"bh"))) == 32
    assert tags == {
        b"v": b"1",
        b"a": b"rsa-sha256",
        b"c": b"relaxed/simple",
        b"d": b"example.org",
        b"s": b"news",
        b"h": b"from:from:to:to:subject:subject:date:date:message-id:message-id:mime-version:"
        b"mime-version:content-type:content-type:reply-to:reply-to:list-id:list-id:"
        b"list-unsubscribe:list-unsubscribe:list-unsubscribe-post:list-unsubscribe-post:"
        b"list-help:list-help:list-owner:list-owner:list-post:list-post:list-archive:list-archive:"
        b"list-subscribe",
    }


def test_headers_that_are_missing_are_signed_as_missing():
    tags = read_tags(SIGNER.sign(built(envelope=TO_ONE)))

    assert tags[b"h"] == (
        b"from:from:to:to:subject:subject:date:date:message-id:message-id:mime-version:"
        b"mime-version:content-type:content-type:reply-to:list-id:list-unsubscribe:"
        b"list-unsubscribe-post:list-help:list-owner:list-post:list-archive:list-subscribe"
    )


def test_encoding_is_signed_where_a_mail_has_one_part():
    letter = built().replace(b"Subject:", b"Content-Transfer-Encoding: 7bit\r\nSubject:", 1)

    signed = SIGNER.sign(letter)

    assert holds(signed)
    assert read_tags(signed)[b"h"].endswith(b":list-subscribe:content-transfer-encoding")


def test_headers_of_another_hand_are_read_by_the_standard():
    letter = built(envelope=TO_ONE).replace(
        b"To: reader@example.org\r\n",
        b"To:  first@example.org,\r\n\t\tsecond@example.org \r\nTO:\tthird@example.org\r\n",
    )

    signed = SIGNER.sign(letter)

    assert holds(signed)
    assert read_tags(signed)[b"h"].startswith(b"from:from:to:to:to:subject:")
    assert not holds(signed.replace(b"third@", b"fourth@"))


def test_every_list_header_is_signed():
    listed = {name.lower().encode() for name in BULK if name.startswith("List-")}

    assert listed - set(SIGNED) == set()


def test_header_is_folded_into_lines_that_every_server_takes():
    head = SIGNER.sign(built()).partition(b"\r\nFrom: ")[0]

    lines = head.split(b"\r\n")
    assert lines[:3] == [
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple;",
        b" d=example.org;",
        b" s=news;",
    ]
    assert max(map(len, lines)) <= 78
    assert all(line.startswith(b" ") for line in lines[1:])


def test_same_letter_gives_the_same_bytes_in_every_thread():
    letters = [built(person=PERSON._replace(address=f"r{n}@example.org")) for n in range(40)]
    alone = [SIGNER.sign(letter) for letter in letters]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(SIGNER.sign, letters))

    assert together == alone


SIGNED_BULK = SIGNER.sign(built())
HEAD, _, BODY = SIGNED_BULK.partition(b"\r\n\r\n")
PRESENT = [
    name
    for name, _ in dkim.DKIM(SIGNED_BULK).headers
    if name.lower() in SIGNED or name == b"DKIM-Signature"
]


def find_header(name: bytes) -> bytes:
    """The header in the signed letter with its folded lines and its last line end."""
    return re.search(rb"(?m)^%b: .*\r\n(?:[ \t].*\r\n)*" % re.escape(name), SIGNED_BULK)[0]


@pytest.mark.parametrize("name", PRESENT)
def test_header_that_was_changed_breaks_the_signature(name):
    header = find_header(name)

    changed = SIGNED_BULK.replace(header, header[:-2] + b"x\r\n")

    assert changed != SIGNED_BULK
    assert not holds(changed)


@pytest.mark.parametrize("name", PRESENT)
def test_header_that_was_taken_away_breaks_the_signature(name):
    assert not holds(SIGNED_BULK.replace(find_header(name), b""))


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("value", [b"x@y.example", b"NO"])
def test_header_that_was_added_breaks_the_signature(name, value):
    header = name.title() + b": " + value

    on_top = header + b"\r\n" + SIGNED_BULK
    below = HEAD + b"\r\n" + header + b"\r\n\r\n" + BODY

    assert [holds(on_top), holds(below)] == [False, False]


@pytest.mark.parametrize("name", [b"Reply-To", b"List-Id", b"List-Unsubscribe", b"From"])
def test_header_that_was_added_to_mail_to_one_person_breaks_the_signature(name):
    signed = SIGNER.sign(built(envelope=TO_ONE))

    assert holds(signed)
    assert not holds(name + b": <x@y.example>\r\n" + signed)


@pytest.mark.parametrize(
    "on_the_way",
    [
        lambda signed: b"Received: from a by b\r\nX-Spam: no\r\n" + signed,
        lambda signed: signed.replace(b"\r\nPrecedence: bulk", b""),
        lambda signed: signed.replace(b"Reply-To: ", b"REPLY-TO:\r\n\t  "),
        lambda signed: signed.replace(b",\r\n <mailto", b", \t<mailto"),
        lambda signed: signed + b"\r\n\r\n",
    ],
    ids=["traces", "unsigned header gone", "refolded", "unfolded", "empty lines at the end"],
)
def test_what_servers_do_to_a_letter_leaves_the_signature_good(on_the_way):
    changed = on_the_way(SIGNED_BULK)

    assert changed != SIGNED_BULK
    assert holds(changed)


@given(at=st.integers(0, len(BODY.rstrip()) - 1), byte=st.integers(0x21, 0x7E))
def test_body_that_was_changed_anywhere_breaks_the_signature(at, byte):
    changed = BODY[:at] + bytes([byte]) + BODY[at + 1 :]

    assert holds(HEAD + b"\r\n\r\n" + changed) == (changed == BODY)


@given(at=st.integers(0, len(BODY.rstrip())), text=st.binary(min_size=1, max_size=9))
def test_body_that_something_was_put_into_breaks_the_signature(at, text):
    changed = BODY[:at] + text + BODY[at:]

    assert not holds(HEAD + b"\r\n\r\n" + changed) or changed.rstrip(b"\r\n") == BODY.rstrip()


def places_in_values() -> list[int]:
    """Where the letter's own signed headers have a character that is no blank."""
    headers = [(SIGNED_BULK.index(header), header) for header in map(find_header, PRESENT[1:])]
    return [
        start + at
        for start, header in headers
        for at in range(header.index(b": ") + 2, len(header))
        if not header[at : at + 1].isspace()
    ]


@given(at=st.sampled_from(places_in_values()), byte=st.integers(0x21, 0x7E))
def test_signed_header_that_was_changed_anywhere_breaks_the_signature(at, byte):
    changed = SIGNED_BULK[:at] + bytes([byte]) + SIGNED_BULK[at + 1 :]

    assert holds(changed) == (changed == SIGNED_BULK)


lines = st.lists(
    st.text(st.sampled_from("ab =\t."), max_size=12).map(str.encode), min_size=0, max_size=8
)


@given(lines=lines)
def test_body_is_read_as_dkimpy_reads_it(lines):
    content = built().partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + b"\r\n".join([*lines, b""])

    ours = SIGNER.sign(content)
    names = read_tags(ours)[b"h"].split(b":")
    theirs = dkim.sign(
        content,
        b"news",
        b"example.org",
        RSA_PEM,
        canonicalize=(b"relaxed", b"simple"),
        include_headers=names,
    )

    tags = read_tags(theirs + content)
    assert tags[b"h"].split(b":") == names
    assert tags[b"bh"] == read_tags(ours)[b"bh"]
    assert [holds(ours), holds(theirs + content)] == [True, True]


def test_example_of_rfc_8463_is_read_rightly():
    """So that what the tests below call good is good."""
    public = SECOND.private.public_key()

    assert second_holds(RFC_8463_MESSAGE, public)
    assert not second_holds(RFC_8463_MESSAGE.replace(b"dinner", b"supper"), public)
    assert not second_holds(RFC_8463_MESSAGE.replace(b"game", b"ball"), public)
    assert SECOND.record == ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")


def test_second_signature_stands_beside_the_first():
    signed = Signer([RSA, SECOND]).sign(built())

    headers = [value for name, value in dkim.DKIM(signed).headers if name == b"DKIM-Signature"]
    algorithms = [parse_tag_value(value)[b"a"] for value in headers]
    assert algorithms == [b"rsa-sha256", b"ed25519-sha256"]
    assert holds(signed)
    assert second_holds(signed, SECOND.private.public_key())
    assert not second_holds(signed.replace(b"<news@", b"<nows@"), SECOND.private.public_key())


def settings(**values: str) -> Dkim:
    second = SECOND.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys = {"private_key": RSA_PEM.decode(), "ed25519_private_key": second.decode()}
    return Dkim(**keys, **values)


def test_nothing_is_signed_without_a_key():
    assert build_signer(Dkim(), "news@example.org") is None


def test_signer_has_the_keys_that_are_configured():
    one = settings(selector="news")
    two = settings(selector="news", ed25519_selector="brisbane", domain="other.example")

    assert [key.record_name for key in list_keys(one, "news@Example.org")] == [
        "news._domainkey.example.org"
    ]
    assert [(key.record_name, key.record) for key in list_keys(two, "news@example.org")] == [
        ("news._domainkey.other.example", RSA.record),
        ("brisbane._domainkey.other.example", SECOND.record),
    ]
    assert build_signer(one, "news@example.org").sign(built()) == SIGNED_BULK
