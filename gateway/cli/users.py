"""`toolgate users`: the users of this data directory."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.disconnecting import revoke_all
from gateway.gate import Gate

_MOST = 1_000_000


@click.group()
def users() -> None:
    """Users: create, list, disable, enable, delete."""


@users.command()
@click.argument("username")
@click.option("--full-name", help="What the user is called in full.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def create(username: str, full_name: str | None, as_json: bool, data_dir: Path | None) -> None:
    """Make a user and print their id."""
    for name, value in (("USERNAME", username), ("--full-name", full_name)):
        if value is not None and not 0 < len(value) <= 100:
            raise click.ClickException(f"{name} has 1 to 100 characters.")

    async def job(gate: Gate) -> str:
        return await gate.identity.users.create(OPERATOR, username, full_name)

    user_id = with_gate(data_dir, job)
    # The id alone, so that USER=$(toolgate users create jane) has it.
    click.echo(orjson.dumps({"userId": user_id}).decode() if as_json else user_id)


@users.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_users(as_json: bool, data_dir: Path | None) -> None:
    """List the users, the oldest first."""

    async def job(gate: Gate) -> list[dict[str, Any]]:
        found, _ = await gate.identity.users.page(DEFAULT_ACCOUNT, _MOST, 0)
        return found

    found = with_gate(data_dir, job)
    rows = [
        {
            "id": user["userId"],
            "username": user.get("username", ""),
            "full name": user.get("fullName", ""),
            "disabled": "yes" if user["disabled"] else "",
            "created": user["createdAt"],
        }
        for user in found
    ]
    click.echo(orjson.dumps(found).decode() if as_json else table(rows) or "There are no users.")


@users.command()
@click.argument("user_id", metavar="ID")
@data_dir_option
@sentences
def disable(user_id: str, data_dir: Path | None) -> None:
    """Refuse a user at every door; a running service does from its next request on."""
    _switch(user_id, data_dir, disabled=True)
    click.echo(f"User {user_id!r} is disabled.")


@users.command()
@click.argument("user_id", metavar="ID")
@data_dir_option
@sentences
def enable(user_id: str, data_dir: Path | None) -> None:
    """Let a disabled user in again."""
    _switch(user_id, data_dir, disabled=False)
    click.echo(f"User {user_id!r} is enabled.")


@users.command()
@click.argument("user_id", metavar="ID")
@data_dir_option
@sentences
def delete(user_id: str, data_dir: Path | None) -> None:
    """Delete a user with their servers, credentials and API keys."""

    async def job(gate: Gate) -> None:
        await gate.identity.users.get(OPERATOR.account_id, user_id)
        tokens = await gate.keeper.fetched(OPERATOR.account_id, user_id)
        await gate.identity.users.delete(OPERATOR, user_id)
        await revoke_all(gate, OPERATOR, tokens)

    with_gate(data_dir, job)
    click.echo(f"User {user_id!r} is deleted.")


def _switch(user_id: str, data_dir: Path | None, *, disabled: bool) -> None:
    async def job(gate: Gate) -> None:
        await gate.identity.users.update(OPERATOR, user_id, {"disabled": disabled})

    with_gate(data_dir, job)
