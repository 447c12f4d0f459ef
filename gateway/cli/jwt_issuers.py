"""`toolgate jwt-issuers`: whose JWTs prove users of which account."""

import re
import sys
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.cli.common import OPERATOR, data_dir_option, in_options, sentences, table, with_gate
from gateway.gate import Gate
from gateway.settings import ALGORITHMS, SCOPE

_MOST = 1_000_000
_LONGEST_PEM = 16 * 1024

# What a field of the contract is here.
_OPTIONS = {
    "issuer": "ISSUER",
    "algorithm": "--algorithm",
    "secret": "the secret on the standard input",
    "publicKey": "--public-key",
    "jwksUrl": "--jwks-url",
    "audience": "--audience",
}

account_option = click.option(
    "--account", "account_id", default=DEFAULT_ACCOUNT, show_default=True, help="The account whose issuer it is."
)


@click.group(name="jwt-issuers")
def jwt_issuers() -> None:
    """JWT issuers of accounts: create, list, delete."""


@jwt_issuers.command()
@click.argument("issuer")
@click.option("--algorithm", required=True, type=click.Choice(ALGORITHMS), help="The only one its tokens may have.")
@click.option("--jwks-url", metavar="URL", help="Address of its JWK set.")
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Its key, a PEM file.")
@click.option("--audience", help="What `aud` must hold; `server`: the URL of the MCP server that is called.")
@click.option("--scope", "scopes", multiple=True, help="A scope that its tokens must have.")
@account_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def create(
    issuer: str,
    algorithm: str,
    jwks_url: str | None,
    public_key: Path | None,
    audience: str | None,
    scopes: tuple[str, ...],
    account_id: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Give an issuer to an account. The secret for HS256 is read from the standard input."""
    body: dict[str, Any] = {"issuer": issuer, "algorithm": algorithm, "scopes": list(dict.fromkeys(scopes))}
    given = {"jwksUrl": jwks_url, "audience": audience}
    body |= {name: value for name, value in given.items() if value is not None}
    if public_key is not None:
        body["publicKey"] = public_key.read_bytes()[: _LONGEST_PEM + 1].decode("ascii", "replace")
    if algorithm == "HS256" and not (jwks_url or public_key):
        # Not an option: what stands on a command line, every user of the machine can read.
        body["secret"] = sys.stdin.read().strip()
    _check(body)

    async def job(gate: Gate) -> dict[str, Any]:
        return await gate.issuers.create(OPERATOR, account_id, body)

    with in_options(_OPTIONS):
        made = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(made).decode())
    else:
        click.echo(f"JWTs of {made['issuer']} prove users of account {account_id}:", err=True)
        click.echo(made["issuerId"])


@jwt_issuers.command(name="list")
@account_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_issuers(account_id: str, as_json: bool, data_dir: Path | None) -> None:
    """List an account's issuers, the oldest first. The one in the settings is not among them."""

    async def job(gate: Gate) -> list[dict[str, Any]]:
        found, _ = await gate.issuers.page(OPERATOR, account_id, _MOST, 0)
        return found

    found = with_gate(data_dir, job)
    rows = [
        {
            "id": one["issuerId"],
            "issuer": one["issuer"],
            "algorithm": one["algorithm"],
            "keys": one.get("jwksUrl", "public key" if "publicKey" in one else "secret"),
            "audience": one.get("audience", ""),
            "scopes": " ".join(one["scopes"]),
        }
        for one in found
    ]
    click.echo(orjson.dumps(found).decode() if as_json else table(rows) or "The account has no JWT issuers.")


@jwt_issuers.command()
@click.argument("issuer_id", metavar="ID")
@account_option
@data_dir_option
@sentences
def delete(issuer_id: str, account_id: str, data_dir: Path | None) -> None:
    """Take an issuer from an account; a running service refuses its tokens from its next request on."""

    async def job(gate: Gate) -> None:
        await gate.issuers.delete(OPERATOR, account_id, issuer_id)

    with_gate(data_dir, job)
    click.echo(f"JWT issuer {issuer_id} is deleted.")


def _check(body: dict[str, Any]) -> None:
    """What the contract checks for the REST API, in its numbers. Raises ClickException."""
    bounds = {"issuer": (1, 1000), "audience": (1, 1000), "jwksUrl": (1, 2000), "secret": (32, 4096)}
    bounds["publicKey"] = (1, _LONGEST_PEM)
    for name, (least, most) in bounds.items():
        value = body.get(name)
        if value is not None and not (least <= len(value) <= most and "\0" not in value):
            raise click.ClickException(f"{_OPTIONS[name]} has {least} to {most} characters.")
    if len(body["scopes"]) > 20 or not all(re.fullmatch(SCOPE, scope) for scope in body["scopes"]):
        raise click.ClickException("--scope is a scope as in RFC 6749, section 3.3, and given 20 times at most.")
