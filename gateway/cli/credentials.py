"""`toolgate credentials`: users' keys for platforms, by name; the secrets stay sealed.

A secret is read from the standard input, so that it stands in no process list and in no shell's history.
"""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import FIRST_USER
from gateway.access.trail import record
from gateway.catalog.model import Connector
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.credentials.requirements import check_data
from gateway.disconnecting import disconnect
from gateway.errors import InvalidRequest
from gateway.gate import Gate

_user_option = click.option("--user", default=FIRST_USER, show_default=True, help="Whose credentials.")
_TYPES = ["apiKey", "bearer", "basic", "clientCredentials"]
_type_option = click.option("--type", "kind", required=True, type=click.Choice(_TYPES), help="The authentication type.")
_LONGEST_NAME = 100
_MOST_INPUT = 1024 * 1024


@click.group()
def credentials() -> None:
    """Credentials: list, add, rename, default, replace, test, delete."""


@credentials.command(name="list")
@_user_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_credentials(user: str, as_json: bool, data_dir: Path | None) -> None:
    """List a user's credentials for every connector."""

    async def job(gate: Gate) -> list[dict[str, Any]]:
        await gate.identity.users.get(OPERATOR.account_id, user)
        return await gate.keeper.all(OPERATOR.account_id, user)

    found = with_gate(data_dir, job)
    rows = [
        {
            "id": credential["credentialId"],
            "name": credential["name"],
            "type": credential["type"],
            "state": "dead" if "dead" in credential else "suspended" if "suspended" in credential else "",
            "default": "yes" if "default" in credential else "",
            "updated": credential["updatedAt"],
        }
        for credential in found
    ]
    click.echo(orjson.dumps(found).decode() if as_json else table(rows) or f"User {user!r} has no credentials.")


@credentials.command()
@click.argument("credential_id", metavar="ID")
@_user_option
@data_dir_option
@sentences
def delete(credential_id: str, user: str, data_dir: Path | None) -> None:
    """Delete a credential of a user."""

    async def job(gate: Gate) -> None:
        await gate.identity.users.get(OPERATOR.account_id, user)
        await disconnect(gate, OPERATOR, user, credential_id)

    with_gate(data_dir, job)
    click.echo(f"Credential {credential_id} is deleted.")


@credentials.command()
@click.argument("connector_id", metavar="CONNECTOR")
@_type_option
@click.option("--name", help="What a person calls it; made from the connector's name if left out.")
@_user_option
@data_dir_option
@sentences
def add(connector_id: str, kind: str, name: str | None, user: str, data_dir: Path | None) -> None:
    """Store a credential; its data is a JSON object on the standard input, for example {"token": "..."}."""
    data = _data()

    async def job(gate: Gate) -> str:
        connector = await _known(gate, user, connector_id)
        return await gate.credentials.create(
            OPERATOR.account_id,
            user,
            connector_id,
            kind,
            _checked(name) or f"{connector.name} credential",
            check_data(connector, kind, data, where="data"),
            also=lambda connection: record(connection, OPERATOR, "credential.create", connector_id=connector_id),
        )

    click.echo(with_gate(data_dir, job))


@credentials.command()
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("credential_id", metavar="ID")
@click.argument("name", metavar="NAME")
@_user_option
@data_dir_option
@sentences
def rename(connector_id: str, credential_id: str, name: str, user: str, data_dir: Path | None) -> None:
    """Give a credential another name."""

    async def job(gate: Gate) -> None:
        await _known(gate, user, connector_id)
        await gate.keeper.change(
            OPERATOR.account_id,
            user,
            connector_id,
            credential_id,
            name=_checked(name),
            also=lambda connection, of: record(connection, OPERATOR, "credential.rename", connector_id=of),
        )

    with_gate(data_dir, job)
    click.echo(f"Credential {credential_id} is called {name!r}.")


@credentials.command()
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("credential_id", metavar="ID")
@click.option("--clear", is_flag=True, help="Let it be the default no longer.")
@_user_option
@data_dir_option
@sentences
def default(connector_id: str, credential_id: str, clear: bool, user: str, data_dir: Path | None) -> None:
    """Let a credential be the one that is taken for its connector where nobody says which."""

    async def job(gate: Gate) -> None:
        await _known(gate, user, connector_id)
        await gate.keeper.change(
            OPERATOR.account_id,
            user,
            connector_id,
            credential_id,
            default=not clear,
            also=lambda connection, of: record(connection, OPERATOR, "credential.default", connector_id=of),
        )

    with_gate(data_dir, job)
    now_is = "is not the default" if clear else "is the default"
    click.echo(f"Credential {credential_id} {now_is} for {connector_id}.")


@credentials.command()
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("credential_id", metavar="ID")
@_type_option
@_user_option
@data_dir_option
@sentences
def replace(connector_id: str, credential_id: str, kind: str, user: str, data_dir: Path | None) -> None:
    """Put another secret in a credential's place, from the standard input as for `add`."""
    data = _data()

    async def job(gate: Gate) -> None:
        connector = await _known(gate, user, connector_id)
        await gate.keeper.replace(
            OPERATOR.account_id,
            user,
            connector_id,
            credential_id,
            kind,
            check_data(connector, kind, data, where="data"),
            None,
            also=lambda connection, of: record(connection, OPERATOR, "credential.replace", connector_id=of),
        )

    with_gate(data_dir, job)
    click.echo(f"Credential {credential_id} holds the new secret.")


@credentials.command()
@click.argument("connector_id", metavar="CONNECTOR")
@click.argument("credential_id", metavar="ID")
@_user_option
@data_dir_option
@sentences
def test(connector_id: str, credential_id: str, user: str, data_dir: Path | None) -> None:
    """Ask the platform something harmless with a credential; exit status 1 if it refuses."""
    # What runs actions is loaded for this command alone.
    from gateway.actions.probing import probe  # noqa: PLC0415 (for that reason)

    async def job(gate: Gate) -> dict[str, Any]:
        connector = await _known(gate, user, connector_id)
        await gate.keeper.get(OPERATOR.account_id, user, connector_id, credential_id)
        return await probe(gate, OPERATOR, user, connector, credential_id)

    found = with_gate(data_dir, job)
    if not found["ok"]:
        raise click.ClickException(found["message"])
    click.echo(found["message"])


async def _known(gate: Gate, user: str, connector_id: str) -> Connector:
    """The connector, if user and connector are there. Raises NotFound or ConnectorNotFound."""
    await gate.identity.users.get(OPERATOR.account_id, user)
    return await gate.connectors.get(OPERATOR.account_id, connector_id)


def _checked(name: str | None) -> str | None:
    if name is not None and (not 1 <= len(name) <= _LONGEST_NAME or "\0" in name):
        raise InvalidRequest.of("name", "length", f"name must have 1 to {_LONGEST_NAME} characters")
    return name


def _data() -> dict[str, str]:
    """The JSON object of strings on the standard input. Raises InvalidRequest, which never repeats it."""
    try:
        found = orjson.loads(sys.stdin.buffer.read(_MOST_INPUT))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidRequest.of("data", "type", "data on the standard input must be a JSON object of strings")
    return found
