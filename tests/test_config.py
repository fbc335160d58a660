"""Operator settings: where they come from, which wins, and what is said when they are wrong."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from mailer.config import EXAMPLE_KEY, Config, Misconfigured, load

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


def test_secrets_do_not_show_in_print() -> None:
    config = load(site={"secret_keys": [KEY]}, smtp={"password": "hush"})

    assert KEY not in repr(config)
    assert "hush" not in repr(config)
    assert KEY != EXAMPLE_KEY
