"""`toolgate regenerate`: for whoever changes the contract, in a checkout of the repository."""

from pathlib import Path

import click

from gateway.cli.common import sentences


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 where something differs.")
@click.option(
    "--client", type=click.Path(path_type=Path), metavar="DIR", help="Write a typed Python client into DIR, too."
)
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR", help="The checkout; else the one you are in.")
@sentences
def regenerate(check: bool, client: Path | None, root: Path | None) -> None:
    """Make types, handler stubs, the golden document and the API reference from spec/openapi.yaml."""
    # The generators' side is no part of a running service, whose command line this is too.
    from gateway.regenerate.checkout import RegenerateError, find_checkout  # noqa: PLC0415 (for that reason)
    from gateway.regenerate.client import write_client  # noqa: PLC0415 (for that reason)
    from gateway.regenerate.plan import plan  # noqa: PLC0415 (for that reason)

    if check and client:
        raise click.UsageError("--check writes nothing, so that it does not go with --client.")
    try:
        work = plan(find_checkout(root))
        names = work.differences() if check else work.write()
        for name in names:
            click.echo(f"{'differs' if check else 'wrote'}: {name}")
        for name in work.orphans:
            click.echo(f"no operation leads to {name}; remove it, or describe its operation", err=True)
        if client is not None:
            warnings = write_client(work.document, client)
            if warnings:
                click.echo(warnings, err=True)
            click.echo(f"wrote: {client}")
    except RegenerateError as error:
        raise click.ClickException(str(error)) from None
    if work.problems:
        raise click.ClickException(" ".join(work.problems))
    if check and (names or work.orphans):
        raise click.ClickException("The checkout differs from its spec; run `toolgate regenerate` and read the diff.")
    if not names and not work.orphans:
        click.echo("Everything is as the spec says.")
