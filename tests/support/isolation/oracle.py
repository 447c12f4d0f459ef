"""Who may do what and see what: the rules of docs/authentication.md once more, and nothing of the gateway's code.

Targets are judged by id and account as a person would judge them who reads that page: "is this theirs?".
"""

from collections.abc import Mapping

from support.isolation.callers import Who
from support.isolation.doors import Door
from support.isolation.things import Mark, Thing
from support.isolation.world import World

_TRAILS = {"list-audit", "list-server-activity"}
_PERSONAL = {"server", "credential", "act", "approval", "user", "key", "token", "link"}


def expected(world: World, who: Who, door: Door, targets: Mapping[str, Thing]) -> tuple[int, ...]:
    """The statuses that are right: `door.ok` where they may."""
    if who.refused is not None:
        return (who.refused,)
    if door.key_only and who.door != "api_key":
        return (403,)
    if door.scope is not None and door.scope not in who.scopes:
        return (403,)
    if door.writes and not who.known:
        return (403,)
    own = door.operation == "list-jwt-issuers" and targets["account"].account == who.account
    if door.operator and who.account != "O" and not own:
        return (403,)
    for name in door.takes:
        refused = _refused(world, who, door, name, targets)
        if refused is not None:
            return (refused,)
    return door.ok


def _refused(world: World, who: Who, door: Door, name: str, targets: Mapping[str, Thing]) -> int | None:
    thing, account = targets[name], world.accounts[who.account]
    match name:
        case "server" if door.operation == "list-audit":
            return None
        case "server" | "confirming":
            return _server(world, who, door, thing)
        case "approval":
            return None if thing.of == targets["server"].id else 404
        case _ if door.rule == "filter":
            named = name == "person" and door.operation == "list-audit"
            return 403 if named and not manages(who) and thing.id != who.user else None
        case "connector" | "signin" | "tasks":
            return None if thing.account in (who.account, "shipped") else 404
        case "owner":
            return None if thing.id == who.user or (who.door == "api_key" and account.known(thing.id)) else 403
        case "credential" | "again":
            named = [targets[key].id for key in ("owner", "user") if key in door.takes]
            whose = named[0] if named else who.user
            where = [targets[key].id for key in ("connector", "signin", "tasks") if key in targets]
            right = where in ([], [thing.of])
            return None if (thing.account, thing.user) == (who.account, whose) and right else door.missing
        case "client":
            return None if thing.account == who.account and thing.of == targets["signin"].id else door.missing
        case "user":
            return None if account.known(thing.id) or thing.account == who.account else 404
        case "account":
            return None if thing.account != "-" else 404
        case "issuer":
            return None if thing.of == targets["account"].id and thing.account != "-" else 404
        case _:
            return None if thing.account == who.account else 404


def _server(world: World, who: Who, door: Door, server: Thing) -> int | None:
    if server.account != who.account:
        return 404
    if door.rule != "use":
        return None if server.user == who.user else 404
    if server.user not in (who.user, who.principal) and not server.public and who.user not in server.allowed:
        return 404
    if server.paused or server.user == world.accounts[who.account].ids["gone"]:
        return 403
    return 403 if server.allowed and who.user not in server.allowed else None


def manages(who: Who) -> bool:
    return who.door == "api_key" and "manage" in who.scopes


def sees_rows_of(who: Who, user: str) -> bool:
    """Whether rows of the trail by this user of the caller's account are theirs to see."""
    return manages(who) or user == who.user


def may_see(who: Who, door: Door, targets: Mapping[str, Thing], allowed: bool, mark: Mark) -> bool:
    """Whether this mark may stand in the answer."""
    thing = mark.thing
    if mark.secret or who.refused is not None or not allowed:
        return False
    if (
        (door.operation in _TRAILS or door.path.endswith("activity"))
        and thing.kind == "connector"
        and mark.text == thing.id
    ):
        # What one has asked for oneself is on record, whether it was there or not.
        return True
    if door.operation == "list-audit" and thing.account == who.account and mark.text == thing.id:
        # And so is what one did to others; that the rows are one's own is held where they are read.
        return thing.kind != "act" or thing.user == who.user or manages(who)
    if thing.account != who.account:
        named = door.operation != "list-audit" or mark.text == thing.id
        return who.account == "O" and thing.kind in door.abroad and named
    if thing.kind == "token":
        return thing.user == who.user
    if thing.user is None:
        return thing.kind in door.shows or thing.kind in door.abroad or thing in targets.values() or not door.takes
    if thing.user == who.user or thing.id == who.user:
        return True
    if any(thing == target for target in targets.values()):
        return True
    if "owner" in door.takes and thing.user == targets["owner"].id:
        return thing.kind in _PERSONAL
    if door.operation == "list-audit" and not manages(who):
        return False
    return thing.kind in door.shows
