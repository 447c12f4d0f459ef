"""`toolgate keys`: the API keys of this data directory."""

import re
from pathlib import Path

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER, MANAGE, USE
from gateway.access.keys import NewKey
from gateway.access.trail import record
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.gate import Gate
from gateway.moments import epoch
from storage.times import now, of_date_time, of_epoch


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
@click.option("--name", help="What you call the key, up to 100 characters.")
@click.option(
    "--expires",
    "expires_at",
    metavar="WHEN",
    callback=lambda _context, _parameter, value: _moment(value),
    help="When it ends: a date-time (2027-01-31T00:00:00Z), or days such as 90d.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def create(
    user: str, scopes: tuple[str, ...], name: str | None, expires_at: str | None, as_json: bool, data_dir: Path | None
) -> None:
    """Make a key and print it, once."""
    wanted = sorted(set(scopes) or {MANAGE, USE})
    if name is not None and not (0 < len(name) <= 100 and "\0" not in name):
        raise click.ClickException("--name has 1 to 100 characters.")

    async def job(gate: Gate) -> NewKey:
        return await gate.keys.create(
            DEFAULT_ACCOUNT,
            user,
            wanted,
            name=name,
            expires_at=expires_at,
            also=lambda connection, made: record(connection, OPERATOR, "key.create", subject=made),
        )

    new = with_gate(data_dir, job)
    until = {"expiresAt": new.expires_at} if new.expires_at else {}
    if as_json:
        shown = {"id": new.key_id, "key": new.key, "userId": user, "scopes": wanted, **until}
        click.echo(orjson.dumps(shown).decode())
    else:
        # The key alone on stdout, so that KEY=$(toolgate keys create) has it.
        ends = f", until {new.expires_at}" if new.expires_at else ""
        scoped = ", ".join(wanted)
        click.echo(f"API key {new.key_id} for user {user!r} ({scoped}){ends}; it is shown only now:", err=True)
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
            "name": str(key.get("name", "")),
            "created": str(key["createdAt"]),
            "last used": str(key.get("lastUsedAt", "")),
            "expires": str(key.get("expiresAt", "")),
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
            DEFAULT_ACCOUNT,
            key_id,
            also=lambda connection, gone: record(connection, OPERATOR, "key.revoke", subject=gone),
        )

    with_gate(data_dir, job)
    click.echo(f"API key {key_id} is revoked.")


def _moment(text: str | None) -> str | None:
    """The date-time that `--expires` means: one, or a number of days from now. Raises click.BadParameter."""
    if text is None:
        return None
    days = re.fullmatch(r"([0-9]{1,5})d", text)
    try:
        moment = of_epoch(epoch() + int(days[1]) * 86_400) if days else of_date_time(text)
    except ValueError:
        raise click.BadParameter("is a date-time such as 2027-01-31T00:00:00Z, or days such as 90d") from None
    if moment <= now():
        raise click.BadParameter("is in the future")
    return moment
