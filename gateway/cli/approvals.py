"""`toolgate approvals`: calls that wait for a server's owner, decided by the operator in the owner's place."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT, Caller
from gateway.approvals import Decision
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.errors import NotFound
from gateway.gate import Gate
from gateway.tools.briefly import visible


@click.group()
def approvals() -> None:
    """Approvals of destructive actions: list, show, give, deny."""


@approvals.command(name="list")
@click.option("--server", "server_id", metavar="ID", help="Only those of this server.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_approvals(server_id: str | None, as_json: bool, data_dir: Path | None) -> None:
    """List the calls that wait for approval, and those decided or used, until they expire."""

    async def job(gate: Gate) -> list[dict[str, Any]]:
        if server_id is not None:
            await _owner(gate, server_id)
        found = await gate.approvals.of_account(DEFAULT_ACCOUNT)
        return [one for one in found if server_id in (None, one["serverId"])]

    found = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    columns = {"id": "approvalId", "server": "serverId", "user": "userId", "connector": "connectorId"}
    columns |= {"action": "actionId", "state": "status", "expires": "expiresAt"}
    rows = [{column: str(one[name]) for column, name in columns.items()} for one in found]
    click.echo(table(rows) or "Nothing waits for approval.")


@approvals.command()
@click.argument("approval_id", metavar="ID")
@data_dir_option
@sentences
def show(approval_id: str, data_dir: Path | None) -> None:
    """Show one, with the arguments of its call, as JSON."""

    async def job(gate: Gate) -> dict[str, Any]:
        return await gate.approvals.get(DEFAULT_ACCOUNT, await _server_of(gate, approval_id), approval_id)

    said = orjson.dumps(with_gate(data_dir, job), option=orjson.OPT_INDENT_2).decode()
    click.echo("\n".join(map(visible, said.split("\n"))))


@approvals.command()
@click.argument("approval_id", metavar="ID")
@data_dir_option
@sentences
def give(approval_id: str, data_dir: Path | None) -> None:
    """Let the call run, once, when it is sent again."""
    found = _decide(approval_id, data_dir, "approve")
    user = visible(found["userId"])
    click.echo(f"{user} may run {found['actionId']} of {found['connectorId']} once, by {found['expiresAt']}.")


@approvals.command()
@click.argument("approval_id", metavar="ID")
@data_dir_option
@sentences
def deny(approval_id: str, data_dir: Path | None) -> None:
    """Refuse the call, also where it was approved and not used yet."""
    found = _decide(approval_id, data_dir, "deny")
    click.echo(f"{found['actionId']} of {found['connectorId']} is refused to {visible(found['userId'])}.")


def _decide(approval_id: str, data_dir: Path | None, decision: Decision) -> dict[str, Any]:
    async def job(gate: Gate) -> dict[str, Any]:
        server_id = await _server_of(gate, approval_id)
        return await gate.approvals.decide(await _owner(gate, server_id), server_id, approval_id, decision)

    return with_gate(data_dir, job)


async def _server_of(gate: Gate, approval_id: str) -> str:
    for one in await gate.approvals.of_account(DEFAULT_ACCOUNT):
        if one["approvalId"] == approval_id:
            return str(one["serverId"])
    raise NotFound("Approval not found; it may have expired")


async def _owner(gate: Gate, server_id: str) -> Caller:
    """The operator in the place of the server's owner; the audit trail says that it was the command line.

    Raises NotFound.
    """
    server = await gate.servers.find(server_id)
    if server is None or server.account_id != DEFAULT_ACCOUNT:
        raise NotFound("Server not found")
    return replace(OPERATOR, user_id=server.user_id)
