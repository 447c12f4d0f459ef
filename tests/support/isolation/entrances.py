"""Every way to a server over MCP: by its plain address and by its token URL, for everybody who may come there."""

from collections.abc import Iterator
from dataclasses import dataclass

from support.isolation.callers import ISSUERS, OTHER, Who, bearer, jwt_of
from support.isolation.doors import Door
from support.isolation.oracle import expected
from support.isolation.targets import pairs_of
from support.isolation.things import Thing
from support.isolation.world import World

LABELS = ("private", "public", "shared", "named", "direct", "paused")
TOKEN_LABELS = (*LABELS, "rotated", "expired")
STRANGER = "a-stranger-whom-a-jwt-proves"
# Whether somebody may use a server is the same question at each of its doors.
PLAIN = Door("execute-mcp-api", "POST", "/mcp/{server}", ("server",), scope="use", rule="use")


@dataclass(frozen=True)
class Entrance:
    """One caller at one server. `absent` is an address of none, where the caller may not tell this one from it."""

    who: Who
    server: Thing
    path: str
    # The status that is right.
    right: int
    absent: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return self.who.headers


def plain(world: World, everybody: list[Who]) -> Iterator[Entrance]:
    """Everybody at `/mcp/{serverId}` of their own, a colleague's, a disabled user's and other accounts' servers."""
    for who in everybody:
        for account, role in pairs_of(who):
            for label in LABELS:
                server = world.the("server", account, role, label)
                (right,) = expected(world, who, PLAIN, {"server": server})
                may_know = who.refused is None and right == 403 and "use" in who.scopes
                # Where a client can sign in at an account's own issuer is told to everybody: docs/authentication.md.
                told = who.refused == 401 and server.account != "O"
                absent = None if right == 200 or may_know or told else f"/mcp/{server.absent().id}"
                yield Entrance(who, server, f"/mcp/{server.id}", right, absent)


def insiders(world: World, everybody: list[Who]) -> Iterator[Entrance]:
    """Those of them who may use servers, each at one in either mode."""
    for who in everybody:
        if who.refused is None and "use" in who.scopes and who.user != STRANGER:
            for label in ("public", "direct"):
                role = "mate" if label == "direct" and who.user != "admin" else "admin"
                server = world.the("server", who.account, role, label)
                yield Entrance(who, server, f"/mcp/{server.id}", 200)


def by_token(world: World, account: str) -> Iterator[Entrance]:
    """Everybody who may come by the token URLs of an account's servers, and whoever comes with a wrong token."""
    for server in [each for each in world.of("server", account) if each.label in TOKEN_LABELS]:
        path = f"/mcp/{server.id}/{server.token}"
        for label, headers, user, refused in comers(world, server):
            who = Who(label, headers, account, user, server.user or "", "token", refused=refused)
            right = 401 if server.expired else refused or _at_token_door(world, user, server)
            gone = f"/mcp/{server.absent().id}/{server.token}" if server.expired else None
            yield Entrance(who, server, path, right, gone)
        for text in _wrong_tokens(world, server):
            who = Who("a wrong token", {}, refused=401)
            yield Entrance(who, server, f"/mcp/{server.id}/{text}", 401, f"/mcp/{server.absent().id}/{text}")


def insiders_by_token(world: World, account: str) -> Iterator[Entrance]:
    """Those of them who are let in, at a server in either mode."""
    for entrance in by_token(world, account):
        if entrance.right == 200 and entrance.server.label in ("private", "direct") and entrance.who.user != STRANGER:
            yield entrance


def stranger(world: World, account: str) -> Who:
    token = jwt_of(world, ISSUERS[account][0], STRANGER)
    return Who("JWT of a stranger", bearer(token), account, STRANGER, STRANGER)


def _at_token_door(world: World, user: str, server: Thing) -> int:
    if world.accounts[server.account].ids["gone"] in (server.user, user):
        return 403
    return 403 if server.paused or (server.allowed and user not in server.allowed) else 200


def comers(world: World, server: Thing) -> Iterator[tuple[str, dict[str, str], str, int | None]]:
    """Who comes by a token URL: what they are called, what they send, who counts, how they are refused."""
    account, abroad = world.accounts[server.account], world.accounts[OTHER[server.account]]
    kind, owner = ISSUERS[account.name][0], str(server.user)
    yield "bare", {}, owner, None
    for role, user in account.ids.items():
        counts = user if server.public and user in server.allowed else owner
        yield f"userid of {role}", {"x-alloy-userid": user}, counts, None
        refused = 403 if role == "gone" else None
        yield f"user token of {role}", {"x-alloy-user-token": jwt_of(world, kind, user)}, user, refused
        yield (
            f"user token of {role}, and a userid",
            {"x-alloy-user-token": jwt_of(world, kind, user), "x-alloy-userid": "admin"},
            user,
            refused,
        )
    yield "userid of another account", {"x-alloy-userid": abroad.ids["mate"]}, owner, None
    yield "userid of nobody", {"x-alloy-userid": "nobody-knows-them"}, owner, None
    yield "user token of a stranger", {"x-alloy-user-token": jwt_of(world, kind, STRANGER)}, STRANGER, None
    foreign = jwt_of(world, ISSUERS[abroad.name][0], "admin")
    yield "user token of another account", {"x-alloy-user-token": foreign}, owner, 401
    yield "expired user token", {"x-alloy-user-token": jwt_of(world, kind, "admin", exp=1)}, owner, 401
    yield "garbage as user token", {"x-alloy-user-token": "a.b.c"}, owner, 401
    yield "and another account's key", bearer(abroad.keys["both"]), owner, None


def _wrong_tokens(world: World, server: Thing) -> list[str]:
    account = world.accounts[server.account]
    another = next(each for each in world.of("server", account.name) if each.id != server.id)
    abroad = world.of("server", OTHER[account.name])[0]
    before = [world.old_tokens[server.id]] if server.id in world.old_tokens else []
    made_up = [server.token[:-8] + "AAAAAAAA", account.keys["both"], "mcp_token_"]
    return [another.token, abroad.token, *before, *made_up]
