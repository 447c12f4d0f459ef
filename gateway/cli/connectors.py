"""`toolgate connectors`: the platforms of this data directory. A running service sees a change at once."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.catalog.documents.lines import lines
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.reading import parse
from gateway.catalog.lint import Report, error, lint
from gateway.catalog.model import Connector
from gateway.cli.common import OPERATOR, data_dir_option, sentences, table, with_gate
from gateway.connectors import CONNECTOR_ID, MAX_DOCUMENT, Replaced, Wanted
from gateway.disconnecting import remove_connector
from gateway.gate import Gate

_MOST_NAMED = 20


def _auth(_context: Any, _parameter: Any, value: str | None) -> dict[str, str] | None:
    """`bearer`, `basic`, `none` or `api-key:HEADER` as the REST API has it."""
    if value is None:
        return None
    kind, _, header = value.partition(":")
    if kind == "api-key" and header and header.replace("-", "").isalnum() and header.isascii():
        return {"type": "apiKey", "header": header}
    if value in ("bearer", "basic", "none"):
        return {"type": value}
    raise click.BadParameter("is bearer, basic, none or api-key:HEADER")


def _identifier(_context: Any, _parameter: Any, value: str) -> str:
    if not CONNECTOR_ID.fullmatch(value):
        raise click.BadParameter("has 1 to 64 of A-Z a-z 0-9 _ . - and begins with a letter or digit")
    return value


@click.group()
def connectors() -> None:
    """Connectors: list, add, remove, check."""


@connectors.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@data_dir_option
@sentences
def list_connectors(as_json: bool, data_dir: Path | None) -> None:
    """List the shipped connectors and your own."""

    async def job(gate: Gate) -> tuple[Connector, ...]:
        return await gate.catalog.all(DEFAULT_ACCOUNT)

    rows = [
        {
            "id": connector.connector_id,
            "name": connector.name,
            "actions": str(len(connector.actions)),
            "origin": "shipped" if connector.shipped else "own",
            "url": connector.base_url,
        }
        for connector in with_gate(data_dir, job)
    ]
    click.echo(orjson.dumps(rows).decode() if as_json else table(rows))


@connectors.command()
@click.argument("source", metavar="FILE_OR_URL")
@click.option(
    "--id", "connector_id", required=True, callback=_identifier, help="What the connector is called in calls."
)
@click.option("--name", help="What people read; the document's title if left out.")
@click.option("--base-url", help="Where the platform is, whatever the document says.")
@click.option("--auth", callback=_auth, metavar="bearer|basic|api-key:HEADER|none", help="How calls authenticate.")
@click.option(
    "--keep-credentials", is_flag=True, help="Stored credentials may go to the new address or in the new way."
)
@data_dir_option
@sentences
def add(
    source: str,
    connector_id: str,
    name: str | None,
    base_url: str | None,
    auth: dict[str, str] | None,
    keep_credentials: bool,
    data_dir: Path | None,
) -> None:
    """Add a connector from an OpenAPI document, or put a newer document in its place."""
    is_url = source.startswith(("http://", "https://"))
    wanted = Wanted(
        name=name,
        document=None if is_url else _read(source),
        url=source if is_url else None,
        source=None if is_url else Path(source).name,
        base_url=base_url,
        auth=auth,
    )

    async def job(gate: Gate) -> Connector | Replaced:
        existing = await gate.catalog.get(DEFAULT_ACCOUNT, connector_id)
        if existing is None or existing.shipped:
            return await gate.connectors.add(OPERATOR, connector_id, wanted)
        return await gate.connectors.replace(OPERATOR, connector_id, wanted, keep_credentials=keep_credentials)

    click.echo(f"{'Fetching' if is_url else 'Reading'} {source} ...", err=True)
    done = with_gate(data_dir, job)
    connector, verb = (done.connector, "Replaced") if isinstance(done, Replaced) else (done, "Added")
    click.echo(f"{verb} connector {connector_id!r}: {len(connector.actions)} actions at {connector.base_url}")
    for sentence in connector.left_out:
        click.echo(f"Left out: {sentence}")
    if isinstance(done, Replaced):
        _say_changes(done)


def _say_changes(done: Replaced) -> None:
    changes = {"Added": done.changes.added, "Removed": done.changes.removed, "Changed": done.changes.changed}
    for word, ids in changes.items():
        if ids:
            more = f", and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
            click.echo(f"{word} {len(ids)} action(s): {', '.join(ids[:_MOST_NAMED])}{more}")
    if not any(changes.values()):
        click.echo("Its actions are the same as before.")
    for server in done.dangling:
        click.echo(f"The restrictions of server {server.name!r} name what is gone: {', '.join(server.ids)}")
    if done.suspended:
        click.echo(
            f"Its address or authentication changed, so that {done.suspended} stored credential(s) are suspended; "
            "add it again with --keep-credentials to confirm that they may go there."
        )


@connectors.command()
@click.argument("connector_id", metavar="ID")
@data_dir_option
@sentences
def remove(connector_id: str, data_dir: Path | None) -> None:
    """Remove one of your connectors and its credentials."""

    async def job(gate: Gate) -> int:
        return await remove_connector(gate, OPERATOR, connector_id)

    credentials = with_gate(data_dir, job)
    click.echo(f"Removed connector {connector_id!r} and {credentials} credential(s).")


@connectors.command()
@click.argument("file", metavar="FILE")
@click.option("--base-url", help="Where the platform is, whatever the document says.")
@click.option("--auth", callback=_auth, metavar="bearer|basic|api-key:HEADER|none", help="How calls authenticate.")
@click.option("--strict", is_flag=True, help="Exit status 1 for warnings, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@sentences
def check(file: str, base_url: str | None, auth: dict[str, str] | None, strict: bool, as_json: bool) -> None:
    """Say whether a document can become a connector, what it would have, and what to mend in it."""
    raw = _read(file)
    try:
        report = lint(parse(raw), base_url=base_url, auth=auth)
    except DocumentError as problem:
        report = Report(None, (error(problem),))
    known = lines(raw, [finding.place for finding in report.findings if finding.place.startswith("#")])
    findings = [
        {**asdict(finding), **({"line": known[finding.place]} if finding.place in known else {})}
        for finding in report.findings
    ]
    wrong = [finding for finding in findings if strict or finding["severity"] == "error"]
    if as_json:
        click.echo(orjson.dumps({"connector": _summary(report.connector), "findings": findings}).decode())
    else:
        _say_report(file, report, findings)
    if report.connector is None and not as_json:
        raise click.ClickException(f"{report.findings[0].place}: {report.findings[0].message}")
    if wrong:
        raise SystemExit(1)


def _summary(connector: Connector | None) -> dict[str, Any] | None:
    if connector is None:
        return None
    ways = [way.type for way in connector.authentication]
    return {
        "name": connector.name,
        "actions": len(connector.actions),
        "baseUrl": connector.base_url,
        "authenticationTypes": ways,
    }


def _say_report(file: str, report: Report, findings: list[dict[str, Any]]) -> None:
    connector = report.connector
    if connector is not None:
        ways = ", ".join(way.type for way in connector.authentication) or "none"
        click.echo(
            f"{connector.name}: {len(connector.actions)} actions at {connector.base_url}; authentication: {ways}"
        )
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding["rule"]] += 1
        if shown[finding["rule"]] > _MOST_NAMED:
            continue
        line = f":{finding['line']}" if "line" in finding else ""
        click.echo(f"{file}{line}: {finding['severity']}: {finding['place']}: {finding['message']}")
        click.echo(f"    {finding['remedy']}")
    for rule, count in shown.items():
        if count > _MOST_NAMED:
            click.echo(f"... and {count - _MOST_NAMED} more of the rule {rule}; --json has all of them.")
    if connector is not None and findings:
        click.echo(f"{len(findings)} warning(s).")


def _read(name: str) -> bytes:
    path = Path(name)
    if not path.is_file():
        raise click.ClickException(f"{name} is not a file.")
    if path.stat().st_size > MAX_DOCUMENT:
        raise click.ClickException(f"{name} is larger than {MAX_DOCUMENT // 1024 // 1024} MB.")
    return path.read_bytes()
