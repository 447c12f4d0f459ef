"""What the commands share: the data directory, one event loop per command, and failures as sentences."""

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER, Caller
from gateway.access.trail import record
from gateway.assembly import build_gate
from gateway.backup.problems import BackupError
from gateway.errors import ToolgateError
from gateway.gate import Gate
from gateway.secrets import SecretsError
from gateway.settings import Settings, SettingsError, load
from gateway.tools.briefly import visible
from storage.runner import StoreError

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

# Whoever runs the command line on the machine is the operator.
OPERATOR = Caller(account_id=DEFAULT_ACCOUNT, user_id=FIRST_USER, principal_id=FIRST_USER, door="cli")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database and the secrets  [env: TOOLGATE_DATA_DIR]",
)


def sentences(command: Command) -> Command:
    """Turn what can go wrong into one sentence on stderr and exit status 1."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            for value in options.values():
                if isinstance(value, str):
                    value.encode()
            return command(*arguments, **options)
        except UnicodeEncodeError:
            raise click.ClickException("An argument is not UTF-8.") from None
        except ToolgateError as error:
            raise click.ClickException(error.message) from None
        except (SettingsError, SecretsError, StoreError, BackupError) as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise click.ClickException(f"{error.strerror or type(error).__name__}{where}") from None

    return wrapped  # type: ignore[return-value]  # wraps keeps the signature


@contextmanager
def in_options(names: Mapping[str, str]) -> Iterator[None]:
    """Say what is refused in the words of the command: a field of the REST API by the option that gives it."""
    fields = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    try:
        yield
    except ToolgateError as error:
        raise click.ClickException(fields.sub(lambda field: names[field[0]], error.message)) from None


def settings_for(data_dir: Path | None, **given: Any) -> Settings:
    return load(data_dir=data_dir, **given)


def with_gate(data_dir: Path | None, job: Callable[[Gate], Awaitable[T]]) -> T:
    """Run `job` on the data directory's gate, beside a running service or without one."""

    async def run() -> T:
        gate = build_gate(settings_for(data_dir))
        try:
            await gate.begin()
            return await job(gate)
        finally:
            await gate.close()

    return asyncio.run(run())


def put_on_record(data_dir: Path | None, event: str) -> None:
    """Say in the audit trail what was done to the data directory as a whole, once it is done."""

    async def job(gate: Gate) -> None:
        await gate.store.write(lambda connection: record(connection, OPERATOR, event))

    with_gate(data_dir, job)


def table(rows: list[dict[str, str]]) -> str:
    """Rows as aligned columns under their names; an empty string for no rows.

    What users and platforms call themselves moves no cursor and begins no line of its own.
    """
    if not rows:
        return ""
    rows = [{name: visible(cell) for name, cell in row.items()} for row in rows]
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    lines = ["  ".join(name.upper().ljust(widths[name]) for name in names).rstrip()]
    lines += ["  ".join(row[name].ljust(widths[name]) for name in names).rstrip() for row in rows]
    return "\n".join(lines)
