"""`toolgate vault`: the keys that credentials are sealed with. Nothing that it prints is a secret."""

import asyncio
from pathlib import Path

import click
import orjson

from gateway.access.trail import record
from gateway.backup.starting_over import start_over as begin_anew
from gateway.cli.common import OPERATOR, data_dir_option, put_on_record, sentences, settings_for, table, with_gate
from gateway.credentials import rotation
from gateway.gate import Gate
from gateway.secrets import load

_MOST_NAMED = 20


@click.group()
def vault() -> None:
    """The vault's keys: status, rotate, start-over."""


@vault.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def status(as_json: bool, data_dir: Path | None) -> None:
    """Say how many rows each vault key has sealed, which key seals, and whether a rotation is under way."""
    folder = settings_for(data_dir).data_dir

    async def job(gate: Gate) -> tuple[str | None, list[rotation.Count]]:
        return gate.store.sealing(), await rotation.counts(gate.store)

    seals, found = with_gate(data_dir, job)
    names = load(folder).ring.names
    rows = [
        {"table": count.table, "key": name, "rows": number, "inFile": name in names}
        for count in found
        for name, number in sorted(count.by_key.items())
    ]
    if as_json:
        click.echo(orjson.dumps({"seals": seals, "keys": names, "rotating": len(names) > 1, "rows": rows}).decode())
        return
    for name in names:
        click.echo(f"{name}: {'seals' if name == seals else 'opens what it has sealed'}")
    if len(names) > 1:
        click.echo("A rotation is not finished; `toolgate vault rotate` goes on with it.")
    shown = [
        {
            "table": str(row["table"]),
            "key": str(row["key"]),
            "rows": str(row["rows"]),
            "": "" if row["inFile"] else "this key is not in the secrets file",
        }
        for row in rows
    ]
    click.echo(table(shown) or "Nothing is sealed.")


@vault.command()
@click.option("--batch", type=click.IntRange(1, 1000), default=rotation.BATCH, show_default=True, help="Rows at once.")
@click.option("--leave-unreadable", is_flag=True, help="Remove the old key although some rows do not open with it.")
@data_dir_option
@sentences
def rotate(batch: int, leave_unreadable: bool, data_dir: Path | None) -> None:
    """Make a new vault key, seal everything with it, and remove the old one; go on where another run was interrupted.

    Services may run meanwhile, and be used.
    """
    folder = settings_for(data_dir).data_dir

    async def job(gate: Gate) -> rotation.Rotated:
        return await rotation.rotate(
            gate.store,
            folder,
            click.echo,
            also=lambda connection: record(connection, OPERATOR, "vault.rotate"),
            batch=batch,
            leave_unreadable=leave_unreadable,
        )

    done = with_gate(data_dir, job)
    for line in sorted(done.unreadable)[:_MOST_NAMED]:
        click.echo(f"does not open: {line}", err=True)
    if done.unreadable:
        click.echo(
            f"{len(done.unreadable)} row(s) do not open: store these credentials again, or delete them.", err=True
        )
    if done.opened_by_none and not leave_unreadable:
        raise click.ClickException(
            "The old key is kept, since rows of it do not open; --leave-unreadable removes it all the same."
        )
    removed = f"; removed: {', '.join(done.removed)}" if done.removed else ""
    click.echo(f"Done: {done.rows} rows are sealed by {done.key_name}{removed}.")


@vault.command(name="start-over")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@data_dir_option
@sentences
def start_over(yes: bool, data_dir: Path | None) -> None:
    """Make new secrets for a database whose own are lost: credentials must be stored again, token URLs change."""
    if not yes:
        click.confirm("Every credential must be stored again, and every token URL changes. Go on?", abort=True)
    done = asyncio.run(begin_anew(settings_for(data_dir).data_dir))
    put_on_record(data_dir, "vault.start-over")
    if done.aside is not None:
        click.echo(f"The secrets file that was there is now {done.aside}.")
    click.echo(
        f"There are new secrets. {done.closed} sealed row(s) do not open any more; all token URLs are other ones."
    )
