"""`toolgate audit`: the audit trail of this data directory, verified, exported, and cut. Beside a running service."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.assembly import DATABASE
from gateway.cli.common import OPERATOR, data_dir_option, sentences, settings_for, with_gate
from gateway.gate import Gate
from storage.chain import FIELDS
from storage.export import Exported
from storage.times import now, of_date_time
from storage.verification import Report

_NAMES = ("id", *(first + "".join(map(str.title, rest)) for first, *rest in (name.split("_") for name in FIELDS[1:])))


def _hash(_context: Any, _parameter: Any, value: str | None) -> bytes | None:
    try:
        found = None if value is None else bytes.fromhex(value)
    except ValueError:
        found = b""
    if found is not None and len(found) != 32:
        raise click.BadParameter("give a hash as `toolgate audit verify` prints it: 64 hexadecimal digits")
    return found


def _moment(_context: Any, _parameter: Any, value: str | None) -> str | None:
    try:
        return None if value is None else of_date_time(value if "T" in value.upper() else f"{value}T00:00:00Z")
    except ValueError:
        raise click.BadParameter("give a date, or a date-time such as 2026-11-23T16:40:00Z") from None


def _there(data_dir: Path | None) -> None:
    """Raise where there is no trail: an empty one, made at that moment, would pass as one that is in order."""
    folder = settings_for(data_dir).data_dir
    if not (folder / DATABASE).exists():
        raise click.ClickException(f"There is no database in {folder}.")


@click.group()
def audit() -> None:
    """Audit trail: verify, export, prune."""


@audit.command()
@click.option("--expect", callback=_hash, metavar="HASH", help="A hash noted earlier, which must be there still.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@sentences
def verify(expect: bytes | None, as_json: bool, data_dir: Path | None) -> None:
    """Say whether the trail is as it was written; exit status 1 with the first row that is not."""

    async def job(gate: Gate) -> Report:
        return gate.audit.verify(expect)

    _there(data_dir)
    report = with_gate(data_dir, job)
    head, broken = report.head, report.broken
    if as_json:
        shown = {
            "ok": broken is None and report.expected is not False,
            "rows": report.rows,
            "removed": head.cut_id,
            "lastRow": head.last_id,
            "lastHash": head.last_hash.hex(),
            **({} if broken is None else {"broken": broken._asdict()}),
            **({} if report.expected is None else {"expected": report.expected}),
        }
        click.echo(orjson.dumps(shown).decode())
    else:
        removed = f", {head.cut_id} older ones removed" if head.cut_id else ""
        click.echo(f"{report.rows} rows in order{removed}; the last of them is row {head.last_id}, with the hash")
        click.echo(head.last_hash.hex())
        if broken is not None:
            click.echo(f"Row {broken.row}: {broken.why}: {broken.sentence}.", err=True)
        if report.expected is False:
            why = "the trail was cut, or comes from an earlier backup"
            removed = ", or the row was removed for its age" if head.cut_id else ""
            click.echo(f"No row that is in order has the expected hash: {why}{removed}.", err=True)
    if broken is not None or report.expected is False:
        raise SystemExit(1)


@audit.command()
@click.option("--account", metavar="ID", help="Only this account's rows; all accounts' if left out.")
@click.option("--since", callback=_moment, metavar="MOMENT", help="Only from this date or date-time on.")
@click.option("--until", callback=_moment, metavar="MOMENT", help="Only before this date or date-time.")
@data_dir_option
@sentences
def export(account: str | None, since: str | None, until: str | None, data_dir: Path | None) -> None:
    """Print the rows as JSON lines, the oldest first, with what others need to verify them."""

    async def job(gate: Gate) -> None:
        if account is not None:
            await gate.audit.check_account(account)
        for row in gate.audit.export(account, since, until):
            sys.stdout.buffer.write(_line(row))
        sys.stdout.buffer.flush()

    _there(data_dir)
    with_gate(data_dir, job)


@audit.command()
@click.option("--before", callback=_moment, required=True, metavar="MOMENT", help="Rows before this date or date-time.")
@data_dir_option
@sentences
def prune(before: str, data_dir: Path | None) -> None:
    """Remove old rows from the beginning of the trail; what is left can still be verified."""

    if before > now():
        # A slip of the hand that nothing would bring back: every row is older than that.
        raise click.BadParameter("lies in the future: that would remove every row there is", param_hint="'--before'")

    async def job(gate: Gate) -> int:
        return await gate.audit.prune(OPERATOR, before)

    _there(data_dir)
    click.echo(f"Removed {with_gate(data_dir, job)} row(s).")


def _line(row: Exported) -> bytes:
    values = {name: value for name, value in zip(_NAMES, row.values, strict=True) if value is not None}
    sealed = {"previousHash": row.previous_hash.hex(), "hash": row.hash.hex(), "seal": row.seal.hex()}
    return orjson.dumps({**values, **sealed}) + b"\n"
