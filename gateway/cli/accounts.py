"""`toolgate accounts`: the accounts of this data directory. The operator's own is `default`."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.accounts import NewAccount
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.disconnecting import remove_account
from gateway.gate import Gate

_MOST = 1_000_000


@click.group()
def accounts() -> None:
    """Accounts: create, list, disable, enable, delete."""


@accounts.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def create(name: str, as_json: bool, data_dir: Path | None) -> None:
    """Make an account and print its first API key, once."""
    if not 0 < len(name) <= 100:
        raise click.ClickException("NAME has 1 to 100 characters.")

    async def job(gate: Gate) -> NewAccount:
        return await gate.accounts.create(OPERATOR, name)

    new = with_gate(data_dir, job)
    account_id = new.account["accountId"]
    if as_json:
        shown = {"accountId": account_id, "userId": new.user_id, "keyId": new.key.key_id, "key": new.key.key}
        click.echo(orjson.dumps(shown).decode())
    else:
        # The key alone on stdout, so that KEY=$(toolgate accounts create Sales) has it.
        click.echo(f"Account {account_id} with user {new.user_id!r}; its API key is shown only now:", err=True)
        click.echo(new.key.key)


@accounts.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_accounts(as_json: bool, data_dir: Path | None) -> None:
    """List the accounts, the oldest first."""

    async def job(gate: Gate) -> list[dict[str, Any]]:
        found, _ = await gate.accounts.page(OPERATOR, _MOST, 0)
        return found

    found = with_gate(data_dir, job)
    rows = [
        {
            "id": account["accountId"],
            "name": account["name"],
            "disabled": "yes" if account["disabled"] else "",
            "created": account["createdAt"],
        }
        for account in found
    ]
    click.echo(orjson.dumps(found).decode() if as_json else table(rows) or "There are no accounts.")


@accounts.command()
@click.argument("account_id", metavar="ID")
@data_dir_option
@sentences
def disable(account_id: str, data_dir: Path | None) -> None:
    """Refuse an account's keys and token URLs; a running service does from its next request on."""
    _switch(account_id, data_dir, disabled=True)
    click.echo(f"Account {account_id} is disabled.")


@accounts.command()
@click.argument("account_id", metavar="ID")
@data_dir_option
@sentences
def enable(account_id: str, data_dir: Path | None) -> None:
    """Let a disabled account in again."""
    _switch(account_id, data_dir, disabled=False)
    click.echo(f"Account {account_id} is enabled.")


@accounts.command()
@click.argument("account_id", metavar="ID")
@data_dir_option
@sentences
def delete(account_id: str, data_dir: Path | None) -> None:
    """Delete an account with everything that it has."""

    async def job(gate: Gate) -> None:
        await remove_account(gate, OPERATOR, account_id)

    with_gate(data_dir, job)
    click.echo(f"Account {account_id} is deleted.")


def _switch(account_id: str, data_dir: Path | None, *, disabled: bool) -> None:
    async def job(gate: Gate) -> None:
        await gate.accounts.update(OPERATOR, account_id, {"disabled": disabled})

    with_gate(data_dir, job)
