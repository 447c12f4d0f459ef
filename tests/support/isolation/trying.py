"""One caller at one door, aiming at one target: asked, and held against what is right."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from support.isolation.callers import Who
from support.isolation.doors import Door
from support.isolation.oracle import expected, manages, may_see, sees_rows_of
from support.isolation.targets import SLACK, Targets, absent_twin, targets_of
from support.isolation.things import NOBODYS, Thing
from support.isolation.wire import Answer
from support.isolation.world import World


@dataclass
class Tried:
    """What came of it: how many `cells`, and how many were `compared` with what is not there; `wrong` is in words."""

    cells: int = 0
    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    # What was answered where there is nothing, by who asked for what.
    nothing: dict[Any, tuple[int, str]] = field(default_factory=dict)
    table: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def report(self) -> str:
        """The cells that are not right: how many at each operation, and the first of them."""
        counts = Counter(line.split(" | ")[1].split()[0] for line in self.wrong)
        summed = ", ".join(f"{operation} {count}" for operation, count in counts.most_common())
        return "\n".join([f"{len(self.wrong)} of {self.cells} cells: {summed}", *self.wrong[:40]])

    def note(self, who: Who, door: Door, targets: Mapping[str, Thing], text: str) -> None:
        aimed = ", ".join(f"{name}={thing.account}.{thing.user or ''}.{thing.label}" for name, thing in targets.items())
        self.wrong.append(f"{who} | {door.operation} {door.method} {door.path} | {aimed or 'nothing'}: {text}")


def ask(world: World, who: Who, door: Door, targets: Mapping[str, Thing]) -> Answer:
    ids = {name: thing.id for name, thing in targets.items()}
    path = door.path.format(**{name: quote(value, safe="") for name, value in ids.items()})
    body = None if door.body is None else _filled(door.body, {**ids, "new": f"new-{secrets.token_hex(6)}"})
    return world.wire.ask(door.method, path, who.headers, body)


def try_door(world: World, who: Who, door: Door, tried: Tried) -> None:
    """All targets of one caller at one door: those that are refused first, and nothing has changed after them."""
    aims = [(targets, expected(world, who, door, targets)) for targets in targets_of(world, who, door)]
    refused = [(targets, right) for targets, right in aims if right != door.ok]
    own = (world.accounts[who.account].account_id, who.user) if who.refused is None else ("", "")
    version = world.version()
    with world.holding():
        for targets, right in refused:
            _try(world, who, door, targets, right, tried)
        if door.method != "GET" and world.version() != version and (changed := world.changed(own)):
            tried.note(who, door, {}, f"refused, but something has changed of {changed}")
    for targets, right in aims:
        if right == door.ok:
            _try(world, who, door, _fresh(world, who, door, targets), right, tried)


def _try(world: World, who: Who, door: Door, targets: Targets, right: tuple[int, ...], tried: Tried) -> None:
    allowed = right == door.ok
    total = counted(world, who, door, targets) if allowed else None
    answer = ask(world, who, door, targets)
    tried.cells += 1
    tried.table.setdefault((str(who), door.operation), set()).add(answer.status)
    if answer.status not in right:
        tried.note(who, door, targets, f"{answer.status}, not {right}: {answer.text[:200]}")
        return
    given = {thing.id for thing in targets.values()}
    for text in sorted(world.found(answer.whole) - given):
        mark = world.marks[text]
        if not may_see(who, door, targets, allowed, mark):
            tried.note(who, door, targets, f"shows {text!r} of {mark.thing.account}.{mark.thing.user}")
    if allowed:
        if dict(answer.headers)["x-alloy-userid"] != who.user:
            tried.note(who, door, targets, "another user counted")
        if door.operation == "list-audit":
            users = {row["userId"] for row in answer.json()["audit"]}
            if strangers := [user for user in users if not sees_rows_of(who, user)]:
                tried.note(who, door, targets, f"shows what {strangers} did")
        if total is not None and (said := _said(answer)) != total:
            tried.note(who, door, targets, f"counts {said}, and there are {total}")
    foreign = any(thing.account not in (who.account, "shipped") for thing in targets.values())
    # Who may know of a server is told that its owner is disabled.
    told = who.refused is None and door.rule == "use" and right == (403,)
    if (not allowed and not told) or (door.rule == "filter" and foreign):
        twin = absent_twin(who, targets)
        if twin != targets:
            tried.compared += 1
            said, nothing = answer.without(_asked(targets)), _nothing(world, who, door, twin, tried)
            if said != nothing:
                tried.note(
                    who, door, targets,
                    f"differs from nothing: {said} and {nothing}",
                )  # fmt: skip


def _nothing(world: World, who: Who, door: Door, twin: Targets, tried: Tried) -> tuple[int, str]:
    """The answer where there is nothing: asked for once, for it does not depend on which nothing it is."""
    which = [(name, len(thing.id) if thing.account == NOBODYS else thing.id) for name, thing in twin.items()]
    key = (str(who), door.operation, door.method, door.path, *which)
    if key not in tried.nothing:
        tried.nothing[key] = ask(world, who, door, twin).without(_asked(twin))
    return tried.nothing[key]


def _asked(targets: Targets) -> list[str]:
    return [thing.id for thing in targets.values() if thing != SLACK]


def _fresh(world: World, who: Who, door: Door, targets: Targets) -> Targets:
    """The targets with something new in place of what is destroyed; whose it is stays the same."""
    if door.fresh is None:
        return targets
    last = targets[door.takes[-1]]
    account = who.account if last.account in ("shipped", "-") else last.account
    whose = last.user or who.user
    roles = {user: role for role, user in world.accounts[account].ids.items()}
    made = world.fresh(door.fresh, account, roles.get(whose, "admin"), "paused" if last.paused else "fresh")
    if door.fresh == "credential" and "connector" in door.takes:
        return {**targets, "connector": SLACK, "credential": made}
    return {**targets, door.takes[-1]: made}


def counted(world: World, who: Who, door: Door, targets: Targets) -> int | None:
    """How many entries are right, counted in the database; None where nothing is counted."""
    account = world.accounts[who.account].account_id
    at_server = targets.get("server", targets.get("confirming"))
    match door.operation, door.takes:
        case "list-servers", ():
            sql = "SELECT COUNT(*) FROM servers WHERE account_id = ? AND user_id = ?"
            return world.count(sql, account, who.user)
        case "list-server-approvals", _:
            assert at_server
            sql = "SELECT COUNT(*) FROM approvals WHERE account_id = ? AND server_id = ? AND expires_at > ?"
            return world.count(sql, account, at_server.id, int(time.time()))
        case "list-server-activity", ("server",):
            sql = "SELECT COUNT(*) FROM audit WHERE account_id = ? AND server_id = ?"
            return world.count(sql, account, at_server.id)
        case "list-audit", ():
            sql = "SELECT COUNT(*) FROM audit WHERE account_id = ? AND (? OR user_id = ?)"
            return min(1000, world.count(sql, account, manages(who), who.user))
        case "list-users", ():
            return world.count("SELECT COUNT(*) FROM users WHERE account_id = ?", account)
        case "list-keys", ():
            return world.count("SELECT COUNT(*) FROM api_keys WHERE account_id = ?", account)
        case "list-connectors", ():
            return world.count("SELECT COUNT(*) FROM connectors WHERE account_id = ?", account) + world.shipped
        case "list-auth-configs", ():
            return world.count("SELECT COUNT(*) FROM auth_configs WHERE account_id = ?", account)
        case "list-accounts", ():
            return world.count("SELECT COUNT(*) FROM accounts")
        case _:
            return None


def _said(answer: Answer) -> int:
    body = json.loads(answer.text)
    if "total" in body:
        entries = next(value for value in body.values() if isinstance(value, list))
        assert body["total"] == len(entries) or len(entries) == 1000, "a page of everything"
        return int(body["total"])
    return len(next(iter(body.values())))


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**ids) if value.startswith(("{", "urn:{")) else value
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    return value
