"""Operator settings: where they come from, which wins, and what is said when they are wrong."""

import tomllib
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    generate_private_key,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from pydantic import BaseModel

from mailer.config import EXAMPLE_KEY, Config, Misconfigured, load
from mailer.domain.delivery import ANSWER_WAIT
from mailer.message.headers import Person, check_person, date_value, message_id
from mailer.sections.mail import LONGEST_WAIT
from mailer.sections.service import SHORTEST_LEASE
from mailer.worker.claims import RENEW_SECONDS

ROOT = Path(__file__).parent.parent
KEY = "k" * 40


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILER_CONFIG", raising=False)


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def list_keys(model: type[BaseModel]) -> dict[str, set[str]]:
    return {
        name: set(field.annotation.model_fields)
        for name, field in model.model_fields.items()
        if field.annotation
    }


def test_example_names_every_key_and_no_other() -> None:
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")

    example = tomllib.loads(text.replace("# overrides =", "overrides ="))

    assert {name: set(section) for name, section in example.items()} == list_keys(Config)


def test_example_shows_the_defaults() -> None:
    example = tomllib.loads((ROOT / "config.example.toml").read_text(encoding="utf-8"))
    config = load(site={"secret_keys": [KEY]})

    shown = config.model_dump(mode="json", exclude={"site"})

    for name, section in shown.items():
        for key, value in section.items():
            if value not in (None, "**********"):
                assert example[name][key] == value, f"{name}.{key}"


def test_example_key_is_refused_outside_the_demo() -> None:
    with pytest.raises(Misconfigured) as caught:
        load(ROOT / "config.example.toml")

    assert len(caught.value.mistakes) == 1
    assert caught.value.mistakes[0].startswith("site.secret_keys:")
    assert load(ROOT / "config.example.toml", site={"demo": True}).site.demo


def test_environment_outranks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, f'[site]\nsecret_keys = ["{KEY}"]\n[smtp]\nhost = "file"\nport = 25\n')
    monkeypatch.setenv("MAILER_SMTP__HOST", "environment")

    config = load(path)

    assert (config.smtp.host, config.smtp.port) == ("environment", 25)


def test_a_secret_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush\n", encoding="utf-8")
    monkeypatch.setenv("MAILER_SMTP__PASSWORD_FILE", str(secret))

    config = load(site={"secret_keys": [KEY]})

    assert config.smtp.password.get_secret_value() == "hush"


def test_a_secret_comes_from_a_file_that_the_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush\n", encoding="utf-8")
    named = f'password = ""\npassword_file = "{secret}"\n'
    path = write(tmp_path, f'[site]\nsecret_keys = ["{KEY}"]\n[smtp]\n{named}')

    by_file = load(path).smtp.password.get_secret_value()
    monkeypatch.setenv("MAILER_SMTP__PASSWORD", "louder")
    by_environment = load(path).smtp.password.get_secret_value()

    assert (by_file, by_environment) == ("hush", "louder")


VARIABLE = "MAILER_SMTP__PASSWORD"


@pytest.mark.parametrize(
    ("password", "mistakes"),
    [
        (
            "louder",
            [f"smtp.password: {VARIABLE} and {VARIABLE}_FILE are both set; keep one of them"],
        ),
        ("", []),
    ],
)
def test_a_secret_that_the_environment_gives_twice_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, mistakes: list[str]
) -> None:
    (tmp_path / "password").write_text("hush\n", encoding="utf-8")
    monkeypatch.setenv(f"{VARIABLE}_FILE", str(tmp_path / "password"))
    monkeypatch.setenv(VARIABLE, password)

    assert list_mistakes() == mistakes


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"password_file": "/nowhere/password"}, "password_file names a file that cannot be read"),
        ({"password_file": 7}, "password_file names a file that cannot be read"),
        (
            {"password": "hush", "password_file": "/nowhere/password"},
            "password and password_file are both set; keep one of them",
        ),
    ],
)
def test_a_secret_that_the_file_names_in_vain_is_reported(
    named: dict[str, object], says: str
) -> None:
    assert say_mistake(smtp=named) == [f"smtp.password: {says}"]


def test_mailer_config_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, f'[site]\nsecret_keys = ["{KEY}"]\n[web]\nport = 9001\n')
    monkeypatch.setenv("MAILER_CONFIG", str(path))

    assert load().web.port == 9001


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [site]
        secret_keys = ["short"]
        base_url = "news.example.org"
        [smtp]
        port = 99999
        security = "maybe"
        [mail]
        from_address = "nobody"
        [smpt]
        host = "typo"
        """,
    )

    with pytest.raises(Misconfigured) as caught:
        load(path)

    assert sorted(mistake.partition(":")[0] for mistake in caught.value.mistakes) == [
        "mail.from_address",
        "site.base_url",
        "site.secret_keys",
        "smpt",
        "smtp.port",
        "smtp.security",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("[site", "not valid TOML"),
        ("[site]\n", "site.secret_keys: missing"),
    ],
)
def test_a_broken_file_says_what_to_do(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "config.toml" if text is None else write(tmp_path, text)

    with pytest.raises(Misconfigured, match=says):
        load(path)


def list_mistakes() -> list[str]:
    """What is wrong with the environment, on top of settings that are good."""
    try:
        load(site={"secret_keys": [KEY]})
    except Misconfigured as misconfigured:
        return misconfigured.mistakes
    return []


def say_mistake(**sections: dict[str, object]) -> list[str]:
    """Key and sentence of each mistake in settings that are otherwise good."""
    with pytest.raises(Misconfigured) as caught:
        load(**{"site": {"secret_keys": [KEY]}, **sections})
    return caught.value.mistakes


PLAIN = "expected a plain address such as news@example.org, without a name"
ASCII = "expected the name in ASCII letters, as the registrar keeps it: xn--…"


@pytest.mark.parametrize("key", ["from_address", "reply_to", "unsubscribe_address"])
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("News <news@example.org>", PLAIN),
        ("news", PLAIN),
        ("news@localhost", PLAIN),
        ("news@-example.org", PLAIN),
        ("ne ws@example.org", PLAIN),
        (".news@example.org", PLAIN),
        ("news@example.org\n", PLAIN),
        ("příspěvky@example.org", PLAIN),
        (f"{'a' * 65}@example.org", PLAIN),
        ("news@příklad.cz", ASCII),
        ("=?utf-8?q?news?=@example.org", "expected an address without “=?”"),
    ],
)
def test_an_address_that_no_mail_could_carry_is_refused(key: str, address: str, says: str) -> None:
    mistakes = say_mistake(mail={key: address})

    assert [mistake.partition(",")[0] for mistake in mistakes] == [
        f"mail.{key}: {says}".partition(",")[0]
    ]


@pytest.mark.parametrize(
    "address", ["news@example.org", "o'neil+list/a=b@xn--pklad-1sa0o.cz", f"{'a' * 64}@b.example"]
)
def test_an_address_that_is_taken_can_stand_in_a_header(address: str, now: datetime) -> None:
    config = load(site={"secret_keys": [KEY]}, mail={"from_address": address})

    domain = config.mail.from_address.partition("@")[2]
    check_person(
        Person(
            address=config.mail.from_address,
            date=date_value(now),
            message_id=message_id(1, b"key", domain),
        )
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://příklad.cz", ASCII),
        ("https://news.example.org/letters", "expected scheme, host and port only"),
        ("https://news.example.org?a=b", "expected scheme, host and port only"),
        ("https://anna@news.example.org", "expected scheme, host and port only"),
        ("https://news_example.org", "expected an address such as https://news.example.org"),
        ("https://news.example.org>", "expected an address such as https://news.example.org"),
        ("https://news.example.org:port", "port could not be cast to integer"),
        ("ftp://news.example.org", "expected an address such as https://news.example.org"),
    ],
)
def test_an_origin_that_no_link_could_begin_with_is_refused(url: str, says: str) -> None:
    mistakes = say_mistake(site={"secret_keys": [KEY], "base_url": url})

    assert [mistake[: len(says) + 15] for mistake in mistakes] == [f"site.base_url: {says}"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://news.example.org/", "https://news.example.org"),
        ("HTTPS://News.Example.org:8443", "https://news.example.org:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--pklad-1sa0o.cz", "https://xn--pklad-1sa0o.cz"),
    ],
)
def test_an_origin_is_kept_in_one_spelling(written: str, kept: str) -> None:
    config = load(site={"secret_keys": [KEY], "base_url": written})

    assert config.site.base_url == kept


def test_the_key_of_brevo_leaves_this_machine_encrypted() -> None:
    mistakes = say_mistake(brevo={"base_url": "http://api.example.org"})

    assert mistakes == ["brevo.base_url: expected https://…: the key and every address go there"]
    for url in ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"):
        assert load(site={"secret_keys": [KEY]}, brevo={"base_url": url}).brevo.base_url == url


@pytest.mark.parametrize("secret", ["short", "s" * 31, "s" * 129, "/" * 40, "s" * 40 + "\n"])
def test_the_secret_of_a_hook_is_long_and_fits_into_an_address(secret: str) -> None:
    mistakes = say_mistake(brevo={"webhook_secret": secret})

    assert mistakes == [
        "brevo.webhook_secret: expected 32 to 128 letters, digits, hyphens or underscores"
    ]


@pytest.mark.parametrize(
    ("bounces", "says"),
    [
        ({"address": "Bounces <b@example.org>"}, "address: expected a plain address such as"),
        ({"folder": "Schránka"}, "folder: expected a folder such as INBOX"),
        ({"imap_host": "imap.example.org"}, "username: missing, but bounces.imap_host is set"),
        ({"verp": True, "address": f"{'b' * 15}@example.org"}, "address: expected at most 14"),
        ({"imap_security": "ssl"}, "imap_security: input should be 'tls'"),
    ],
)
def test_way_back_that_cannot_work_is_said(bounces: dict[str, object], says: str) -> None:
    mistakes = say_mistake(bounces=bounces)

    assert [mistake.startswith(f"bounces.{says}") for mistake in mistakes] == [True]


@pytest.mark.parametrize(
    ("section", "key"), [("smtp", "reply_seconds"), ("brevo", "timeout_seconds")]
)
def test_no_answer_is_waited_for_longer_than_a_mail_is_ours(section: str, key: str) -> None:
    mistakes = say_mistake(engine={"lease_seconds": 7200}, **{section: {key: LONGEST_WAIT + 1}})

    assert [mistake.partition(":")[0] for mistake in mistakes] == [f"{section}.{key}"]
    assert ANSWER_WAIT.total_seconds() > LONGEST_WAIT


def test_a_claim_outlives_a_machine_that_stands_still_for_a_minute() -> None:
    quick = {"connect_seconds": 10, "reply_seconds": 10}

    mistakes = say_mistake(engine={"lease_seconds": SHORTEST_LEASE - 1}, smtp=quick)

    assert [mistake.partition(":")[0] for mistake in mistakes] == ["engine.lease_seconds"]
    assert SHORTEST_LEASE > 60 + RENEW_SECONDS
    shortest = {"lease_seconds": SHORTEST_LEASE}
    assert load(site={"secret_keys": [KEY]}, engine=shortest, smtp=quick)


def test_a_claim_outlives_a_slow_server() -> None:
    mistakes = say_mistake(engine={"lease_seconds": 329})

    assert [mistake.partition(":")[0] for mistake in mistakes] == ["engine.lease_seconds"]
    assert load(site={"secret_keys": [KEY]}, engine={"lease_seconds": 330})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://news@localhost/news", "expected sqlite:///file or postgresql://user:password@"),
        ("news.db", "expected sqlite:///file or postgresql://user:password@"),
        ("postgresql+psycopg2://news@localhost/news", "expected postgresql://… without +psycopg2"),
        ("postgresql+asyncpg://news@localhost/news", "expected postgresql://… without +asyncpg"),
        ("sqlite+aiosqlite:///news.db", "expected sqlite://… without +aiosqlite"),
    ],
)
def test_a_database_that_we_do_not_speak_to_is_refused(url: str, says: str) -> None:
    mistakes = say_mistake(database={"url": url})

    assert [mistake[: len(says) + 14] for mistake in mistakes] == [f"database.url: {says}"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///news.db",
        "sqlite+pysqlite:///news.db",
        "postgresql://news@localhost/news",
        "postgresql+psycopg://news@localhost/news",
    ],
)
def test_a_database_that_we_speak_to_is_taken(url: str) -> None:
    assert load(site={"secret_keys": [KEY]}, database={"url": url}).database.url == url


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MAILER_SITE", "abc", "MAILER_SITE: no such setting"),
        ("MAILER_DATBASE__URL", "sqlite://", "MAILER_DATBASE__URL: no such setting"),
        ("MAILER_DATABASE__URI", "sqlite://", "database.uri: no such setting"),
        ("MAILER_SITE__SECRET_KEYS", "[abc", "site.secret_keys: MAILER_SITE__SECRET_KEYS is no"),
    ],
)
def test_a_slip_in_the_environment_is_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)

    mistakes = say_mistake()

    assert [mistake[: len(says)] for mistake in mistakes] == [says]


@pytest.mark.parametrize("name", ["MAILER_CRASH_AT", "MAILER_TEST_POSTGRES", "MAILER_PORT"])
def test_other_variables_are_none_of_our_business(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:8000")

    assert load(site={"secret_keys": [KEY]}).web.port == 8000


def test_a_missing_secret_file_is_reported_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_SITE__SECRET_KEYS_FILE", "/nowhere/keys")
    monkeypatch.setenv("MAILER_WEB__PORT", "none")

    with pytest.raises(Misconfigured) as caught:
        load(mail={"from_address": "nobody"})

    assert sorted(mistake.partition(":")[0] for mistake in caught.value.mistakes) == [
        "mail.from_address",
        "site.secret_keys",
        "web.port",
    ]


@pytest.mark.parametrize("text", [f"{KEY}\n{'n' * 40}\n", f'["{KEY}", "{"n" * 40}"]'])
def test_keys_come_from_a_file_in_lines_or_as_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MAILER_SITE__SECRET_KEYS_FILE", str(keys))

    config = load()

    assert [key.get_secret_value() for key in config.site.secret_keys] == [KEY, "n" * 40]


def test_secrets_do_not_show_in_print() -> None:
    config = load(site={"secret_keys": [KEY]}, smtp={"password": "hush"})

    assert KEY not in repr(config)
    assert "hush" not in repr(config)
    assert KEY != EXAMPLE_KEY


PLAIN_KEY = NoEncryption()


def make_pem(
    key: RSAPrivateKey | Ed25519PrivateKey, encryption: KeySerializationEncryption = PLAIN_KEY
) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def make_rsa(p: int, q: int) -> RSAPrivateKey:
    d = pow(65537, -1, (p - 1) * (q - 1))
    crt = (rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q))
    return RSAPrivateNumbers(p, q, d, *crt, RSAPublicNumbers(65537, p * q)).private_key()


RSA = generate_private_key(65537, 2048)
RSA_PEM = make_pem(RSA)
HUGE_PEM = make_pem(make_rsa(2**2203 - 1, 2**2281 - 1))  # known primes: no long search
WEAK_PEM = make_pem(generate_private_key(65537, 1024))  # noqa: S505  it is refused
SECOND_PEM = make_pem(Ed25519PrivateKey.generate())
NO_PEM = "expected a private key in PEM without a password; `mailer dkim new` makes one"
NO_SECOND = "missing, but dkim.ed25519_selector is set; `mailer dkim new` makes a key"
NO_RSA = "expected an RSA key of 2048 to 4096 bits"


@pytest.mark.parametrize(
    ("dkim", "mistakes"),
    [
        (
            {"selector": "news 1"},
            ["selector: expected letters, digits and hyphens such as news2027"],
        ),
        (
            {"selector": "n" * 64},
            ["selector: expected letters, digits and hyphens such as news2027"],
        ),
        ({"domain": "localhost"}, ["domain: expected a domain such as example.org"]),
        ({"domain": "příklad.cz"}, [f"domain: {ASCII}"]),
        ({"private_key": "hush"}, [f"private_key: {NO_PEM}"]),
        ({"private_key": make_pem(RSA, BestAvailableEncryption(b"x"))}, [f"private_key: {NO_PEM}"]),
        ({"private_key": WEAK_PEM}, [f"private_key: {NO_RSA}"]),
        ({"private_key": HUGE_PEM}, [f"private_key: {NO_RSA}"]),
        ({"private_key": SECOND_PEM}, [f"private_key: {NO_RSA}"]),
        (
            {"ed25519_private_key": RSA_PEM},
            ["ed25519_private_key: expected an Ed25519 key; this is one of another kind"],
        ),
        (
            {"selector": "news"},
            ["private_key: missing, but dkim.selector is set; `mailer dkim new` makes a key"],
        ),
        ({"private_key": RSA_PEM}, ["selector: missing, but dkim.private_key is set"]),
        (
            {"private_key_file": "/nowhere/key", "selector": "news"},
            ["private_key: private_key_file names a file that cannot be read"],
        ),
        (
            {"ed25519_selector": "b"},
            [
                f"ed25519_private_key: {NO_SECOND}",
                "selector: expected an RSA key as well: few verifiers know Ed25519",
            ],
        ),
        (
            {
                "selector": "a",
                "private_key": RSA_PEM,
                "ed25519_selector": "A",
                "ed25519_private_key": SECOND_PEM,
            },
            ["ed25519_selector: expected another one than dkim.selector: a record each"],
        ),
    ],
)
def test_a_key_that_could_sign_no_mail_is_refused(
    dkim: dict[str, object], mistakes: list[str]
) -> None:
    assert say_mistake(dkim=dkim) == [f"dkim.{mistake}" for mistake in mistakes]


def test_limits_come_from_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"""
        [site]
        secret_keys = ["{KEY}"]
        [throttle]
        per_minute = 30
        warm_up = [50, 100]
        [throttle.domains]
        "Gmail.com" = "20/minute"
        "*" = "5/second"
        """,
    )

    throttle = load(path).throttle

    assert (throttle.per_minute, throttle.warm_up) == (30, (50, 100))
    assert throttle.domains == {"gmail.com": "20/minute", "*": "5/second"}


@pytest.mark.parametrize("plan", ["50, 100, 500", "50 100 500", "[50, 100, 500]"])
def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, plan: str) -> None:
    monkeypatch.setenv("MAILER_THROTTLE__PER_DAY", "9000")
    monkeypatch.setenv("MAILER_THROTTLE__WARM_UP", plan)
    monkeypatch.setenv("MAILER_THROTTLE__DOMAINS", "gmail.com=20/minute, *=100/hour")

    throttle = load(site={"secret_keys": [KEY]}).throttle

    assert (throttle.per_day, throttle.warm_up) == (9000, (50, 100, 500))
    assert throttle.domains == {"gmail.com": "20/minute", "*": "100/hour"}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("per_minute", -1, "input should be greater than or equal to 0"),
        ("warm_up", [50, 0], "expected mails per day such as [50, 100, 500], 1 or more each"),
        ("domains", {"gmail": "20/minute"}, "expected a domain such as gmail.com, or *, not"),
        ("domains", {"příklad.cz": "20/minute"}, ASCII),
        ("domains", {"gmail.com": "20 a minute"}, "expected a limit such as 20/minute"),
        ("domains", {"gmail.com": "0/minute"}, "expected a limit such as 20/minute"),
        ("domains", {"gmail.com": "20/week"}, "expected a limit such as 20/minute"),
    ],
)
def test_a_limit_that_is_none_is_named(key: str, value: object, says: str) -> None:
    mistakes = say_mistake(throttle={key: value})

    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"throttle.{key}: {says}")
