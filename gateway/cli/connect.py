"""`toolgate connect`: what to paste into a client, ready for one server."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.cli.common import data_dir_option, sentences, table, with_gate
from gateway.clients import DOORS, TOKEN, Place, clients, connection
from gateway.errors import NotFound
from gateway.gate import Gate


@click.command()
@click.argument("client", required=False)
@click.argument("server", metavar="SERVER", required=False)
@click.option(
    "--door",
    type=click.Choice(DOORS),
    default=TOKEN,
    show_default=True,
    help="token: the URL is all the client needs; key: it sends an API key.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known as JSON.")
@data_dir_option
@sentences
def connect(client: str | None, server: str | None, door: str, as_json: bool, data_dir: Path | None) -> None:
    """Print what to paste into CLIENT to use SERVER (an id, or a name that only one has).

    Without arguments: list the clients that are known.
    """
    if client is None:
        known = clients()
        rows = [{"id": entry["id"], "name": entry["name"], "doors": ", ".join(entry["doors"])} for entry in known]
        click.echo(orjson.dumps(known).decode() if as_json else table(rows))
        return
    if server is None:
        raise click.UsageError("Missing argument 'SERVER'.")
    wanted: str = server

    async def job(gate: Gate) -> dict[str, Any]:
        found = await gate.servers.of_account(DEFAULT_ACCOUNT)
        named = [one for one in found if one.server_id == wanted] or [one for one in found if one.name == wanted]
        if len(named) != 1:
            raise NotFound("Several servers have this name; give the id" if named else "Server not found")
        return connection(client, Place.of(named[0].public, door))

    answer = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(answer).decode())
        return
    # The snippet alone on stdout, so that it can go into a file or a pipe.
    said = [f"File: {answer['file']}" if "file" in answer else answer["title"], *answer["steps"], *answer["notes"]]
    for line in said:
        click.echo(line, err=True)
    click.echo(answer["snippet"], nl=False)
