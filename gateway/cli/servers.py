"""`toolgate servers`: every user's servers of this data directory. A running service sees a change at once."""

from dataclasses import replace
from pathlib import Path

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT, Caller
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.errors import NotFound
from gateway.gate import Gate
from gateway.servers import Server
from storage.times import of_epoch


@click.group()
def servers() -> None:
    """Servers: list, pause, resume, safety, rotate-token."""


@servers.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_servers(as_json: bool, data_dir: Path | None) -> None:
    """List every user's servers, without their tokens."""

    async def job(gate: Gate) -> list[Server]:
        return await gate.servers.of_account(DEFAULT_ACCOUNT)

    found = [_shown(server) for server in with_gate(data_dir, job)]
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    rows = [
        {
            "id": str(server["serverId"]),
            "user": str(server["userId"]),
            "name": str(server["name"]),
            "state": "paused" if server["paused"] else "",
            "created": str(server["createdAt"]),
            "token expires": str(server.get("tokenExpiresAt", "")),
        }
        for server in found
    ]
    click.echo(table(rows) or "There are no servers.")


@servers.command()
@click.argument("server_id", metavar="ID")
@data_dir_option
@sentences
def pause(server_id: str, data_dir: Path | None) -> None:
    """Let a server answer nobody; everything about it is kept."""
    _pause(server_id, data_dir, paused=True)
    click.echo(f"Server {server_id} is paused.")


@servers.command()
@click.argument("server_id", metavar="ID")
@data_dir_option
@sentences
def resume(server_id: str, data_dir: Path | None) -> None:
    """Let a server answer again."""
    _pause(server_id, data_dir, paused=False)
    click.echo(f"Server {server_id} answers again.")


@servers.command()
@click.argument("server_id", metavar="ID")
@click.option("--read-only/--no-read-only", default=None, help="Whether only actions exist that change nothing.")
@click.option(
    "--confirm-destructive/--no-confirm-destructive",
    default=None,
    help="Whether a destructive action runs only after somebody has said yes to it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@data_dir_option
@sentences
def safety(
    server_id: str, read_only: bool | None, confirm_destructive: bool | None, as_json: bool, data_dir: Path | None
) -> None:
    """Show whether a server is read-only and asks before destructive actions, or set it."""
    given = {"readOnly": read_only, "confirmDestructive": confirm_destructive}
    wanted = {name: value for name, value in given.items() if value is not None}

    async def job(gate: Gate) -> Server:
        owner = await _owner(gate, server_id)
        return await (
            gate.servers.make_safe(owner, server_id, wanted) if wanted else gate.servers.get(owner, server_id)
        )

    server = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(server.safety).decode())
        return
    click.echo(f"Server {server_id} {'is read-only' if server.policy.read_only else 'is not read-only'}.")
    asks = "wants" if server.confirm_destructive else "does not want"
    click.echo(f"It {asks} destructive actions confirmed.")


@servers.command(name="rotate-token")
@click.argument("server_id", metavar="ID")
@data_dir_option
@sentences
def rotate_token(server_id: str, data_dir: Path | None) -> None:
    """Give a server another token and print its new token URL; the old one is refused from the next request on."""

    async def job(gate: Gate) -> Server:
        server, _ = await gate.servers.rotate_token(await _owner(gate, server_id), server_id, {})
        return server

    server = with_gate(data_dir, job)
    # The URL alone on stdout, so that a script has it.
    click.echo(f"Server {server_id} has another token; its URL is now:", err=True)
    click.echo(server.public["accessUrl"])


def _pause(server_id: str, data_dir: Path | None, *, paused: bool) -> None:
    async def job(gate: Gate) -> None:
        await gate.servers.pause(await _owner(gate, server_id), server_id, paused)

    with_gate(data_dir, job)


async def _owner(gate: Gate, server_id: str) -> Caller:
    """The operator in the place of the server's owner; the audit trail says that it was the command line."""
    server = await gate.servers.find(server_id)
    if server is None or server.account_id != DEFAULT_ACCOUNT:
        raise NotFound("Server not found")
    return replace(OPERATOR, user_id=server.user_id)


def _shown(server: Server) -> dict[str, object]:
    named = {name: server.public[name] for name in ("serverId", "name", "url", "paused", "createdAt", "updatedAt")}
    expiry = {} if server.token_expires_at is None else {"tokenExpiresAt": of_epoch(server.token_expires_at)}
    return {**named, "userId": server.user_id, **expiry}
