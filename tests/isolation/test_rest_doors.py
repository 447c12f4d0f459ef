"""Isolation as a matrix over REST: every identity at every operation, aiming at everybody's things.

Each cell has the status that the rules give it, shows no mark of what its caller may not see, counts only what is
theirs; what is refused changes nothing, and reads byte for byte as if there were no such thing.
"""

import pytest

from gateway.contract import load_document
from support.isolation.callers import callers, nobody
from support.isolation.doors import DOORS, ELSEWHERE
from support.isolation.trying import Tried, try_door
from support.isolation.world import World
from support.completeness import METHODS


def test_every_operation_has_its_line() -> None:
    document = load_document()
    there = {
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in METHODS
    }
    assert {door.operation for door in DOORS} | ELSEWHERE == there
    assert not {door.operation for door in DOORS} & ELSEWHERE


def matrix(world: World, account: str) -> None:
    tried = Tried()
    for who in nobody() if account == "-" else callers(world, account):
        for door in DOORS:
            try_door(world, who, door, tried)
    print(f"\n{account}: {tried.cells} cells, {tried.compared} compared with what is not there")
    for (who, operation), statuses in sorted(tried.table.items()):
        print(f"{who:45} {operation:36} {' '.join(map(str, sorted(statuses)))}")
    assert not tried.wrong, tried.report()
    assert tried.cells > 200


class TestNobody:
    def test_matrix(self, world: World) -> None:
        matrix(world, "-")


class TestTheOperatorsAccount:
    def test_matrix(self, world: World) -> None:
        matrix(world, "O")


class TestOneAccount:
    def test_matrix(self, world: World) -> None:
        matrix(world, "A")


class TestAnotherAccount:
    def test_matrix(self, world: World) -> None:
        matrix(world, "B")
