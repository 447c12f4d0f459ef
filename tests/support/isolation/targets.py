"""What each caller aims at: their own, a colleague's, a disabled user's, other accounts', and what there is not."""

from collections.abc import Iterator, Mapping

from support.isolation.callers import Who
from support.isolation.doors import Door
from support.isolation.things import ACCOUNTS, ROLES, SHIPPED, Thing
from support.isolation.world import World

Targets = dict[str, Thing]
SLACK = Thing("connector", "shipped", None, SHIPPED)


def pairs_of(who: Who) -> list[tuple[str, str]]:
    """(account, role): everybody of the caller's account, and somebody of each other one."""
    own = who.account or "A"
    one, two = [name for name in ACCOUNTS if name != own]
    return [*((own, role) for role in ROLES), (one, "admin"), (two, "mate")]


def targets_of(world: World, who: Who, door: Door) -> list[Targets]:
    """Whoever does not get in at all aims at one thing."""
    found = [
        {name: _resolved(world, who, thing) for name, thing in targets.items()}
        for targets in _targets(world, who, door)
    ]
    # What has the same id in each account is the same target.
    found = [targets for number, targets in enumerate(found) if targets not in found[:number]]
    return found if who.refused is None else found[-1:]


def _resolved(world: World, who: Who, thing: Thing) -> Thing:
    """What an id means to the caller: `admin`, and the connector that is there in each account, are their own."""
    account = who.account or "A"
    if thing.kind == "connector" and thing.id == world.twin:
        return world.the("connector", account, label="twin")
    if thing.kind == "user" and thing.id == "admin":
        return world.the("user", account, "admin", "admin")
    return thing


def absent_twin(who: Who, targets: Mapping[str, Thing]) -> Targets:
    """The same with things that there are not in place of what is not the caller's."""

    def known(thing: Thing) -> bool:
        named = thing.kind == "user" and who.door == "api_key"
        mine = thing.account == who.account and (thing.user in (None, who.user) or named)
        return thing.account == "shipped" or mine

    return {name: thing if known(thing) else thing.absent() for name, thing in targets.items()}


def _targets(world: World, who: Who, door: Door) -> Iterator[Targets]:  # noqa: C901 - a table, read line by line
    pairs = pairs_of(who)
    match door.takes:
        case ():
            yield {}
        case ("server",):
            for account, role in pairs:
                labels = ("private",) if door.rule == "own" else ("private", "public", "shared", "named")
                for label in (*labels, "paused"):
                    yield {"server": world.the("server", account, role, label)}
        case ("server", "approval"):
            mine = _own(world, who, "server", "confirming")
            for account, role in pairs:
                approval = world.the("approval", account, role)
                yield {"server": world.the("server", account, role, "confirming"), "approval": approval}
                yield {"server": mine, "approval": approval}
        case ("tasks",):
            for name in ACCOUNTS:
                for label in ("own", "twin"):
                    yield {"tasks": world.the("connector", name, label=label)}
        case ("tasks", "credential"):
            for each in _tasks_credentials(world, pairs):
                yield {"tasks": each["connector"], "credential": each["credential"]}
                yield {"tasks": world.the("connector", who.account or "A", label="own"), **_only(each)}
        case ("confirming",):
            yield from ({"confirming": world.the("server", account, role, "confirming")} for account, role in pairs)
        case ("server", "connector"):
            mine = _own(world, who, "server", "private")
            yield from ({"server": mine, **each} for each in _connectors(world))
        case ("server", "tasks") | ("server", "signin"):
            mine, what = _own(world, who, "server", "private"), door.takes[1]
            for name in ACCOUNTS:
                for label in ("own", "twin") if what == "tasks" else ("oauth",):
                    yield {"server": mine, what: world.the("connector", name, label=label)}
        case ("server", "person"):
            mine = _own(world, who, "server", "private")
            for account, role in pairs:
                yield {"server": mine, "person": world.the("user", account, role, role)}
        case ("connector",):
            yield from _connectors(world)
        case ("connector", "owner"):
            for account, role in pairs:
                for connector in (SLACK, world.the("connector", account, label="twin")):
                    yield {"connector": connector, "owner": world.the("user", account, role, role)}
        case ("connector", "credential") | ("connector", "owner", "credential"):
            for each in _credentials(world, pairs):
                whose = world.accounts[each["credential"].account].ids
                (role,) = [role for role, user in whose.items() if user == each["credential"].user]
                yield {**each, "owner": world.the("user", each["credential"].account, role, role)}
                if "owner" in door.takes:
                    yield {**each, "owner": _own(world, who, "user", "admin" if who.user == "admin" else "mate")}
        case ("signin", "again"):
            for account, role in pairs:
                again = world.the("credential", account, role, "dead")
                yield {"signin": world.the("connector", account, label="oauth"), "again": again}
                yield {"signin": world.the("connector", who.account or "A", label="oauth"), "again": again}
        case ("signin", "client"):
            for name in ACCOUNTS:
                client = world.the("config", name)
                yield {"signin": world.the("connector", name, label="oauth"), "client": client}
                yield {"signin": world.the("connector", who.account or "A", label="oauth"), "client": client}
        case ("signin",):
            yield from ({"signin": world.the("connector", name, label="oauth")} for name in ACCOUNTS)
        case ("user", "credential"):
            for account, role in pairs:
                credential = world.the("credential", account, role, "shipped")
                yield {"user": world.the("user", account, role, role), "credential": credential}
                yield {"user": _own(world, who, "user", "admin"), "credential": credential}
        case ("user",) | ("person",):
            yield from ({door.takes[0]: world.the("user", account, role, role)} for account, role in pairs)
        case ("key",):
            for account, role in pairs:
                yield {"key": world.the("key", account, role, {"admin": "use"}.get(role, role))}
        case ("config",):
            yield from ({"config": world.the("config", name)} for name in ACCOUNTS)
        case ("account",):
            yield from ({"account": world.the("account", name)} for name in ("A", "B"))
        case ("account", "issuer"):
            for name in ("A", "B"):
                for issuer in world.of("issuer"):
                    yield {"account": world.the("account", name), "issuer": issuer}
        case ("mark",):
            for account, role in pairs:
                server = world.the("server", account, role, "private")
                yield {"mark": Thing("server", account, server.user, server.mark)}
        case ("act",):
            for account, role in pairs:
                yield {"act": world.the("act", account, role)}
        case _:
            raise AssertionError(f"nobody said what {door.takes} may be")


def _own(world: World, who: Who, kind: str, label: str) -> Thing:
    account = who.account or "A"
    role = "mate" if who.user == world.accounts[account].ids["mate"] else "admin"
    return world.the(kind, account, role, role if kind == "user" else label)


def _connectors(world: World) -> Iterator[Targets]:
    yield from ({"connector": connector} for connector in world.of("connector"))


def _credentials(world: World, pairs: list[tuple[str, str]]) -> Iterator[Targets]:
    for account, role in pairs:
        yield {"connector": SLACK, "credential": world.the("credential", account, role, "shipped")}
    yield from _tasks_credentials(world, pairs)
    for account, role in (pairs[1], pairs[3]):
        signin = world.the("connector", account, label="oauth")
        yield {"connector": signin, "credential": world.the("credential", account, role, "oauth")}


def _tasks_credentials(world: World, pairs: list[tuple[str, str]]) -> Iterator[Targets]:
    for account, role in (pairs[0], pairs[1], pairs[3], pairs[4]):
        for label in ("own", "twin"):
            own = world.the("connector", account, label=label)
            yield {"connector": own, "credential": world.the("credential", account, role, label)}


def _only(targets: Targets) -> Targets:
    return {"credential": targets["credential"]}
