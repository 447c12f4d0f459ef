"""The commands, put together."""

from collections import UserDict
from importlib import import_module
from typing import Any

import click

# Each command, and the module that has it.
MODULES = {
    "serve": "serve",
    "keys": "keys",
    "users": "users",
    "accounts": "accounts",
    "jwt-issuers": "jwt_issuers",
    "connectors": "connectors",
    "auth-configs": "auth_configs",
    "credentials": "credentials",
    "servers": "servers",
    "approvals": "approvals",
    "audit": "audit",
    "connect": "connect",
    "vault": "vault",
    "backup": "backup",
    "restore": "backup",
    "check": "check",
    "regenerate": "regenerate",
}


class Commands(UserDict[str, Any]):
    """Commands by name. A module is imported when its command is asked for: all of them take twice as long as one."""

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"gateway.cli.{super().__getitem__(name)}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command


@click.group(commands=Commands(MODULES), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="toolgate", prog_name="toolgate")
def main() -> None:
    """Toolgate: a self-hosted gate between AI assistants and the platforms that people work with."""
