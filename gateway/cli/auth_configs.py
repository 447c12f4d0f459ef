"""`toolgate auth-configs`: the OAuth clients that the operator registered at platforms.

A client secret is read from the standard input, so that it stands in no process list and in no shell's history.
"""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.trail import record
from gateway.cli.common import OPERATOR, data_dir_option, in_options, sentences, table, with_gate
from gateway.credentials.oauth.checks import check_values, public
from gateway.credentials.oauth.configs import Also
from gateway.errors import InvalidRequest
from gateway.gate import Gate

_MOST_INPUT = 8192
# What a field of the contract is here.
_OPTIONS = {
    "connectorId": "CONNECTOR",
    "clientId": "--client-id",
    "clientSecret": "the client secret",
    "name": "--name",
    "scopes": "--scope",
    "userScopes": "--user-scope",
    "redirectUris": "--redirect-uri",
    "tokenEndpointAuthMethod": "--method",
    "authorizationUrl": "--authorization-url",
    "tokenUrl": "--token-url",
}


@click.group(name="auth-configs")
def auth_configs() -> None:
    """OAuth clients: create, list, give another secret, delete."""


@auth_configs.command()
@click.argument("connector_id", metavar="CONNECTOR")
@click.option("--client-id", required=True, help="The client id that the platform gave.")
@click.option("--public", "is_public", is_flag=True, help="The client has no secret: none is read.")
@click.option("--name", default="Default", show_default=True, help="What a person calls it.")
@click.option("--scope", "scopes", multiple=True, help="What to ask for, in the place of the connector's list.")
@click.option("--user-scope", "user_scopes", multiple=True, help="What to ask for in the person's own name (Slack).")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people may be sent at the end.")
@click.option(
    "--method",
    type=click.Choice(["client_secret_basic", "client_secret_post", "none"]),
    help="How the client proves itself; as the connector says if left out.",
)
@click.option("--authorization-url", help="In the place of the connector's own.")
@click.option("--token-url", help="In the place of the connector's own.")
@click.option("--default", "is_default", is_flag=True, help="Taken where nobody says which.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def create(connector_id: str, is_public: bool, as_json: bool, data_dir: Path | None, **given: Any) -> None:
    """Store a client; its secret is read from the standard input. Prints its id, and what to register."""
    # Before the standard input is read, and in the words of the command.
    method = given["method"]
    if is_public and method not in (None, "none"):
        raise click.ClickException(f"A client with --public has no secret, and --method {method} wants one.")
    if method == "none" and not is_public:
        raise click.ClickException("A client with --method none shows no secret: give --public, too.")
    names = {
        "client_id": "clientId",
        "name": "name",
        "scopes": "scopes",
        "user_scopes": "userScopes",
        "redirect_uris": "redirectUris",
        "method": "tokenEndpointAuthMethod",
        "authorization_url": "authorizationUrl",
        "token_url": "tokenUrl",
        "is_default": "isDefault",
    }
    values = {names[name]: [*value] if isinstance(value, tuple) else value for name, value in given.items() if value}
    if not is_public:
        values["clientSecret"] = _secret()

    async def job(gate: Gate) -> dict[str, Any]:
        check_values(values)
        connector = await gate.connectors.get(OPERATOR.account_id, connector_id)
        row = await gate.auth_configs.create(OPERATOR.account_id, connector, values, also=_also("authConfig.create"))
        return public(row, gate.settings.public_url)

    with in_options(_OPTIONS):
        made = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(made).decode())
    else:
        click.echo(f"Register this redirect address at the platform: {made['callbackUrl']}", err=True)
        click.echo(made["authConfigId"])


@auth_configs.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_auth_configs(as_json: bool, data_dir: Path | None) -> None:
    """List the clients, without their secrets."""

    async def job(gate: Gate) -> list[dict[str, Any]]:
        rows = await gate.auth_configs.list(OPERATOR.account_id)
        return [public(row, gate.settings.public_url) for row in rows]

    found = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    rows = [
        {
            "id": each["authConfigId"],
            "connector": each["connectorId"],
            "name": each["name"],
            "client": each["clientId"],
            "default": "yes" if each["isDefault"] else "",
            "callback": each["callbackUrl"],
        }
        for each in found
    ]
    click.echo(table(rows) or "There are no auth configs; `toolgate auth-configs create` stores one.")


@auth_configs.command()
@click.argument("auth_config_id", metavar="ID")
@data_dir_option
@sentences
def secret(auth_config_id: str, data_dir: Path | None) -> None:
    """Give a client the secret on the standard input; credentials go on with it."""
    values = {"clientSecret": _secret()}

    async def job(gate: Gate) -> None:
        check_values(values)
        row = await gate.auth_configs.get(OPERATOR.account_id, auth_config_id)
        connector = await gate.connectors.get(OPERATOR.account_id, row.connector_id)
        await gate.auth_configs.replace(
            OPERATOR.account_id, connector, auth_config_id, values, also=_also("authConfig.update")
        )

    with in_options(_OPTIONS):
        with_gate(data_dir, job)
    click.echo(f"Auth config {auth_config_id} has the new secret.")


@auth_configs.command()
@click.argument("auth_config_id", metavar="ID")
@data_dir_option
@sentences
def delete(auth_config_id: str, data_dir: Path | None) -> None:
    """Delete a client that no credential uses."""

    async def job(gate: Gate) -> None:
        await gate.auth_configs.delete(OPERATOR.account_id, auth_config_id, also=_also("authConfig.delete"))

    with_gate(data_dir, job)
    click.echo(f"Auth config {auth_config_id} is deleted.")


def _also(event: str) -> Also:
    return lambda connection, connector_id: record(connection, OPERATOR, event, connector_id=connector_id)


def _secret() -> str:
    """The first line of the standard input. Raises InvalidRequest, which never repeats it."""
    try:
        text = sys.stdin.buffer.read(_MOST_INPUT).decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise InvalidRequest.of("clientSecret", "required", "the client secret is read from the standard input")
    return text
