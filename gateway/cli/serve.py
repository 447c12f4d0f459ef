"""`toolgate serve`: the service, ready on a fresh machine without a configuration."""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import uvicorn

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER, SERVICE
from gateway.access.keys import new_key
from gateway.access.trail import record
from gateway.assembly import build_gate
from gateway.cli.common import data_dir_option, sentences, settings_for
from gateway.cli.server import Server
from gateway.gate import Gate
from gateway.http.request_id import RequestIdFilter
from gateway.http.server import protocol
from gateway.settings import Settings

# What the process may have open, and how much of it is not for connections to it.
_MOST_FILES = 65_536
_OTHER_FILES = 1_024
FIRST_KEY_FILE = "first-api-key"
log = logging.getLogger("toolgate")


@click.command()
@click.option("--host", help="Address to listen on  [env: TOOLGATE_HOST; default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on  [env: TOOLGATE_PORT; default: 3000]")
@click.option(
    "--forwarded-allow-ips",
    default="127.0.0.1",
    show_default=True,
    help="Proxies whose X-Forwarded headers are believed, as uvicorn has it.",
)
@data_dir_option
@sentences
def serve(host: str | None, port: int | None, forwarded_allow_ips: str, data_dir: Path | None) -> None:
    """Serve the API. The first start makes the database, the secrets and the first API key."""
    settings = settings_for(data_dir, host=host, port=port)
    logging.basicConfig(
        level=settings.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s",
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
    # What they say at the level of information is about themselves.
    quiet = "warning" if settings.log_level == "info" else settings.log_level
    logging.getLogger("alembic").setLevel(quiet.upper())
    for line in _notes(settings):
        log.info(line)
    listener = _listen(settings)
    settings = replace(settings, port=listener.getsockname()[1])
    gate = build_gate(settings)
    try:
        asyncio.run(_begin(gate))
        with warnings.catch_warnings(), _nothing_to_collect():
            # Connexion warns, when it is loaded, of libraries that it uses in an old way: no operator can mend that.
            warnings.filterwarnings("ignore", module=r"(connexion|jsonschema|starlette)\b")
            # It takes a quarter of a second to load: neither other commands need it, nor a start that fails.
            from gateway.app import create_app  # noqa: PLC0415 (for that reason)

            app = create_app(gate)
        config = uvicorn.Config(
            app,
            http=protocol(settings.http, _most_connections(settings.max_connections)),
            ws="none",
            # Paths of token URLs are secrets: TOOLGATE_ACCESS_LOG logs requests with the token redacted.
            access_log=False,
            log_config=None,
            log_level=quiet,
            server_header=False,
            forwarded_allow_ips=forwarded_allow_ips,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        server = Server(config, gate)
        server.run(sockets=[listener])
    finally:
        listener.close()
        # The lifespan has closed it already, unless the service never came up.
        asyncio.run(gate.close())
    if not server.started:
        raise SystemExit(1)


@contextlib.contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """While things are made that stay: to walk through them again and again takes a fifth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _listen(settings: Settings) -> socket.socket:
    """The socket to serve on, taken before anything is made. Port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With its protocol named: where there is no uvloop, asyncio sends small answers at once only then (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise click.ClickException(f"{settings.host}:{settings.port} cannot be served: {error.strerror}.") from None
    return listener


def _most_connections(wanted: int) -> int:
    """As many, or as many as open files leave room for: calls to platforms and the database need some as well."""
    if sys.platform == "win32":
        return wanted
    import resource  # noqa: PLC0415 (Windows has none)

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(soft - _OTHER_FILES, soft // 2))


def _notes(settings: Settings) -> list[str]:
    notes = []
    if settings.audit == "behind":
        notes.append("TOOLGATE_AUDIT=behind: a crash may lose the audit rows of the last actions.")
    if settings.rate_limit:
        notes.append("Rate limits are counted in this process alone.")
    return notes


async def _begin(gate: Gate) -> None:
    await gate.begin()
    await _first_key(gate)


async def _first_key(gate: Gate) -> None:
    """Make the first API key where there is none, and hand it over once."""
    preset = gate.settings.api_key
    if await gate.keys.list(DEFAULT_ACCOUNT):
        if preset and await gate.keys.find(preset) is None:
            log.warning(
                "TOOLGATE_API_KEY is not a key in force here: it presets only the first key of a data directory."
            )
        return
    key = preset or new_key()
    file = None if preset or sys.stdout.isatty() else gate.settings.data_dir / FIRST_KEY_FILE
    if file is not None:
        # Before the key counts: who is stopped in between must not have a key in force that nobody knows.
        _write_private(file, key)
    await gate.keys.create(
        DEFAULT_ACCOUNT,
        FIRST_USER,
        key=key,
        also=lambda connection, made: record(connection, SERVICE, "key.create", subject=made),
    )
    if preset:
        click.echo(f"The first API key is the one in TOOLGATE_API_KEY, for user {FIRST_USER!r}.")
    elif file is None:
        click.echo(f"Your first API key, for user {FIRST_USER!r}; it is shown only now:\n\n    {key}\n")
    else:
        click.echo(f"Your first API key, for user {FIRST_USER!r}, is in {file}; read it and delete the file.")


def _write_private(path: Path, text: str) -> None:
    """A new file with one line, for its owner's eyes only, on the disk before this returns."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
