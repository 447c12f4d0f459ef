"""`toolgate credentials`: users' keys for platforms, by name; the secrets stay sealed."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import FIRST_USER
from gateway.access.trail import record
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.gate import Gate

_user_option = click.option("--user", default=FIRST_USER, show_default=True, help="Whose credentials.")


@click.group()
def credentials() -> None:
    """Credentials: list, delete."""


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
            "suspended": "yes" if "suspended" in credential else "",
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
        await gate.keeper.delete(
            OPERATOR.account_id,
            user,
            credential_id,
            also=lambda connection, connector_id: record(
                connection, OPERATOR, "credential.delete", connector_id=connector_id
            ),
        )

    with_gate(data_dir, job)
    click.echo(f"Credential {credential_id} is deleted.")
