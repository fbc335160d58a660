"""Commands for the key that mail is signed with: make one, show what to publish of it."""

import os
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from mailer.cli.common import quote
from mailer.config import load
from mailer.message.dkim import Key, PrivateKey, find_domain, list_keys
from mailer.sections.dkim import RSA_BITS, Dkim

LONGEST_STRING = 255
"""Characters of one string of a TXT record; verifiers join them (RFC 6376, 3.6.2.2)."""


@click.group()
def dkim() -> None:
    """The key that mail is signed with."""


@dkim.command()
@click.option("--selector", required=True, help="The key's name in the DNS, such as news2027.")
@click.option("--domain", help="Who signs, instead of the domain that mail comes from.")
@click.option("--ed25519", "is_second", is_flag=True, help="Make the key of a second signature.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to keep the key, instead of dkim-<selector>.pem in this folder.",
)
@click.pass_context
def new(
    context: click.Context, selector: str, domain: str | None, is_second: bool, path: Path | None
) -> None:
    """Make a key; say what to publish and what to configure.

    Only its owner can read the file. One that is there already stays as it is.
    """
    names = _check(selector, domain or _configured_domain(context))
    key = Key(names.domain, names.selector, _make_private(is_second=is_second))
    path = (path or Path(f"dkim-{key.selector}.pem")).resolve()
    _write(path, key.private)
    click.echo(f"Made {path}. The service must be able to read it, and nobody else.\n")
    _print_record(key)
    kind = "ed25519_" if is_second else ""
    click.echo(
        "\nWhen it is published, write into the configuration:\n\n"
        f"  [dkim]\n  {kind}selector = {quote(key.selector)}\n"
        f"  {kind}private_key_file = {quote(str(path))}"
    )
    if domain:
        click.echo(f"  domain = {quote(key.domain)}")


@dkim.command()
@click.pass_context
def show(context: click.Context) -> None:
    """Show what to publish of the keys that are configured."""
    config = load(context.obj)
    keys = list_keys(config.dkim, config.mail.from_address)
    if not keys:
        raise click.ClickException(
            "No key is configured: who carries the mail signs it. `mailer dkim new` makes a key."
        )
    for key in keys:
        _print_record(key)


def _check(selector: str, domain: str) -> Dkim:
    """The names as the configuration would take them."""
    try:
        return Dkim(selector=selector, domain=domain)
    except ValidationError as error:
        mistake = error.errors()[0]
        said = str(mistake["msg"]).removeprefix("Value error, ")
        raise click.BadParameter(said, param_hint=f"--{mistake['loc'][0]}") from error


def _configured_domain(context: click.Context) -> str:
    config = load(context.obj)
    return find_domain(config.dkim, config.mail.from_address)


def _make_private(*, is_second: bool) -> PrivateKey:
    if is_second:
        return Ed25519PrivateKey.generate()
    return generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def _write(path: Path, private: PrivateKey) -> None:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already and stays as it is.") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(number, "wb") as file:
        file.write(pem)


def _print_record(key: Key) -> None:
    record = key.record
    starts = range(0, len(record), LONGEST_STRING)
    strings = [f'"{record[start : start + LONGEST_STRING]}"' for start in starts]
    click.echo(
        "Publish this TXT record. Where a form takes one text, join the strings and leave the "
        f"quotes out.\n\n  {key.record_name}\n\n  " + "\n  ".join(strings)
    )
