"""How tests are spread over the workers of pytest-xdist: what takes long begins first, divided where that can be.

pytest-xdist's `loadscope` gives a module, or a class, to one worker, the one with most tests first. A dozen modules of
few tests, each a process or a fault, would come last: three workers would wait for minutes for the fourth.
"""

from collections import Counter

import pytest
from xdist.scheduler import LoadScopeScheduling

# In this order. A folder or the beginning of a file's name.
LONG = (
    "tests/test_no_secret_is_written.py",
    "tests/isolation/",
    "tests/faults/",
    "tests/gateway/test_cli",
    "tests/handlers/test_audit_coverage.py",
    "tests/storage/",
    "tests/test_benchmarks.py",
    "tests/gateway/regenerate/",
    "tests/handlers/test_hostile_platforms.py",
    "tests/handlers/test_connector_refusals.py",
    "tests/handlers/test_inbound_limits.py",
    "tests/handlers/test_slow_clients.py",
    "tests/gateway/credentials/oauth/test_refresh",
    "tests/handlers/test_idempotency_key.py",
    "tests/handlers/test_oauth_life.py",
    "tests/handlers/test_oauth_removal.py",
    "tests/handlers/test_server_management.py",
    "tests/handlers/test_jwt_issuers.py",
    "tests/handlers/test_key_life.py",
    "tests/handlers/test_abuse.py",
    "tests/platforms/test_platforms.py",
)
# Each of their tests starts what it needs itself, so that any worker may have it.
DIVIDED = (
    "tests/faults/",
    "tests/gateway/test_cli.py",
    "tests/gateway/test_cli_audit.py",
    "tests/gateway/test_cli_people.py",
    "tests/gateway/test_cli_vault.py",
    "tests/gateway/regenerate/",
    "tests/handlers/test_idempotency_key.py",
    "tests/handlers/test_oauth_life.py",
    "tests/handlers/test_oauth_removal.py",
    "tests/storage/test_migrations.py",
    "tests/storage/test_upgrade.py",
)


class Balanced(LoadScopeScheduling):
    """`loadscope`, but that a test of DIVIDED is a scope of its own."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(DIVIDED) else super()._split_scope(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort the tests of a worker in place: those of LONG in its order, then the others, most of a module first."""
    sizes = Counter(_module(item) for item in items)
    items.sort(key=lambda item: (_rank(item), -sizes[_module(item)], _module(item)))


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG))
