"""What is another's costs the store the same statements as what is not there: no timing tells that there is something.

The service runs in this process, so that every statement of every connection can be noted down. Wall clocks say little
on a machine that does other things as well; what they said is printed.
"""

import re
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import storage.sqlite
from support.inside import inside
from support.isolation.callers import ISSUERS, Who, bearer, callers, jwt_of
from support.isolation.doors import DOORS
from support.isolation.messages import LEGACY, MESSAGES, batch, post
from support.isolation.oracle import expected
from support.isolation.targets import SLACK, absent_twin, targets_of
from support.isolation.trying import ask
from support.isolation.world import World, furnished
from support.service import JWT_SECRET, Service

LITERAL = re.compile(r"X?'(?:[^']|'')*'|\b\d+\b|\bNULL\b")
# What is counted and kept beside the requests.
ASIDE = ("key_uses", "generation", "audit", "idempotency")
# Who reads the trail reads it for somebody; the other statements about it only add to it.
READING = re.compile(r"SELECT .*\bFROM audit\b", re.DOTALL)


class Noted:
    """The statements of all connections, in order, with their values left out."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def note(self, statement: str) -> None:
        aside = any(name in statement for name in ASIDE) and not READING.match(statement)
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")) and not aside:
            self.statements.append(LITERAL.sub("?", statement))

    def during(self, job: Any) -> tuple[str, ...]:
        self.statements.clear()
        job()
        return tuple(self.statements)


@pytest.fixture(scope="module")
def noted() -> Iterator[Noted]:
    noted, connect = Noted(), storage.sqlite.connect

    def connecting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(noted.note)
        return connection

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage.sqlite, "connect", connecting)
        yield noted


@pytest.fixture(scope="module")
def world(noted: Noted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    @contextmanager
    def serve(folder: Path) -> Iterator[Service]:
        with inside(folder, jwt_secret=JWT_SECRET) as running:
            service = Service(running.url, folder / "data", {}, None, folder / "output.txt")  # type: ignore[arg-type]
            yield service
            for client in service.clients:
                client.close()

    with furnished(tmp_path_factory.mktemp("statements"), serve) as made:
        yield made


def some(world: World) -> list[Who]:
    wanted = {"key", "key for use", "colleague's key", "JWT RS256, mate", "key, userid of nobody"}
    return [who for who in callers(world, "A") if who.label in wanted]


def test_over_rest(world: World, noted: Noted) -> None:
    wrong, compared, ratios = [], 0, []
    for who in some(world):
        for door in DOORS:
            for targets in targets_of(world, who, door):
                twin = absent_twin(who, targets)
                # What is filtered by another's id is answered 200: that there is nothing must not take longer either.
                foreign = any(thing.account not in (who.account, "shipped") for thing in targets.values())
                passed = () if door.rule == "filter" and foreign else door.ok
                if twin == targets or expected(world, who, door, targets) in (passed, (403,)):
                    continue
                spent: dict[int, list[float]] = {0: [], 1: []}
                seen: dict[int, tuple[str, ...]] = {}
                # The second time what may be kept in memory is there.
                for _ in range(2):
                    for number, aim in enumerate((targets, twin)):
                        begun = time.perf_counter()
                        seen[number] = noted.during(partial(ask, world, who, door, aim))
                        spent[number].append(time.perf_counter() - begun)
                compared += 1
                ratios.append(spent[0][-1] / spent[1][-1])
                if seen[0] != seen[1]:
                    aimed = ", ".join(f"{n}={t.account}.{t.label}" for n, t in targets.items() if t is not SLACK)
                    wrong.append(f"{who} | {door.operation} {door.path} | {aimed}: {seen[0]} and {seen[1]}")
    print(f"\n{compared} pairs; another's takes {statistics.median(ratios):.2f} times as long as nothing (median)")
    assert not wrong, f"{len(wrong)} of {compared}:\n" + "\n".join(wrong[:20])
    assert compared > 100


def test_over_mcp(world: World, noted: Noted) -> None:
    token = jwt_of(world, ISSUERS["A"][0], world.accounts["A"].ids["mate"])
    foreign = jwt_of(world, ISSUERS["B"][0], "admin")
    wrong = "mcp_token_" + "A" * 43
    listing = next(message for message in MESSAGES if message.method == "tools/list")
    labels = ("private", "public", "paused", "rotated", "expired")
    private, public, paused, rotated, expired = (world.the("server", "A", "admin", label) for label in labels)
    # A cell each: the server, the headers, and what stands behind the server's id.
    cells = [
        (private, bearer(token), ""),
        (private, {}, f"/{wrong}"),
        (rotated, {}, f"/{world.old_tokens[rotated.id]}"),
        (expired, {}, f"/{expired.token}"),
        *((server, bearer(foreign), "") for server in (private, public, paused)),
        *((server, {}, f"/{wrong}") for server in (public, paused)),
    ]
    for server, headers, rest in cells:
        absent = server.absent()
        for way in (partial(post, message=listing, era=LEGACY), partial(batch, members=[(listing, "", "")])):
            for _ in range(2):
                there = noted.during(partial(way, world, f"/mcp/{server.id}{rest}", headers))
                nothing = noted.during(partial(way, world, f"/mcp/{absent.id}{rest}", headers))
            assert there == nothing, (server.label, headers, rest)


def test_over_tools(world: World, noted: Noted) -> None:
    server, who = world.the("server", "A", "admin", "public"), some(world)[0]
    own, abroad = world.the("connector", "A", label="own"), world.the("connector", "B", label="own")
    credentials = [world.the("credential", "A", "mate", "own"), world.the("credential", "B", "admin", "own")]
    for message in MESSAGES:
        if message.direct or message.era not in (None, LEGACY):
            continue

        def said(connector: str, credential: str, message: Any = message) -> tuple[str, ...]:
            return noted.during(
                lambda: post(world, f"/mcp/{server.id}", who.headers, message, LEGACY, connector, credential)
            )

        if message.aimed:
            for _ in range(2):
                there = said(abroad.id, credentials[1].id)
                nothing = said(abroad.absent().id, credentials[1].absent().id)
            assert there == nothing, message
        if message.with_credential:
            for credential in credentials:
                for _ in range(2):
                    there = said(own.id, credential.id)
                    nothing = said(own.id, credential.absent().id)
                assert there == nothing, message
