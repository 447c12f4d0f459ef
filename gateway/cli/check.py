"""`toolgate check`: settings, data directory, keys, spec and connectors in one report."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.assembly import DATABASE
from gateway.backup.problems import BackupError
from gateway.catalog.loader import load_shipped
from gateway.cli.common import data_dir_option, settings_for, with_gate
from gateway.contract import load_document
from gateway.credentials.inspection import Inspected, inspect
from gateway.errors import ToolgateError
from gateway.gate import Gate
from gateway.secrets import SecretsError, load
from gateway.settings import Settings, SettingsError
from storage.runner import StoreError
from storage.times import now

_MOST_NAMED = 10


@click.command()
@data_dir_option
def check(data_dir: Path | None) -> None:
    """Report whether everything is in order; exit status 1 with a sentence for each thing that is not."""
    try:
        settings = settings_for(data_dir)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"settings: ok, serving as {settings.public_url}")
    parts: dict[str, Callable[[], str]] = {
        "data directory": lambda: _data_directory(settings),
        "spec": _spec,
        "shipped connectors": _shipped,
        "database": lambda: _database(settings),
        "vault": lambda: _vault(settings),
    }
    said: set[str] = set()
    for name, part in parts.items():
        try:
            click.echo(f"{name}: {part()}")
        except (ToolgateError, SecretsError, StoreError, BackupError, OSError, ValueError) as error:
            reason = str(getattr(error, "message", error))
            # One cause, one sentence: database and vault need the same secrets.
            if reason not in said:
                click.echo(f"{name}: {reason}", err=True)
            said.add(reason)
    if said:
        raise SystemExit(1)


def _data_directory(settings: Settings) -> str:
    folder = settings.data_dir
    if not folder.exists():
        return f"ok, {folder} will be made by the first `toolgate serve`"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ValueError(f"{folder} cannot be read and written by this user")
    if folder.stat().st_mode & 0o007:
        raise ValueError(f"{folder} can be entered by everybody on this machine; `chmod 700` it")
    return f"ok, {folder}"


def _spec() -> str:
    from openapi_spec_validator import validate  # noqa: PLC0415 (costs a quarter of a second, and only this asks for it)

    document = load_document()
    validate(document)
    return f"ok, OpenAPI {document['openapi']} with {len(document['paths'])} paths"


def _shipped() -> str:
    import spec  # noqa: PLC0415 (beside the loader that it is for)

    loaded = [load_shipped(connector_id) for connector_id in spec.connector_names()]
    return f"ok, {len(loaded)} with {sum(len(connector.actions) for connector in loaded)} actions"


def _database(settings: Settings) -> str:
    if not (settings.data_dir / DATABASE).exists():
        return "ok, not made yet"

    async def job(gate: Gate) -> tuple[int, int]:
        moment = now()
        keys = [
            key
            for key in await gate.keys.list(DEFAULT_ACCOUNT)
            if "revokedAt" not in key and ("expiresAt" not in key or key["expiresAt"] > moment)
        ]
        return len(keys), sum(not connector.shipped for connector in await gate.catalog.all(DEFAULT_ACCOUNT))

    keys, own = with_gate(settings.data_dir, job)
    if not keys:
        raise ValueError("there is no API key in force; `toolgate keys create` makes one")
    return f"ok, {keys} API key(s), {own} connector(s) of your own"


def _vault(settings: Settings) -> str:
    if not (settings.data_dir / DATABASE).exists():
        return "ok, nothing is sealed yet"

    async def job(gate: Gate) -> Inspected:
        return await inspect(gate.store, load(settings.data_dir).ring)

    found = with_gate(settings.data_dir, job)
    if found.closed:
        named = ", ".join(found.closed[:_MOST_NAMED]) + (", ..." if len(found.closed) > _MOST_NAMED else "")
        raise ValueError(
            f"{len(found.closed)} of {found.rows} sealed rows do not open ({named}): put the secrets file back "
            "that they were sealed with, or store these credentials again"
        )
    return f"ok, {found.rows} sealed row(s), 0 that do not open"
