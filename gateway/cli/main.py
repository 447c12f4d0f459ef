"""The commands, put together."""

from importlib.metadata import version

import click

from gateway.cli.accounts import accounts
from gateway.cli.approvals import approvals
from gateway.cli.audit import audit
from gateway.cli.auth_configs import auth_configs
from gateway.cli.backup import backup, restore
from gateway.cli.check import check
from gateway.cli.connect import connect
from gateway.cli.connectors import connectors
from gateway.cli.credentials import credentials
from gateway.cli.jwt_issuers import jwt_issuers
from gateway.cli.keys import keys
from gateway.cli.regenerate import regenerate
from gateway.cli.serve import serve
from gateway.cli.servers import servers
from gateway.cli.users import users
from gateway.cli.vault import vault


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("toolgate"), prog_name="toolgate")
def main() -> None:
    """Toolgate: a self-hosted gate between AI assistants and the platforms that people work with."""


COMMANDS = (
    serve,
    keys,
    users,
    accounts,
    jwt_issuers,
    connectors,
    auth_configs,
    credentials,
    servers,
    approvals,
    audit,
    connect,
    vault,
    backup,
    restore,
    check,
    regenerate,
)
for command in COMMANDS:
    main.add_command(command)
