"""The commands around the key that mail is signed with."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import main
from mailer.config import Config, load
from mailer.message.dkim import list_keys

Mailer = Callable[..., Result]
SETTINGS = """\
[site]
secret_keys = ["a-test-key-of-more-than-32-letters"]
[mail]
from_address = "news@news.example.org"
"""


@pytest.fixture
def mailer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailer:
    """Types one command in a folder with a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAILER_CONFIG", raising=False)
    Path("config.toml").write_text(SETTINGS, "utf-8")
    return lambda *words: CliRunner().invoke(main, words)


def read_advice(said: str) -> str:
    """What the command says to write into the configuration."""
    return said[said.index("  [dkim]\n") :]


def read_record(said: str) -> tuple[str, list[str]]:
    """Name and strings of the record that the command says to publish."""
    lines = [line.strip() for line in said.partition("Publish this TXT record.")[2].splitlines()]
    return lines[2], [line.strip('"') for line in lines[4:] if line.startswith('"')]


def configure(advice: str) -> Config:
    Path("config.toml").write_text(SETTINGS + advice, "utf-8")
    return load(Path("config.toml"))


def test_new_key_works_as_it_says(mailer: Mailer) -> None:
    answer = mailer("dkim", "new", "--selector", "news2027")

    name, strings = read_record(answer.output)
    config = configure(read_advice(answer.output))
    keys = list_keys(config.dkim, config.mail.from_address)
    assert [(key.record_name, key.record) for key in keys] == [(name, "".join(strings))]
    assert name == "news2027._domainkey.news.example.org"
    assert [len(string) <= 255 for string in strings] == [True, True]
    assert stat.S_IMODE(Path("dkim-news2027.pem").stat().st_mode) == 0o600


def test_key_of_a_second_signature_works_beside_the_first(mailer: Mailer) -> None:
    words = ("--domain", "example.org")
    first = mailer("dkim", "new", "--selector", "a", *words)
    second = mailer("dkim", "new", "--selector", "b", "--ed25519", "--file", "second", *words)

    advice = read_advice(second.output).replace("  [dkim]\n", "")
    config = configure(read_advice(first.output).replace('  domain = "example.org"\n', "") + advice)

    keys = list_keys(config.dkim, config.mail.from_address)
    assert [(key.record_name, [key.record]) for key in keys[1:]] == [read_record(second.output)]
    assert [key.record_name for key in keys] == [
        "a._domainkey.example.org",
        "b._domainkey.example.org",
    ]
    assert sorted(path.name for path in Path().iterdir()) == ["config.toml", "dkim-a.pem", "second"]


def test_show_prints_what_new_printed(mailer: Mailer) -> None:
    made = mailer("dkim", "new", "--selector", "news2027")
    configure(read_advice(made.output))

    shown = mailer("dkim", "show")

    assert read_record(shown.output) == read_record(made.output)


def test_show_says_that_there_is_no_key(mailer: Mailer) -> None:
    answer = mailer("dkim", "show")

    assert answer.exit_code == 1
    assert answer.output == (
        "Error: No key is configured: who carries the mail signs it. "
        "`mailer dkim new` makes a key.\n"
    )


def test_new_key_never_takes_the_place_of_another(mailer: Mailer) -> None:
    mailer("dkim", "new", "--selector", "news2027")
    before = Path("dkim-news2027.pem").read_bytes()

    answer = mailer("dkim", "new", "--selector", "news2027")

    path = Path("dkim-news2027.pem").resolve()
    assert answer.output == f"Error: {path} is there already and stays as it is.\n"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--selector", "../news"),
            "Invalid value for --selector: expected letters, digits and hyphens such as news2027",
        ),
        (
            ("--selector", "news", "--domain", "localhost"),
            "Invalid value for --domain: expected a domain such as example.org",
        ),
        (("--selector", "news", "--file", "no/key"), "cannot be written: No such file"),
    ],
)
def test_new_makes_nothing_that_could_not_be_used(
    mailer: Mailer, words: tuple[str, ...], says: str
) -> None:
    answer = mailer("dkim", "new", *words)

    assert says in answer.output
    assert [path.name for path in Path().iterdir()] == ["config.toml"]
