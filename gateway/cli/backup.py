"""`toolgate backup` and `toolgate restore`: an installation in one file."""

import sys
from pathlib import Path

import click

from gateway.backup.problems import BackupError
from gateway.backup.restoring import restore as put_back
from gateway.backup.writing import backup as write
from gateway.cli.common import data_dir_option, put_on_record, sentences, settings_for

_SHORTEST, _LONGEST = 8, 1024

_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"A file whose first line is the passphrase, of {_SHORTEST} characters or more.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_passphrase_option
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@data_dir_option
@sentences
def backup(file: Path, passphrase_file: Path | None, force: bool, data_dir: Path | None) -> None:
    """Write database and secrets into FILE, while services run; with a passphrase, encrypted."""
    done = write(settings_for(data_dir).data_dir, file, _passphrase(passphrase_file), replace=force)
    click.echo(f"{file}: {done.size} bytes, {done.sealed} sealed rows.")
    if passphrase_file is None:
        click.echo("It holds the keys that open them: whoever can read it has everything.", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_passphrase_option
@click.option("--rotate-tokens/--keep-tokens", default=None, help="Give every server another token URL, or keep them.")
@click.option("--force", is_flag=True, help="Set aside what is in the data directory.")
@data_dir_option
@sentences
def restore(
    file: Path, passphrase_file: Path | None, rotate_tokens: bool | None, force: bool, data_dir: Path | None
) -> None:
    """Put the backup FILE into a data directory that nobody uses, once everything in it has been checked."""
    folder, passphrase = settings_for(data_dir).data_dir, _passphrase(passphrase_file)
    if rotate_tokens is None and sys.stdin.isatty():
        rotate_tokens = click.confirm("Give every server another token URL? The old ones are refused then.")
    done = put_back(file, folder, passphrase, force=force, rotate_tokens=bool(rotate_tokens))
    put_on_record(data_dir, "backup.restore")
    about = done.manifest
    click.echo(
        f"Restored into {folder}: written {about.created_at} by Toolgate {about.toolgate}, schema {about.schema}, "
        f"{done.sealed} sealed rows."
    )
    if done.aside is not None:
        click.echo(f"What was there before is in {done.aside}.")
    if done.servers and rotate_tokens:
        click.echo(f"{done.servers} server(s) have another token URL; the old ones are refused.")
    elif done.servers:
        click.echo(
            f"{done.servers} server(s) keep their token URLs. If somebody else may have seen the backup, "
            "give them others: restore with --rotate-tokens, or `toolgate servers rotate-token ID`."
        )


def _passphrase(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8") as file:
            found = file.readline(_LONGEST + 1).rstrip("\r\n")
    except UnicodeDecodeError:
        raise BackupError(f"The passphrase in {path} is not UTF-8.") from None
    if not _SHORTEST <= len(found) <= _LONGEST:
        raise BackupError(f"The passphrase in {path} must have {_SHORTEST} to {_LONGEST} characters.")
    return found
