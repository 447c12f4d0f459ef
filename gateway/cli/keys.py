"""`toolgate keys`: the API keys of this data directory."""

from pathlib import Path

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER, MANAGE, USE
from gateway.access.keys import NewKey
from gateway.access.trail import record
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.gate import Gate


@click.group()
def keys() -> None:
    """API keys: create, list, revoke."""


@keys.command()
@click.option("--user", default=FIRST_USER, show_default=True, help="The user whom the key stands for; made if needed.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([MANAGE, USE]),
    help="What the key may do; both if left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def create(user: str, scopes: tuple[str, ...], as_json: bool, data_dir: Path | None) -> None:
    """Make a key and print it, once."""
    wanted = sorted(set(scopes) or {MANAGE, USE})

    async def job(gate: Gate) -> NewKey:
        return await gate.keys.create(
            DEFAULT_ACCOUNT, user, wanted, also=lambda connection: record(connection, OPERATOR, "key.create")
        )

    new = with_gate(data_dir, job)
    if as_json:
        shown = {"id": new.key_id, "key": new.key, "userId": user, "scopes": wanted}
        click.echo(orjson.dumps(shown).decode())
    else:
        # The key alone on stdout, so that KEY=$(toolgate keys create) has it.
        click.echo(f"API key {new.key_id} for user {user!r} ({', '.join(wanted)}); it is shown only now:", err=True)
        click.echo(new.key)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_keys(as_json: bool, data_dir: Path | None) -> None:
    """List the keys; the keys themselves are not known any more."""

    async def job(gate: Gate) -> list[dict[str, object]]:
        return await gate.keys.list(DEFAULT_ACCOUNT)

    found = with_gate(data_dir, job)
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    rows = [
        {
            "id": str(key["keyId"]),
            "prefix": f"{key['prefix']}...",
            "user": str(key["userId"]),
            "scopes": ",".join(key["scopes"]),  # type: ignore[arg-type]  # a list of words
            "created": str(key["createdAt"]),
            "revoked": str(key.get("revokedAt", "")),
        }
        for key in found
    ]
    click.echo(table(rows) or "There are no API keys; `toolgate keys create` makes one.")


@keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
@sentences
def revoke(key_id: str, data_dir: Path | None) -> None:
    """Revoke a key; a running service refuses it from its next request on."""

    async def job(gate: Gate) -> None:
        await gate.keys.revoke(
            DEFAULT_ACCOUNT, key_id, also=lambda connection: record(connection, OPERATOR, "key.revoke")
        )

    with_gate(data_dir, job)
    click.echo(f"API key {key_id} is revoked.")
