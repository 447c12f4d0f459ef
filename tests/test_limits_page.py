"""The page of limits says what the code does, and names tests that there are."""

import re
from pathlib import Path

import pytest

from gateway import approvals, issuers, large_json, servers
from gateway.access import jwks, jwt, limits, users, uses
from gateway.http import bodies, connections, parameters, streams, sweeping
from gateway.protocol import batches, dispatch, listen, lists
from gateway.settings import Settings
from storage import prepared, sqlite

ROOT = Path(__file__).parents[1]
PAGE = " ".join((ROOT / "docs" / "limits.md").read_text().split())
MIB = 1024 * 1024
DEFAULTS = Settings(data_dir=Path("unused"))

SAID = {
    f"| {DEFAULTS.rate_limit} | 429 |": "the window of a key",
    f"| {DEFAULTS.max_calls_server} | 429, `details.of` is `server` |": "actions of a server",
    f"| {DEFAULTS.max_calls_account} | 429, `details.of` is `account` |": "actions of an account",
    f"| {DEFAULTS.max_concurrency:,} | 503 |": "requests",
    f"| {DEFAULTS.max_connections:,}, or what open files": "connections",
    f"| {DEFAULTS.max_streams}, a quarter for one caller |": "streams",
    f"| {sqlite.WAITING:,} | 503 |": "writes",
    f"{limits._MOST_CALLERS:,} callers are remembered": "callers",
    f"| {connections.MOST_HEADER_BYTES // 1024} KiB, {connections.MOST_HEADERS} headers |": "heads",
    f"| query parameters | {parameters._MOST_QUERY_PARAMETERS} |": "queries",
    f"| a body | {bodies.MAX_BODY // MIB} MiB;": "bodies",
    f"| values in JSON | {large_json.MOST_VALUES:,} |": "values",
    f"| fields of a form | {bodies._MOST_FIELDS} |": "forms",
    f"| {batches._MOST_MESSAGES:,}, begun within {batches._MOST_SECONDS:.0f} seconds, "
    f"answers of {batches._MOST_BYTES // MIB} MiB |": "batches",
    f"| a JWT | {jwt.MAX_LENGTH // 1024} KiB |": "JWTs",
    f"| {approvals.MOST_PENDING_OF_USER} of a user, {approvals.MOST_PENDING_OF_SERVER} of a server |": "approvals",
    f"| {sweeping.HEAD_SECONDS:.0f} seconds | closed |": "slow heads",
    f"| a body that has begun to come | {bodies._SECONDS:.0f} seconds | 400 |": "slow bodies",
    f"| a body that does not come at all | {sweeping.BODY_SECONDS:.0f} seconds |": "no bodies",
    f"| {sweeping.STUCK_SECONDS:.0f} seconds; of an event stream {streams._STUCK_SECONDS:.0f} |": "stuck readers",
    f"drop by drop | {sweeping.ANSWER_SECONDS:.0f} seconds |": "slow readers",
    f"| a streamed call | {dispatch._MOST_SECONDS:.0f} seconds |": "streamed calls",
    "| `subscriptions/listen` | an hour |": str(listen._MOST_SECONDS / 3600),
    f"| {lists.MOST_ENTRIES:,}, and {lists.MOST_BYTES // MIB} MiB |": "lists",
    f"| servers, users, uses of keys | {servers._MOST_REMEMBERED:,} each |": "servers",
    f"| {issuers._MOST_REMEMBERED:,}; {jwks.MAX_KEYS} keys and {jwks.MAX_BYTES // 1024} KiB": "issuers",
    f"| statements of the database | {prepared._MOST_KNOWN:,} |": "statements",
}


@pytest.mark.parametrize("said", SAID)
def test_the_page_says_what_the_code_does(said: str) -> None:
    assert said in PAGE
    assert users._MOST_REMEMBERED == uses._MOST_REMEMBERED == servers._MOST_REMEMBERED
    assert listen._MOST_SECONDS == 3600
    assert DEFAULTS.user_limit == 6 * DEFAULTS.rate_limit


def test_the_tests_that_it_names_are_there() -> None:
    known = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        known |= set(re.findall(r"def (test_\w+)", path.read_text()))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 15
    assert named <= known, named - known
